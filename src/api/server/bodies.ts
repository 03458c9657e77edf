/**
 * Large answers without blocking: bytes are gathered into chunks, with a yield to the event loop every few
 * milliseconds. Independent of the meaning of the bytes.
 */

import { Readable } from 'node:stream';

const CHUNK_BYTES = 64 * 1024;

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

  /** The gathered bytes; the chunk is empty afterwards. */
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

/**
 * A body for Fastify: it pulls the next buffer when the client took the one before, and ends the generator when the
 * client goes.
 */
export function bodyOf(buffers: AsyncGenerator<Buffer>): Readable {
  return Readable.from(buffers, { objectMode: false });
}

/** The bytes as a Buffer, without a copy. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
