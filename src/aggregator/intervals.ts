/**
 * The grid of intervals: stretches of the time line (`src/net/clock.ts`) whose ends are aligned, in wall-clock time, to their length.
 *
 * It never reads a clock: the owner passes the present offset of the wall clock with each interval that is opened. It never opens an interval of
 * less than half a length or of more than two lengths of line time. An end repeats only after the wall clock was set back.
 *
 * A step of the wall clock changes the interval that is opened next; the end of an open interval is fixed. So the times of results follow
 * the wall clock again with the second interval that ends after a step.
 *
 * | wall clock | next interval |
 * | --- | --- |
 * | forward by up to half a length | is shorter by the step, and ends on the next boundary |
 * | forward by more | boundaries nearer than half a length are skipped: it lasts between 1/2 and 3/2 lengths; the wall-clock time that was jumped over has no interval |
 * | backward by up to one length | is longer by the step: at most two lengths; no boundary is repeated |
 * | backward by more | ends on the first boundary that is at least half a length away: boundaries that were reported are reported again |
 */

import { MS_PER_S, msToNs, nsToMs } from '../base/units.js';

/** One interval: [startNs, endNs) on the time line; in epoch milliseconds `startMs` and `endMs`, both aligned, but for the start of the first. */
export class Interval<Content> {
  readonly startMs: number;
  readonly endMs: number;
  /** -Infinity for the first interval of a process. */
  readonly startNs: number;
  readonly endNs: number;
  /** By how much the wall clock had been stepped since the start of the time line when the end was fixed, ns. */
  readonly clockStepNs: number;
  /** What the owner of the grid keeps for this interval; undefined until there is anything. */
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
 * The end of an interval that is cut off at `nowNs`, epoch ms: by its own end, whatever the wall clock did since it was opened. Never the end of
 * another part of it, which begins later.
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
   * Opens the first interval: what is left of the one that `nowNs` is in. What an earlier process reported of that one is another interval, with
   * an end of its own. It also takes everything that was sent before.
   */
  start(nowNs: number, wallOffsetNs: number): void {
    const wallMs = this.epochMs + nsToMs(nowNs + wallOffsetNs);
    const endMs = (Math.floor(wallMs / this.intervalMs) + 1) * this.intervalMs;
    this.append(Math.floor(wallMs), endMs, this.lineNs(endMs, wallOffsetNs), Number.NEGATIVE_INFINITY, wallOffsetNs);
  }

  /** Goes on behind an interval that ended at `endMs`, which was `endNs` on the time line, and opens the next one. */
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

  /** Where epoch milliseconds lie on the time line, ns. */
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

  /** Takes the oldest interval out of the grid. Another one is open afterwards, so that the next end is always known. */
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
      // Less than nothing after a set-back.
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
