/**
 * The aggregator: empties the rings of all prober threads, counts each record in the interval of its probe's sending,
 * and reports an interval when every thread's watermark has passed its end.
 *
 * It must never block a prober (a full ring drops records), report an interval twice, or allocate per record.
 *
 * One iteration has three parts. `begin` reads the heads of all rings, the caller passes the waiting messages to
 * `handle`, and `process` reads the records up to those heads. In this order every record belongs to a stream that was
 * announced before.
 */

import type { Clock } from '../net/clock.js';
import { ControlBlock, PROBER_COUNTERS, type ProberCounter } from '../ring/control.js';
import { LAST_FINAL_OUTCOME, Outcome, RingConsumer } from '../ring/ring.js';
import {
  AGGREGATOR_COUNTERS,
  type AggregatorStart,
  type FromAggregator,
  type ToAggregator,
} from '../threads/messages.js';
import type { IntervalAccumulator } from './accumulator.js';
import { IntervalCloser } from './intervalReporter.js';
import { cutOffMs } from './intervals.js';
import { OpenIntervals } from './openIntervals.js';

/** Limit of rows closed in one iteration: about 5 ms, a hundredth of a ring's capacity. */
const ROWS_PER_TURN = 128;
/** Records after which their space in the ring is released. */
const RELEASE_RECORDS = 4096;
/** Share of a ring above which it is emptied without a pause. */
const BUSY_SHARE = 1 / 8;

const CONSUMED = AGGREGATOR_COUNTERS.indexOf('consumed');
const REPORTED = AGGREGATOR_COUNTERS.indexOf('reported');
const ORPHANS = AGGREGATOR_COUNTERS.indexOf('orphans');
const ORPHANS_OTHER = AGGREGATOR_COUNTERS.indexOf('orphansOther');
const REPORTED_END_MS = AGGREGATOR_COUNTERS.indexOf('reportedEndMs');
const REPORTED_END_NS = AGGREGATOR_COUNTERS.indexOf('reportedEndNs');
const TURNS = AGGREGATOR_COUNTERS.indexOf('turns');

type Post = (message: FromAggregator, transfer: readonly ArrayBuffer[]) => void;

export class Aggregator {
  private readonly clock: Clock;
  private readonly post: Post;
  private readonly sourcePorts: number;
  private readonly counters: Float64Array;
  private readonly rings: readonly RingConsumer[];
  private readonly probers: readonly ControlBlock<ProberCounter>[];
  /** Records of each ring that this iteration may read. */
  private readonly ready: Uint32Array;
  /** All probes of the thread sent before this time (ns) are decided; -Infinity while unknown. */
  private readonly watermarks: Float64Array;
  private readonly intervals: OpenIntervals;
  private readonly closer: IntervalCloser;
  /** By stream number: the start of its row, UTF-8. */
  private readonly prefixes: (Uint8Array | undefined)[] = [];
  private ended = false;

  constructor(start: AggregatorStart, clock: Clock, post: Post) {
    this.clock = clock;
    this.post = post;
    this.sourcePorts = start.sourcePorts;
    this.counters = new ControlBlock(AGGREGATOR_COUNTERS, start.control).counters;
    this.rings = start.probers.map((prober) => new RingConsumer(prober.ring));
    this.probers = start.probers.map((prober) => new ControlBlock(PROBER_COUNTERS, prober.control));
    this.ready = new Uint32Array(this.rings.length);
    this.watermarks = new Float64Array(this.rings.length).fill(Number.NEGATIVE_INFINITY);
    this.counters[CONSUMED] = this.rings.reduce((sum, ring) => sum + ring.finalsReleased, 0);
    const lastEnd = { endMs: this.counters[REPORTED_END_MS], endNs: this.counters[REPORTED_END_NS] };
    const { intervalMs, sourcePorts, resumeAfterMs, timeBase } = start;
    this.intervals = new OpenIntervals(intervalMs, sourcePorts, clock, timeBase.epochS, resumeAfterMs, lastEnd);
    this.closer = new IntervalCloser(start.sourcePorts, this.prefixes, this.intervals.history);
  }

  /** True after `flushed` was posted: the work is done. */
  get finished(): boolean {
    return this.ended;
  }

  /** First part of an iteration: notes how far each ring may be read. */
  begin(): void {
    for (let thread = 0; thread < this.rings.length; thread++) this.ready[thread] = this.rings[thread].begin();
  }

  /** Second part: one message. */
  handle(message: ToAggregator): void {
    switch (message.type) {
      case 'streams':
        for (const row of message.rows) this.prefixes[row.id] = Buffer.from(row.prefix);
        return;
      case 'forget':
        for (const id of message.ids) {
          this.prefixes[id] = undefined;
          this.intervals.history.forget(id);
        }
        return;
      case 'proberDied':
        this.buryProber(message.thread, message.life);
        return;
      case 'flush':
        this.flush();
        return;
      default:
        message satisfies never;
    }
  }

  /**
   * Last part: reads the records, and closes a slice of an interval. Returns whether the next iteration should follow
   * at once, because an interval is being closed or a ring was filling up. Otherwise it pays to let records gather for
   * some milliseconds.
   */
  process(): boolean {
    if (this.ended) return false;
    this.counters[TURNS]++;
    let busy = false;
    for (let thread = 0; thread < this.rings.length; thread++) {
      const count = this.ready[thread];
      if (count === 0) continue;
      if (count > this.rings[thread].capacity * BUSY_SHARE) busy = true;
      this.read(thread, count);
    }
    if (this.closer.active || this.startClosing()) {
      busy = true;
      if (this.closer.step(ROWS_PER_TURN)) this.report();
    }
    return busy;
  }

