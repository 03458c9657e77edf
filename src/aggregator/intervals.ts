/**
 * The grid of intervals: stretches of the time line (`src/net/clock.ts`) whose ends are aligned to their length in
 * wall-clock time.
 *
 * It never reads a clock: the owner passes the present offset of the wall clock with each opened interval. An interval
 * lasts between half a length and two lengths of line time. An end repeats only after the wall clock was set back.
 *
 * A step of the wall clock changes the next opened interval; the end of an open interval is fixed. So the times of
 * results follow the wall clock again from the second interval that ends after a step.
 *
 * | wall clock | next interval |
 * | --- | --- |
 * | forward by up to half a length | is shorter by the step, and ends on the next boundary |
 * | forward by more | skips boundaries nearer than half a length: it lasts between 1/2 and 3/2 lengths; the skipped wall-clock time has no interval |
 * | backward by up to one length | is longer by the step: at most two lengths; every boundary stays unique |
 * | backward by more | ends on the first boundary at least half a length away: boundaries that were reported are reported again |
 */

import { MS_PER_S, msToNs, nsToMs } from '../base/units.js';

/**
 * One interval: [startNs, endNs) on the time line; in epoch milliseconds `startMs` and `endMs`, both aligned except the
 * start of the first.
 */
export class Interval<Content> {
  readonly startMs: number;
  readonly endMs: number;
  /** -Infinity for the first interval of a process. */
  readonly startNs: number;
  readonly endNs: number;
  /** Total step of the wall clock between the start of the time line and the moment that fixed the end, ns. */
  readonly clockStepNs: number;
  /** Data of the grid's owner for this interval; undefined until the first record. */
  content: Content | undefined = undefined;

  constructor(startMs: number, endMs: number, startNs: number, endNs: number, clockStepNs: number) {
    this.startMs = startMs;
    this.endMs = endMs;
    this.startNs = startNs;
    this.endNs = endNs;
    this.clockStepNs = clockStepNs;
  }
}

/**
 * End of an interval that is cut off at `nowNs`, epoch ms, counted from its own end, whatever the wall clock did since
 * it was opened. It never equals the end of a later part of the same interval.
 */
export function cutOffMs({ startMs, endMs, endNs }: Interval<unknown>, nowNs: number): number {
  return Math.max(startMs + 1, Math.min(endMs, Math.ceil(endMs - nsToMs(endNs - nowNs))));
}

export class IntervalGrid<Content> {
  private readonly intervalMs: number;
  private readonly intervalNs: number;
  private readonly epochMs: number;
  /** Oldest first. */
  private readonly open: Interval<Content>[] = [];
  private lastEndMs = 0;
  private lastEndNs = 0;

  constructor(intervalMs: number, epochS: number) {
    this.intervalMs = intervalMs;
    this.intervalNs = msToNs(intervalMs);
    this.epochMs = epochS * MS_PER_S;
  }

  /**
   * Opens the first interval: the rest of the one that contains `nowNs`. An earlier process reported its part as
   * another interval, with its own end. The first interval also takes all earlier probes.
   */
  start(nowNs: number, wallOffsetNs: number): void {
    const wallMs = this.epochMs + nsToMs(nowNs + wallOffsetNs);
    const endMs = (Math.floor(wallMs / this.intervalMs) + 1) * this.intervalMs;
    this.append(Math.floor(wallMs), endMs, this.lineNs(endMs, wallOffsetNs), Number.NEGATIVE_INFINITY, wallOffsetNs);
  }

  /** Continues after an interval that ended at `endMs`, which was `endNs` on the time line, and opens the next one. */
  resume(endMs: number, endNs: number, wallOffsetNs: number): void {
    this.lastEndMs = endMs;
    this.lastEndNs = endNs;
    this.openNext(wallOffsetNs);
  }

  get oldest(): Interval<Content> | undefined {
    return this.open[0];
  }

  /** End of the newest interval on the time line. */
  get endNs(): number {
    return this.lastEndNs;
  }

  /** Converts epoch milliseconds to the time line, ns. */
  lineNs(epochMs: number, wallOffsetNs: number): number {
    return msToNs(epochMs - this.epochMs) - wallOffsetNs;
  }

  /** The open interval that contains `sentNs`; nearly always the newest or the one before. */
  find(sentNs: number): Interval<Content> | undefined {
    if (sentNs >= this.lastEndNs) return undefined;
    for (let i = this.open.length - 1; i >= 0; i--) {
      if (sentNs >= this.open[i].startNs) return this.open[i];
    }
    return undefined;
  }

  /** Opens intervals until one contains `ns`. */
  openUpTo(ns: number, wallOffsetNs: number): void {
    while (ns >= this.lastEndNs) this.openNext(wallOffsetNs);
  }

  /** Removes the oldest interval from the grid. At least one stays open, so that the next end is always known. */
  closeOldest(wallOffsetNs: number): Interval<Content> | undefined {
    const closed = this.open.shift();
    if (this.open.length === 0) this.openNext(wallOffsetNs);
    return closed;
  }

  private openNext(wallOffsetNs: number): void {
    let endMs = this.lastEndMs + this.intervalMs;
    let endNs = this.lineNs(endMs, wallOffsetNs);
    const earliestNs = this.lastEndNs + this.intervalNs / 2;
    const setBack = endNs - this.lastEndNs > 2 * this.intervalNs;
    if (endNs < earliestNs || setBack) {
      // Negative after a set-back.
      const skipped = Math.ceil((earliestNs - endNs) / this.intervalNs);
      endMs += skipped * this.intervalMs;
      endNs = this.lineNs(endMs, wallOffsetNs);
    }
    this.append(endMs - this.intervalMs, endMs, endNs, this.lastEndNs, wallOffsetNs);
  }

  private append(startMs: number, endMs: number, endNs: number, startNs: number, wallOffsetNs: number): void {
    this.open.push(new Interval<Content>(startMs, endMs, startNs, endNs, wallOffsetNs));
    this.lastEndMs = endMs;
    this.lastEndNs = endNs;
  }
}
