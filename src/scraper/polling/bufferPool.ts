/**
 * Memory for answers, lent out and given back: what an answer was read into is used for a later one as soon as nobody needs its rows. Left to
 * the garbage collector, it lay about until V8 had 64 MiB of such memory more than after its last full collection, which its options do not
 * change. What was given back must never be read again: whoever tries is told so, for it may hold another answer by then.
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

  /** Memory of at least so many bytes; what is in it is anything. */
  take(bytes: number): Buffer {
    const at = this.free.findIndex((buffer) => buffer.length >= bytes);
    const found = at === -1 ? undefined : this.free[at];
    // One that is much larger is left for what needs it.
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