  /** A whole iteration. `drainMessages` calls `handle` for each waiting message. */
  turn(drainMessages: () => void): boolean {
    this.begin();
    drainMessages();
    return this.process();
  }

  private read(thread: number, count: number): void {
    const ring = this.rings[thread];
    this.ready[thread] = 0;
    this.intervals.readClock();
    for (let done = 0; done < count; done += RELEASE_RECORDS) {
      const batch = Math.min(RELEASE_RECORDS, count - done);
      const finals = this.readBatch(ring, thread, batch);
      // If the thread is terminated between these two lines, the next incarnation corrects the first counter from the
      // rings.
      this.counters[CONSUMED] += finals;
      ring.release(batch, finals);
    }
  }

  /** Hot: counts the next `count` records of a ring. Returns how many of them are final. */
  private readBatch(ring: RingConsumer, thread: number, count: number): number {
    const { intervals, sourcePorts } = this;
    let finals = 0;
    for (let i = 0; i < count; i++) {
      ring.select(i);
      const outcome = ring.outcome;
      const sentNs = ring.sentNs;
      if (outcome >= Outcome.watermark) {
        if (outcome === Outcome.watermark) this.watermarks[thread] = sentNs;
        continue;
      }
      if (outcome <= LAST_FINAL_OUTCOME) finals++;
      const path = ring.path;
      const stream = (path / sourcePorts) >>> 0;
      const counts = intervals.counts(sentNs, outcome);
      if (counts === null || (!counts.has(stream) && !this.openRow(counts, stream))) {
        this.counters[outcome <= LAST_FINAL_OUTCOME ? ORPHANS : ORPHANS_OTHER]++;
      } else if (outcome === Outcome.received) {
        counts.received(stream, ring);
        counts.directions.received(stream, ring);
      } else if (outcome === Outcome.tooBig) {
        counts.tooBig(stream, path, ring.detail);
        counts.reasons.add(ring);
      } else if (outcome === Outcome.lostForward || outcome === Outcome.lostReverse) {
        counts.directions.lost(path, outcome === Outcome.lostForward);
      } else {
        counts.count(path, outcome);
        if (outcome === Outcome.unreachable || outcome === Outcome.sendError) counts.reasons.add(ring);
      }
    }
    return finals;
  }

  private openRow(counts: IntervalAccumulator, stream: number): boolean {
    if (this.prefixes[stream] === undefined) return false;
    counts.open(stream);
    return true;
  }

  /** Takes the oldest interval when every thread has passed its end. */
  private startClosing(): boolean {
    const oldest = this.intervals.oldest;
    if (oldest === undefined) return false;
    for (let thread = 0; thread < this.watermarks.length; thread++) {
      if (this.watermarks[thread] < oldest.endNs) return false;
    }
    // Without threads there is no watermark to wait for.
    if (this.watermarks.length === 0 && this.clock.nowNs() < oldest.endNs) return false;
    this.startOldest();
    return true;
  }

  /** `endMs`: early end of the interval, when it is cut off. */
  private startOldest(endMs?: number): void {
    const taken = this.intervals.takeOldest();
    if (taken !== undefined) this.closer.start(taken, endMs);
  }

  /** Posts the interval after all its rows are written. */
  private report(): void {
    const { report, transfer, interval } = this.closer.finish();
    if (interval.content !== undefined) this.intervals.recycle(interval.content);
    this.counters[ORPHANS] += this.closer.orphans;
    this.counters[ORPHANS_OTHER] += this.closer.orphansOther;
    this.post({ type: 'interval', report }, transfer);
    this.counters[REPORTED] += report.sent;
    this.counters[REPORTED_END_MS] = interval.endMs;
    this.counters[REPORTED_END_NS] = interval.endNs;
  }

  private buryProber(thread: number, life: number): void {
    const ring = this.rings[thread];
    const control = this.probers[thread];
    this.read(thread, ring.begin());
    this.watermarks[thread] = Number.NEGATIVE_INFINITY;
    const accounted = ring.finalsReleased + control.read('ringOverflows') + ring.lossesReported;
    const probes = Math.max(0, control.read('sent') - accounted);
    this.post({ type: 'threadLosses', thread, life, probes }, []);
    ring.lossesReported += probes;
  }

  private flush(): void {
    for (let thread = 0; thread < this.rings.length; thread++) this.read(thread, this.rings[thread].begin());
    if (this.closer.active) this.finishClosing();
    this.intervals.openUpToNow();
    const nowNs = this.clock.nowNs();
    for (;;) {
      const oldest = this.intervals.oldest;
      if (oldest === undefined || oldest.startNs > nowNs) break;
      this.startOldest(oldest.endNs > nowNs ? cutOffMs(oldest, nowNs) : undefined);
      this.finishClosing();
    }
    this.ended = true;
    this.post({ type: 'flushed' }, []);
  }

  private finishClosing(): void {
    this.closer.step(Number.POSITIVE_INFINITY);
    this.report();
  }
}
