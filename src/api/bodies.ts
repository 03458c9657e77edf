/**
 * Large answers without long turns: bytes are gathered into chunks, and the event loop gets a turn every few milliseconds.
 * Nothing here knows what the bytes mean.
 */

import { Readable } from 'node:stream';

const CHUNK_BYTES = 64 * 1024;
const TURN_MS = 2;

/** Lets other work run when this turn took long enough. Cheap to ask: the clock is read every 64th time. */
export class Breather {
  private sinceMs = performance.now();
  private asked = 0;

  /** True when it is time to `await breathe()`. */
  get due(): boolean {
    this.asked += 1;
    return (this.asked & 63) === 0 && this.dueNow;
  }

  /** The same for longer pieces of work: the clock is read every time. */
  get dueNow(): boolean {
    return performance.now() - this.sinceMs > TURN_MS;
  }

  async breathe(): Promise<void> {
    await turn();
    this.sinceMs = performance.now();
  }
}

const waiting: (() => void)[] = [];

/** A turn of the event loop for each who asks, one after the other: a hundred answers at once must not make one long turn of their short ones. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    if (waiting.length === 1) setImmediate(next);
  });
}

function next(): void {
  const resolve = waiting.shift();
  // What is asked for inside of an immediate comes after whatever else the event loop has to do.
  if (waiting.length > 0) setImmediate(next);
  resolve?.();
}

/** Gathers pieces into one buffer, to be taken when it is full enough. */
export class Chunk {
  private bytes = Buffer.allocUnsafe(CHUNK_BYTES * 2);
  private length = 0;

  get full(): boolean {
    return this.length >= CHUNK_BYTES;
  }

  add(source: Buffer, start = 0, end = source.length): void {
    this.reserve(end - start);
    this.length += source.copy(this.bytes, this.length, start, end);
  }

  addText(text: string): void {
    this.reserve(text.length * 3);
    this.length += this.bytes.write(text, this.length);
  }

  /** What was gathered; the chunk is empty after that. */
  take(): Buffer {
    const taken = this.bytes.subarray(0, this.length);
    this.bytes = Buffer.allocUnsafe(CHUNK_BYTES * 2);
    this.length = 0;
    return taken;
  }

  private reserve(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const bigger = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, this.length + more));
    this.bytes.copy(bigger, 0, 0, this.length);
    this.bytes = bigger;
  }
}

/** A body for Fastify: it pulls the next buffer when the client took the one before, and ends the generator when the client goes. */
export function bodyOf(buffers: AsyncGenerator<Buffer>): Readable {
  return Readable.from(buffers, { objectMode: false });
}

/** The bytes as a Buffer, without a copy. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
