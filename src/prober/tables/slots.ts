/**
 * The outstanding probes of one prober thread. Each slot is one cache line, so that an access to a probe costs one
 * cache miss. With one column a field it cost nine (`perf/results/pipeline-2026-11-26.md`).
 *
 * | offset | type | field |
 * | ---: | --- | --- |
 * | 0 | f64 | `sentNs`: before the system call, ns on the time line |
 * | 8 | f64 | `kernelNs`: the kernel's send stamp on the time line; 0 until it arrives |
 * | 16 | u32 | `sequence` |
 * | 20 | u32 | `path`: within the thread, stream * its source ports + index |
 * | 24 | u32 | `t1S`: T1 as written into the packet, seconds |
 * | 28 | u32 | `t1Ns`: and nanoseconds |
 * | 32 | u32 | `number`: the reflector's number in the reply (`Reply.number`), after an answer |
 * | 36 | u8 | `state`: a `SlotState` |
 * | 37 | u8 | `epoch`: clock epoch (`ClockSteps.epoch`) at sending |
 * | 38 | | unused, to 64 |
 *
 * Field x of a slot is `slots.x[slot * U8]`, `U32` or `F64`, by its type.
 *
 * A path has K adjacent slots (K a power of two). The probe with sequence number s is in slot `base + (s & (K - 1))`,
 * so a reply finds its probe by index. Blocks of slots are allocated and released per size, without moving anything.
 */

import { column, grown } from '../../base/growable.js';
import { SLOT_BYTES } from '../../config/group/limits.js';

/** State of a slot. */
export const SlotState = {
  free: 0,
  /** Sent, neither answered nor given up. */
  waiting: 1,
  received: 2,
  /** Given up as lost. A later reply is late. */
  expired: 3,
  unreachable: 4,
  /** Given up, then answered. */
  late: 5,
  /** Given up as a local drop. */
  dropped: 6,
  /** Larger than the MTU of a link. */
  tooBig: 7,
} as const;

const FIRST_CAPACITY = 1024;
/** Node's largest array; `collector.probeMemory` is never more. */
const MOST_BYTES = 2 ** 32;
/** Elements of each type from one slot to the next. */
export const U8 = SLOT_BYTES;
export const U32 = SLOT_BYTES / 4;
export const F64 = SLOT_BYTES / 8;

export class ProbeSlots {
  sentNs!: Float64Array;
  kernelNs!: Float64Array;
  sequence!: Uint32Array;
  path!: Uint32Array;
  t1S!: Uint32Array;
  t1Ns!: Uint32Array;
  number!: Uint32Array;
  state!: Uint8Array;
  epoch!: Uint8Array;
  private memory = column(Uint8Array, FIRST_CAPACITY * SLOT_BYTES, MOST_BYTES);
  private end = 0;
  private readonly freeBlocks = new Map<number, number[]>();

  constructor() {
    this.view();
  }

  /** Capacity in slots. */
  get capacity(): number {
    return this.memory.length / SLOT_BYTES;
  }

  /** First slot of a free block of `length` slots. May grow the memory, so it is not for the hot path. */
  allocate(length: number): number {
    const reused = this.freeBlocks.get(length)?.pop();
    if (reused !== undefined) return reused;
    const first = this.end;
    this.end += length;
    if (this.end > this.capacity) this.grow(this.end);
    return first;
  }

  release(first: number, length: number): void {
    for (let slot = first; slot < first + length; slot++) this.state[slot * U8] = SlotState.free;
    const blocks = this.freeBlocks.get(length);
    if (blocks === undefined) this.freeBlocks.set(length, [first]);
    else blocks.push(first);
  }

  private grow(least: number): void {
    const capacity = Math.max(least, Math.min(Math.ceil(this.capacity * 1.5), MOST_BYTES / SLOT_BYTES));
    this.memory = grown(this.memory, capacity * SLOT_BYTES);
    this.view();
  }

  private view(): void {
    const { buffer, byteLength } = this.memory;
    const u32 = (at: number): Uint32Array => new Uint32Array(buffer, at, (byteLength - at) >> 2);
    const f64 = (at: number): Float64Array => new Float64Array(buffer, at, (byteLength - at) >> 3);
    this.sentNs = f64(0);
    this.kernelNs = f64(8);
    this.sequence = u32(16);
    this.path = u32(20);
    this.t1S = u32(24);
    this.t1Ns = u32(28);
    this.number = u32(32);
    this.state = new Uint8Array(buffer, 36, byteLength - 36);
    this.epoch = new Uint8Array(buffer, 37, byteLength - 37);
  }
}
