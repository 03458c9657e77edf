/**
 * The intervals that are not reported yet, and what each of them has counted.
 *
 * It must never give out an interval again that was taken to be closed, and never open one for a time that has not come.
 */

import { msToNs } from '../base/units.js';
import type { Clock } from '../net/clock.js';
import { LAST_FINAL_OUTCOME, Outcome } from '../ring/ring.js';
import { IntervalAccumulator } from './accumulator.js';
import { type Interval, IntervalGrid } from './intervals.js';
import { PathHistory } from './pathHistory.js';
import { SampleStore } from './samples.js';

/** Where an interval ended: epoch milliseconds, and ns on the time line. */
export interface IntervalEnd {
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
  /** Emptied ones, to be used again. */
  private readonly spare: IntervalAccumulator[] = [];

  /** The interval of the last record: nearly always that of the next. */
  private current: IntervalAccumulator | null = null;
  private currentStartNs = Number.POSITIVE_INFINITY;
  private currentEndNs = Number.NEGATIVE_INFINITY;
  /** A record of a probe sent after this time is wrong. */
  private horizonNs = Number.NEGATIVE_INFINITY;

  /**
   * @param epochS where the time line starts
   * @param resumeAfterMs end of the last interval that was reported; 0: none was
   * @param lastEnd what an earlier life noted of it; used when it is the same
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

  /** To be called before a batch of records is counted. */
  readClock(): void {
    this.horizonNs = this.clock.nowNs() + this.intervalNs;
  }

  /** Hot: the counters that a record goes to; null: its interval is closed, or its time is not to be believed. */
  counts(sentNs: number, outcome: number): IntervalAccumulator | null {
    if (sentNs >= this.currentStartNs && sentNs < this.currentEndNs) return this.current;
    return this.locate(sentNs, outcome);
  }

  /** Opens all intervals that have begun by now. */
  openUpToNow(): void {
    this.grid.openUpTo(this.clock.nowNs(), this.clock.wallOffsetNs());
  }

  /** Takes the oldest interval out, for good. */
  takeOldest(): Interval<IntervalAccumulator> | undefined {
    const taken = this.grid.closeOldest(this.clock.wallOffsetNs());
    if (taken !== undefined && taken.content === this.current) {
      this.current = null;
      this.currentStartNs = Number.POSITIVE_INFINITY;
      this.currentEndNs = Number.NEGATIVE_INFINITY;
    }
    return taken;
  }

  /** Takes back the emptied counters of an interval that is reported. */
  recycle(emptied: IntervalAccumulator): void {
    this.spare.push(emptied);
  }

  /**
   * An outcome that is not final comes on top of a probe that was decided before, and may be later than its interval: then it
   * counts in the oldest one that is open.
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
    // Which way a probe was lost must stay with the loss.
    const bound = outcome <= LAST_FINAL_OUTCOME || outcome === Outcome.lostForward || outcome === Outcome.lostReverse;
    return bound || oldest === undefined ? null : this.contentOf(oldest);
  }

  private contentOf(interval: Interval<IntervalAccumulator>): IntervalAccumulator {
    interval.content ??= this.spare.pop() ?? new IntervalAccumulator(this.sourcePorts, this.samples, this.history);
    return interval.content;
  }
}
