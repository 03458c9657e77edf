/**
 * The outstanding probes of one prober thread, in columns.
 *
 * A path has K slots side by side (K a power of two); the probe with sequence number s sits in slot `base + (s & (K - 1))`, so a reply finds its
 * probe by index. Blocks of slots are given to streams and taken back, per size, without moving anything.
 */

/** What a slot holds. */
export const SlotState = {
  free: 0,
  /** Sent, neither answered nor given up. */
  waiting: 1,
  received: 2,
  /** Given up: lost or local drop. A reply that still comes is late. */
  expired: 3,
  unreachable: 4,
  /** Given up, then answered. */
  late: 5,
} as const;

const FIRST_CAPACITY = 1024;

export class ProbeSlots {
  state = new Uint8Array(FIRST_CAPACITY);
  /** Clock epoch (`ClockSteps.epoch`) at sending. */
  epoch = new Uint8Array(FIRST_CAPACITY);
  sequence = new Uint32Array(FIRST_CAPACITY);
  /** Path within the thread: stream * its source ports + index. */
  path = new Uint32Array(FIRST_CAPACITY);
  /** Before the system call, ns on the time line. */
  sentNs = new Float64Array(FIRST_CAPACITY);
  /** The kernel's send stamp on the time line; 0 until it comes. */
  kernelNs = new Float64Array(FIRST_CAPACITY);
  /** T1 as written into the packet: seconds and nanoseconds. */
  t1S = new Uint32Array(FIRST_CAPACITY);
  t1Ns = new Uint32Array(FIRST_CAPACITY);
  private end = 0;
  private readonly freeBlocks = new Map<number, number[]>();

  /** First slot of a block of `length` free ones. Grows the columns when there is none: not for the hot path. */
  allocate(length: number): number {
    const reused = this.freeBlocks.get(length)?.pop();
    if (reused !== undefined) return reused;
    const first = this.end;
    this.end += length;
    // The last column is the shortest.
    if (this.end > this.t1Ns.length) this.grow(this.end);
    return first;
  }

  /** Makes room for `blocks` more blocks of `length` in one column that has none yet: all eight at once were seen to take 8 ms. */
  reserve(blocks: number, length: number): void {
    const missing = Math.max(0, blocks - (this.freeBlocks.get(length)?.length ?? 0));
    this.growOne(this.end + missing * length);
  }

  release(first: number, length: number): void {
    this.state.fill(SlotState.free, first, first + length);
    const blocks = this.freeBlocks.get(length);
    if (blocks === undefined) this.freeBlocks.set(length, [first]);
    else blocks.push(first);
  }

  private grow(least: number): void {
    const capacity = Math.max(least, Math.ceil(this.t1Ns.length * 1.5));
    while (this.growOne(capacity));
  }

  /** Grows the first column that is too short; false when none is. */
  private growOne(capacity: number): boolean {
    if (this.state.length < capacity) this.state = grown(this.state, capacity);
    else if (this.epoch.length < capacity) this.epoch = grown(this.epoch, capacity);
    else if (this.sequence.length < capacity) this.sequence = grown(this.sequence, capacity);
    else if (this.path.length < capacity) this.path = grown(this.path, capacity);
    else if (this.sentNs.length < capacity) this.sentNs = grown(this.sentNs, capacity);
    else if (this.kernelNs.length < capacity) this.kernelNs = grown(this.kernelNs, capacity);
    else if (this.t1S.length < capacity) this.t1S = grown(this.t1S, capacity);
    else if (this.t1Ns.length < capacity) this.t1Ns = grown(this.t1Ns, capacity);
    else return false;
    return true;
  }
}

/** A longer copy of a typed array. */
export function grown<T extends Uint8Array | Uint16Array | Uint32Array | Int32Array | Float64Array>(
  old: T,
  capacity: number,
): T {
  const copy = new (old.constructor as new (length: number) => T)(capacity);
  copy.set(old);
  return copy;
}
