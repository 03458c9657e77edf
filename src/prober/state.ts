/** State shared by the parts of one prober thread: sockets, streams, slots, counters, ring and clock. */

import type { Clock } from '../net/clock.js';
import { type ControlBlock, PROBER_COUNTERS, type ProberCounter } from '../ring/control.js';
import type { Examples } from '../ring/examples.js';
import { LAST_FINAL_OUTCOME, ORIGIN_WORDS, type RingProducer } from '../ring/ring.js';
import { ClockSteps } from './clockSteps.js';
import { Formats } from './formats/formats.js';
import { ProbeSlots } from './tables/slots.js';
import type { ProberSources } from './tables/sources.js';
import { Streams } from './tables/streams.js';

/** Index of each counter in the control block. */
export const COUNTER = Object.fromEntries(PROBER_COUNTERS.map((name, i) => [name, i])) as Record<ProberCounter, number>;

export class ProberState {
  readonly clock: Clock;
  readonly steps: ClockSteps;
  readonly slots = new ProbeSlots();
  readonly formats = new Formats();
  readonly streams: Streams;
  readonly sources: ProberSources;
  readonly counters: Float64Array;
  /** The last occurrence counted by each counter. */
  readonly examples: Examples;
  /** When this incarnation began, ns of wall-clock time after the epoch second: no T1 of its probes is earlier. */
  readonly bornWallNs: number;
  /** Scratch for `origin`. */
  readonly originWords = new Uint32Array(ORIGIN_WORDS);
  /** Scratch for `detail`. */
  readonly forwardNs = new Float64Array(1);
  /** All probes of the thread sent before this time (ns) are decided, as of the last iteration. */
  watermarkNs = 0;
  /** Whether a time service keeps this host's clock synchronised. */
  clockKept = false;
  /** Whether the ring accepted the last record. */
  private pushed = false;
  private readonly ring: RingProducer;
  private readonly sourcePorts: number;
  private readonly sourceIndexes: Uint32Array;

  constructor(
    clock: Clock,
    ring: RingProducer,
    control: ControlBlock<ProberCounter>,
    sourcePorts: number,
    sources: ProberSources,
  ) {
    this.clock = clock;
    this.ring = ring;
    this.counters = control.counters;
    this.examples = control.examples;
    this.sourcePorts = sourcePorts;
    this.sources = sources;
    const offsetNs = clock.wallOffsetNs();
    // A good reading replaces an uncertain one.
    this.steps = new ClockSteps(offsetNs, clock.wallOffsetErrorNs);
    this.bornWallNs = clock.nowNs() + offsetNs;
    this.sourceIndexes = Uint32Array.from(sources.sourceIndexes);
    this.streams = new Streams(this.sourceIndexes.length, this.slots);
  }

  /** Compares the clocks; call after receiving stamps and before using them. */
  checkClock(): void {
    const offsetNs = this.clock.wallOffsetNs();
    if (this.steps.see(offsetNs, this.clock.wallOffsetErrorNs)) this.counters[COUNTER.clockSteps]++;
  }

  /**
   * Hot: completes the record of a received probe, directly after `record`. `forwardNs` is the delay on the way out.
   */
  detail(dscp: number, ttl: number): void {
    if (this.pushed) this.ring.detail(this.forwardNs, dscp, ttl);
  }

  /** Adds the sender of the ICMP error (`originWords`) to the record, directly after `record`. */
  origin(): void {
    if (this.pushed) this.ring.origin(this.originWords);
  }

  /** Hot: writes a record for a stream and a local source port. */
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
    this.pushed = this.ring.push(path, outcome, flags, tos, ttl, sentNs, receivedNs, residenceNs, sequence);
    if (this.pushed) return;
    this.counters[outcome <= LAST_FINAL_OUTCOME ? COUNTER.ringOverflows : COUNTER.ringOverflowsOther]++;
  }
}
