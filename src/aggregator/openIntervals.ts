/**
 * The unreported intervals and their counts.
 *
 * It must never return an interval that was taken for closing, and never open one for a future time.
 */

import { msToNs } from '../base/units.js';
import type { Clock } from '../net/clock.js';
import { LAST_FINAL_OUTCOME, Outcome } from '../ring/ring.js';
import { IntervalAccumulator } from './accumulator.js';
import { type Interval, IntervalGrid } from './intervals.js';
import { PathHistory } from './pathHistory.js';
import { SampleStore } from './samples.js';

/** Where an interval ended: epoch milliseconds, and ns on the time line. */
interface IntervalEnd {
  readonly endMs: number;
  readonly endNs: number;
}

export class OpenIntervals {
  readonly history: PathHistory;
  private readonly clock: Clock;
  private readonly sourcePorts: number;
  private readonly intervalNs: number;
  private readonly grid: IntervalGrid<IntervalAccumulator>;
  private readonly samples = new SampleStore();
  /** Emptied accumulators for reuse. */
  private readonly spare: IntervalAccumulator[] = [];

  /** The interval of the last record: nearly always also the next record's. */
  private current: IntervalAccumulator | null = null;
  private currentStartNs = Number.POSITIVE_INFINITY;
  private currentEndNs = Number.NEGATIVE_INFINITY;
  /** A record of a probe sent after this time is invalid. */
  private horizonNs = Number.NEGATIVE_INFINITY;

  /**
   * @param epochS start of the time line
   * @param resumeAfterMs end of the last reported interval; 0 without one
   * @param lastEnd end noted by an earlier incarnation; used when it is the same interval
   */
  constructor(
    intervalMs: number,
    sourcePorts: number,
    clock: Clock,
    epochS: number,
    resumeAfterMs: number,
    lastEnd: IntervalEnd,
  ) {
    this.clock = clock;
    this.sourcePorts = sourcePorts;
    this.intervalNs = msToNs(intervalMs);
    this.history = new PathHistory(sourcePorts);
    this.grid = new IntervalGrid(intervalMs, epochS);
    const offsetNs = clock.wallOffsetNs();
    const nowNs = clock.nowNs();
    if (resumeAfterMs === 0) {
      this.grid.start(nowNs, offsetNs);
    } else {
      const noted = lastEnd.endMs === resumeAfterMs;
      const endNs = noted ? lastEnd.endNs : Math.min(nowNs, this.grid.lineNs(resumeAfterMs, offsetNs));
      this.grid.resume(resumeAfterMs, endNs, offsetNs);
    }
  }

  get oldest(): Interval<IntervalAccumulator> | undefined {
    return this.grid.oldest;
  }

  /** Call before counting a batch of records. */
  readClock(): void {
    this.horizonNs = this.clock.nowNs() + this.intervalNs;
  }

  /** Hot: the counters for a record; null when its interval is closed, or its time is implausible. */
  counts(sentNs: number, outcome: number): IntervalAccumulator | null {
    if (sentNs >= this.currentStartNs && sentNs < this.currentEndNs) return this.current;
    return this.locate(sentNs, outcome);
  }

  /** Opens all intervals that have begun by now. */
  openUpToNow(): void {
    this.grid.openUpTo(this.clock.nowNs(), this.clock.wallOffsetNs());
  }

  /** Removes the oldest interval. */
  takeOldest(): Interval<IntervalAccumulator> | undefined {
    const taken = this.grid.closeOldest(this.clock.wallOffsetNs());
    if (taken !== undefined && taken.content === this.current) {
      this.current = null;
      this.currentStartNs = Number.POSITIVE_INFINITY;
      this.currentEndNs = Number.NEGATIVE_INFINITY;
    }
    return taken;
  }

  /** Takes back the emptied counters of a reported interval. */
  recycle(emptied: IntervalAccumulator): void {
    this.spare.push(emptied);
  }

  /**
   * A non-final outcome adds to a probe that was decided before, and may arrive after its interval. It then counts in
   * the oldest open one.
   */
  private locate(sentNs: number, outcome: number): IntervalAccumulator | null {
    if (sentNs >= this.grid.endNs && sentNs <= this.horizonNs) this.grid.openUpTo(sentNs, this.clock.wallOffsetNs());
    const interval = this.grid.find(sentNs);
    if (interval !== undefined) {
      this.current = this.contentOf(interval);
      this.currentStartNs = interval.startNs;
      this.currentEndNs = interval.endNs;
      return this.current;
    }
    const oldest = this.grid.oldest;
    // The direction of a loss must stay in the interval of the loss.
    const bound = outcome <= LAST_FINAL_OUTCOME || outcome === Outcome.lostForward || outcome === Outcome.lostReverse;
    return bound || oldest === undefined ? null : this.contentOf(oldest);
  }

  private contentOf(interval: Interval<IntervalAccumulator>): IntervalAccumulator {
    interval.content ??= this.spare.pop() ?? new IntervalAccumulator(this.sourcePorts, this.samples, this.history);
    return interval.content;
  }
}
