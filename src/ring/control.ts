/**
 * The control block: state shared by the main thread and one worker thread without messages.
 *
 * | offset | type | field | written by |
 * | ---: | --- | --- | --- |
 * | 0 | i32 | doorbell: changes when messages wait | main |
 * | 64 | i32 | state (`ThreadState`) | thread |
 * | 68 | i32 | applied: revision of the last message carried out | thread |
 * | 72 | i32 | heartbeat: changes at every iteration of the loop | thread |
 * | 76 | i32 | thread id, as numbered by `node:worker_threads` | thread |
 * | 128 | f64 each | counters, in the order of the table given at construction | thread |
 * | after them | `EXAMPLE_BYTES` each | the last occurrence counted by each counter (`examples.ts`) | thread |
 *
 * A counter has one writer. An aligned 8-byte store is one instruction on x64 and arm64, so a reader sees an old or a
 * new value, never a mixture. Where the order between a counter and the ring matters, the counter's comment says so.
 */

import { EXAMPLE_BYTES, Examples } from './examples.js';

const DOORBELL = 0;
const STATE = 16;
const APPLIED = 17;
const HEARTBEAT = 18;
const THREAD_ID = 19;
const COUNTERS_OFFSET = 128;

export const ThreadState = { starting: 0, running: 1, draining: 2, stopped: 3 } as const;
export type ThreadState = (typeof ThreadState)[keyof typeof ThreadState];

export class ControlBlock<Name extends string> {
  readonly memory: SharedArrayBuffer;
  /** Counters by index; hot code keeps the index of a name from `index`. */
  readonly counters: Float64Array;
  /** By the same indexes. */
  readonly examples: Examples;
  private readonly header: Int32Array;
  private readonly names: readonly Name[];

  constructor(
    names: readonly Name[],
    memory = new SharedArrayBuffer(COUNTERS_OFFSET + names.length * (8 + EXAMPLE_BYTES)),
  ) {
    this.names = names;
    this.memory = memory;
    this.header = new Int32Array(memory, 0, COUNTERS_OFFSET / 4);
    this.counters = new Float64Array(memory, COUNTERS_OFFSET, names.length);
    this.examples = new Examples(memory, COUNTERS_OFFSET + names.length * 8, names.length);
  }

  index(name: Name): number {
    return this.names.indexOf(name);
  }

  read(name: Name): number {
    return this.counters[this.index(name)];
  }

  snapshot(): Record<Name, number> {
    const values = {} as Record<Name, number>;
    for (const [i, name] of this.names.entries()) values[name] = this.counters[i];
    return values;
  }

  get doorbell(): number {
    return Atomics.load(this.header, DOORBELL);
  }
  ring(): void {
    Atomics.add(this.header, DOORBELL, 1);
    Atomics.notify(this.header, DOORBELL);
  }
  /** Sleeps until the doorbell differs from `seen`, at most `timeoutMs`. Woken by `ring` on the main thread. */
  waitDoorbell(seen: number, timeoutMs: number): void {
    Atomics.wait(this.header, DOORBELL, seen, timeoutMs);
  }

  get state(): ThreadState {
    return Atomics.load(this.header, STATE) as ThreadState;
  }
  set state(value: ThreadState) {
    Atomics.store(this.header, STATE, value);
  }
  get applied(): number {
    return Atomics.load(this.header, APPLIED);
  }
  set applied(value: number) {
    Atomics.store(this.header, APPLIED, value);
  }
  get heartbeat(): number {
    return Atomics.load(this.header, HEARTBEAT);
  }
  get threadId(): number {
    return Atomics.load(this.header, THREAD_ID);
  }
  set threadId(value: number) {
    Atomics.store(this.header, THREAD_ID, value);
  }
  beat(): void {
    Atomics.add(this.header, HEARTBEAT, 1);
  }
}

/** Counters of a prober thread; all count from the start of the process, across restarts of the thread. */
export const PROBER_COUNTERS = [
  /**
   * Probes that the kernel accepted, or found too big. Raised before the system call and corrected after it, so that a
   * thread that dies inside leaves no probe uncounted.
   */
  'sent',
  'received',
  'lost',
  /** Lost probes that the reflector's numbers show to be lost on the way out, and on the way back. */
  'lostForward',
  'lostReverse',
  'unreachable',
  'localDrops',
  /** Probes larger than the MTU of a link of their path, as reported by this host's kernel or a router. */
  'tooBig',
  /**
   * Probes that a stop left without an outcome, because it did not wait for their timeout. Written by the main thread
   * after the thread has ended.
   */
  'undecided',
  'late',
  'duplicates',
  'reordered',
  'sendErrors',
  /** Probes not sent because the thread was behind its schedule. */
  'scheduleSlips',
  /** Detected steps of CLOCK_REALTIME against CLOCK_MONOTONIC. */
  'clockSteps',
  /** Received probes with a discarded RTT, because of such a step or of an impossible residence. */
  'voidedRtts',
  /** Records that found the ring full; the first counts final outcomes only. */
  'ringOverflows',
  'ringOverflowsOther',
  /** Replies accepted by `anySource` from another address or port than the target's. */
  'otherSource',
  /** Replies without a matching probe, by reason. */
  'invalidSource',
  'invalidSequence',
  'invalidTimestamp',
  'invalidSession',
  'invalidFormat',
  /** Without an HMAC of the group's keys, or with malformed TLVs. */
  'invalidHmac',
  /** Replies to probes of an earlier incarnation of this thread. */
  'invalidStale',
  /** ICMP errors that could not be matched to a waiting probe. */
  'icmpUnmatched',
  /** Replies whose probe had no kernel send stamp, with `timestamps: full`. */
  'sendStampsMissing',
  /** Datagrams that socket receive queues dropped, as the kernel counts them. */
  'receiveQueueDrops',
  /** Sum and maximum of the delays of probes against their schedule, ns. */
  'latenessNsSum',
  'latenessNsMax',
  'turns',
] as const;
export type ProberCounter = (typeof PROBER_COUNTERS)[number];
