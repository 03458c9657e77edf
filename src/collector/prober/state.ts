/** What the parts of one prober thread share: its sockets, streams, slots, counters, ring and clock. */

import type { Clock } from '../../net/clock.js';
import { type ControlBlock, PROBER_COUNTERS, type ProberCounter } from '../../ring/control.js';
import type { RingProducer } from '../../ring/ring.js';
import { LAST_FINAL_OUTCOME } from '../../ring/ring.js';
import { ClockSteps } from '../../stats/clockSteps.js';
import { ProbeSlots } from './slots.js';
import { Streams } from './streams.js';

/** Index of each counter in the control block. */
export const COUNTER = Object.fromEntries(PROBER_COUNTERS.map((name, i) => [name, i])) as Record<ProberCounter, number>;

/** A source port's socket, as the thread uses it. */
export interface ProberSocket {
  readonly fd: number;
  readonly family: 4 | 6;
  /** Index among the thread's own source ports. */
  readonly localIndex: number;
  /** Index among the collector's source ports. */
  readonly sourceIndex: number;
  /** The drop counter of its receive queue as last read, when that was, and the end of the stretch of time in which it last rose. */
  drops: number;
  dropsReadNs: number;
  lastDropNs: number;
}

export class ProberState {
  readonly clock: Clock;
  readonly steps: ClockSteps;
  readonly slots = new ProbeSlots();
  readonly streams: Streams;
  readonly sockets: readonly ProberSocket[];
  readonly counters: Float64Array;
  /** T1 of the first probe of this life cannot be before this wall-clock second. */
  readonly bornWallNs: number;
  private readonly ring: RingProducer;
  private readonly sourcePorts: number;
  private readonly sourceIndexes: Uint32Array;

  constructor(
    clock: Clock,
    ring: RingProducer,
    control: ControlBlock<ProberCounter>,
    sourcePorts: number,
    sockets: readonly ProberSocket[],
  ) {
    this.clock = clock;
    this.ring = ring;
    this.counters = control.counters;
    this.sourcePorts = sourcePorts;
    this.sockets = sockets;
    const offsetNs = clock.wallOffsetNs();
    // An uncertain reading is replaced by the first good one.
    this.steps = new ClockSteps(offsetNs, clock.wallOffsetErrorNs);
    this.bornWallNs = clock.nowNs() + offsetNs;
    const indexes: number[] = [];
    for (const socket of sockets) indexes[socket.localIndex] = socket.sourceIndex;
    this.sourceIndexes = Uint32Array.from(indexes);
    this.streams = new Streams(indexes.length, this.slots);
  }

  /** How many of the thread's source ports are among the collector's first `count`; they are its own first ones. */
  portsBelow(count: number): number {
    return this.sourceIndexes.filter((index) => index < count).length;
  }

  /** Compares the clocks; call between receiving stamps and using them. */
  checkClock(): void {
    const offsetNs = this.clock.wallOffsetNs();
    if (this.steps.see(offsetNs, this.clock.wallOffsetErrorNs)) this.counters[COUNTER.clockSteps]++;
  }

  /** Hot: writes a record for stream and local source port. */
  record(
    stream: number,
    localIndex: number,
    outcome: number,
    flags: number,
    tos: number,
    ttl: number,
    sentNs: number,
    receivedNs: number,
    residenceNs: number,
    sequence: number,
  ): void {
    const path = stream * this.sourcePorts + this.sourceIndexes[localIndex];
    if (this.ring.push(path, outcome, flags, tos, ttl, sentNs, receivedNs, residenceNs, sequence)) return;
    this.counters[outcome <= LAST_FINAL_OUTCOME ? COUNTER.ringOverflows : COUNTER.ringOverflowsOther]++;
  }
}
