/**
 * The outstanding probes of one prober thread, in columns.
 *
 * A path has K slots side by side (K a power of two); the probe with sequence number s sits in slot `base + (s & (K - 1))`, so a reply finds its
 * probe by index. Blocks of slots are given to streams and taken back, per size, without moving anything.
 */

import { column, grown } from './columns.js';

/** What a slot holds. */
export const SlotState = {
  free: 0,
  /** Sent, neither answered nor given up. */
  waiting: 1,
  received: 2,
  /** Given up as lost. A reply that still comes is late. */
  expired: 3,
  unreachable: 4,
  /** Given up, then answered. */
  late: 5,
  /** Given up as a local drop. */
  dropped: 6,
  /** Larger than a link lets through. */
  tooBig: 7,
} as const;

const FIRST_CAPACITY = 1024;
/** Some 3 GiB of `collector.probeMemory`; with more, columns move when they grow beyond. */
const MOST = 2 ** 26;

export class ProbeSlots {
  state = column(Uint8Array, FIRST_CAPACITY, MOST);
  /** Clock epoch (`ClockSteps.epoch`) at sending. */
  epoch = column(Uint8Array, FIRST_CAPACITY, MOST);
  sequence = column(Uint32Array, FIRST_CAPACITY, MOST);
  /** Path within the thread: stream * its source ports + index. */
  path = column(Uint32Array, FIRST_CAPACITY, MOST);
  /** Before the system call, ns on the time line. */
  sentNs = column(Float64Array, FIRST_CAPACITY, MOST);
  /** The kernel's send stamp on the time line; 0 until it comes. */
  kernelNs = column(Float64Array, FIRST_CAPACITY, MOST);
  /** T1 as written into the packet: seconds and nanoseconds. */
  t1S = column(Uint32Array, FIRST_CAPACITY, MOST);
  t1Ns = column(Uint32Array, FIRST_CAPACITY, MOST);
  /** The reflector's number in the reply (`Reply.number`), where there was one. */
  number = column(Uint32Array, FIRST_CAPACITY, MOST);
  private end = 0;
  private readonly freeBlocks = new Map<number, number[]>();

  /** First slot of a block of `length` free ones. Grows the columns when there is none: not for the hot path. */
  allocate(length: number): number {
    const reused = this.freeBlocks.get(length)?.pop();
    if (reused !== undefined) return reused;
    const first = this.end;
    this.end += length;
    if (this.end > this.state.length) this.grow(this.end);
    return first;
  }

  release(first: number, length: number): void {
    this.state.fill(SlotState.free, first, first + length);
    const blocks = this.freeBlocks.get(length);
    if (blocks === undefined) this.freeBlocks.set(length, [first]);
    else blocks.push(first);
  }

  private grow(least: number): void {
    const capacity = Math.max(least, Math.ceil(this.state.length * 1.5));
    this.state = grown(this.state, capacity);
    this.epoch = grown(this.epoch, capacity);
    this.sequence = grown(this.sequence, capacity);
    this.path = grown(this.path, capacity);
    this.sentNs = grown(this.sentNs, capacity);
    this.kernelNs = grown(this.kernelNs, capacity);
    this.t1S = grown(this.t1S, capacity);
    this.t1Ns = grown(this.t1Ns, capacity);
    this.number = grown(this.number, capacity);
  }
}
