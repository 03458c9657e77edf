/**
 * A pool of buffers for answers: a buffer is reused for a later answer as soon as no reader needs its rows. Left to the
 * garbage collector, buffers stayed allocated until V8 had 64 MiB of such memory more than after its last full
 * collection, which its options do not change. A released buffer must never be read again, for it may contain another
 * answer by then; a reader that tries gets an error.
 */

/** Sizes are rounded up to this, so that one answer's memory fits the next. */
const STEP_BYTES = 64 * 2 ** 10;
/** A larger one is for a collector that is far behind, or a bad one, and not kept. */
const MOST_BYTES = 4 * 2 ** 20;

export class BufferPool {
  private readonly keepBytes: number;
  /** By size, smallest first. */
  private readonly free: Buffer[] = [];
  private freeBytes = 0;

  /** `keepBytes`: most that is kept for later. */
  constructor(keepBytes: number) {
    this.keepBytes = keepBytes;
  }

  get bytes(): number {
    return this.freeBytes;
  }

  /** A buffer of at least this many bytes; its content is undefined. */
  take(bytes: number): Buffer {
    const at = this.free.findIndex((buffer) => buffer.length >= bytes);
    const found = at === -1 ? undefined : this.free[at];
    // A much larger buffer is left for an answer that needs it.
    if (found === undefined || found.length > 2 * bytes + STEP_BYTES)
      return Buffer.allocUnsafeSlow(Math.ceil(bytes / STEP_BYTES) * STEP_BYTES);
    this.free.splice(at, 1);
    this.freeBytes -= found.length;
    return found;
  }

  give(buffer: Buffer): void {
    if (buffer.length === 0 || buffer.length > MOST_BYTES) return;
    const at = this.free.findIndex((other) => other.length >= buffer.length);
    this.free.splice(at === -1 ? this.free.length : at, 0, buffer);
    this.freeBytes += buffer.length;
    // The smallest go first: a larger one serves them, too.
    while (this.freeBytes > this.keepBytes) this.freeBytes -= this.free.shift()?.length ?? 0;
  }
}
