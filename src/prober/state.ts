/** What the parts of one prober thread share: its sockets, streams, slots, counters, ring and clock. */

import type { Clock } from '../net/clock.js';
import { type ControlBlock, PROBER_COUNTERS, type ProberCounter } from '../ring/control.js';
import type { Examples } from '../ring/examples.js';
import { LAST_FINAL_OUTCOME, ORIGIN_WORDS, type RingProducer } from '../ring/ring.js';
import { ClockSteps } from './clockSteps.js';
import { Formats } from './formats/formats.js';
import { ProbeSlots } from './slots.js';
import type { ProberSources } from './sources.js';
import { Streams } from './streams.js';

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
  /** The last occurrence of what each counter counts. */
  readonly examples: Examples;
  /** T1 of the first probe of this life cannot be before this wall-clock second. */
  readonly bornWallNs: number;
  /** Scratch for `origin`. */
  readonly originWords = new Uint32Array(ORIGIN_WORDS);
  /** Scratch for `detail`. */
  readonly forwardNs = new Float64Array(1);
  /** Before this time (ns) all probes of the thread are decided, as of the last turn. */
  watermarkNs = 0;
  /** Whether a time service keeps this host's clock. */
  clockKept = false;
  /** Whether the last record found room. */
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
    // An uncertain reading is replaced by the first good one.
    this.steps = new ClockSteps(offsetNs, clock.wallOffsetErrorNs);
    this.bornWallNs = clock.nowNs() + offsetNs;
    this.sourceIndexes = Uint32Array.from(sources.sourceIndexes);
    this.streams = new Streams(this.sourceIndexes.length, this.slots);
  }

  /** Compares the clocks; call between receiving stamps and using them. */
  checkClock(): void {
    const offsetNs = this.clock.wallOffsetNs();
    if (this.steps.see(offsetNs, this.clock.wallOffsetErrorNs)) this.counters[COUNTER.clockSteps]++;
  }

  /** Hot: fills in the rest of the record of a received probe, right behind `record`. `forwardNs` is the delay on the way out. */
  detail(dscp: number, ttl: number): void {
    if (this.pushed) this.ring.detail(this.forwardNs, dscp, ttl);
  }

  /** Fills in who sent the ICMP error (`originWords`), right behind `record` of a probe with an ICMP error. */
  origin(): void {
    if (this.pushed) this.ring.origin(this.originWords);
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
    this.pushed = this.ring.push(path, outcome, flags, tos, ttl, sentNs, receivedNs, residenceNs, sequence);
    if (this.pushed) return;
    this.counters[outcome <= LAST_FINAL_OUTCOME ? COUNTER.ringOverflows : COUNTER.ringOverflowsOther]++;
  }
}
