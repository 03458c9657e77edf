/**
 * Deduplicates the intervals of a collector by their ends: a poller that starts over, or two that poll the same
 * collector, must not cause double counts. Kept as runs of ends that are one interval apart, so that hours of intervals
 * are one run.
 */

import type { HistoryInterval } from './types.js';

/** Ends that are `step` apart. */
export interface Run {
  readonly first: number;
  readonly last: number;
  readonly step: number;
}

/** Bounds the memory for a collector whose ends follow no grid; the oldest runs go first. */
const MOST_RUNS = 10_000;

export class TakenIntervals {
  /** Ascending by `last`. */
  private runs: { -readonly [Name in keyof Run]: Run[Name] }[];

  constructor(runs: readonly Run[] = []) {
    this.runs = runs.map((run) => ({ ...run }));
  }

  /** The last runs, at most `most`. */
  newest(most: number): readonly Run[] {
    return this.runs.slice(-most);
  }

  /** Records an interval; false when it was recorded before. */
  take(endMs: number, intervalMs: number): boolean {
    if (this.has(endMs)) return false;
    const after = this.runs.find((run) => run.step === intervalMs && run.last + intervalMs === endMs);
    const before = this.runs.find((run) => run.step === intervalMs && run.first - intervalMs === endMs);
    if (after !== undefined && before !== undefined) {
      after.last = before.last;
      this.runs = this.runs.filter((run) => run !== before);
    } else if (after !== undefined) after.last = endMs;
    else if (before !== undefined) before.first = endMs;
    else this.runs.push({ first: endMs, last: endMs, step: intervalMs });
    if (this.runs.length > MOST_RUNS) this.runs.splice(0, this.runs.length - MOST_RUNS);
    return true;
  }

  /** Whether an interval with this end was recorded. */
  has(endMs: number): boolean {
    for (let i = this.runs.length - 1; i >= 0; i--) {
      const { first, last, step } = this.runs[i];
      if (endMs >= first && endMs <= last && (endMs - first) % step === 0) return true;
    }
    return false;
  }

  /** Forgets ends up to this; such an interval must be refused by its age. */
  forgetUpTo(ms: number): void {
    this.runs = this.runs.filter((run) => run.last > ms);
    for (const run of this.runs)
      if (run.first <= ms) run.first += (Math.floor((ms - run.first) / run.step) + 1) * run.step;
  }

  get empty(): boolean {
    return this.runs.length === 0;
  }
}

/**
 * For all collectors, separately for each epoch of a clock: after a set-back other intervals have the same ends again.
 */
export class TakenByCollector {
  private readonly byName = new Map<string, { readonly ends: TakenIntervals; aheadMs: number }>();

  /** Records an interval; false when it was recorded before. With `oldestMs`, forgets as `forgetUpTo`. */
  take(
    interval: Pick<HistoryInterval, 'collector' | 'clockEpoch' | 'endMs' | 'intervalMs' | 'aheadMs'>,
    oldestMs?: number,
  ): boolean {
    const { collector, clockEpoch = 0, endMs, intervalMs, aheadMs = 0 } = interval;
    const name = `${clockEpoch} ${collector}`;
    let taken = this.byName.get(name);
    if (taken === undefined) {
      // A good time to forget collectors that are gone.
      if (oldestMs !== undefined) this.forgetUpTo(oldestMs);
      taken = { ends: new TakenIntervals(), aheadMs };
      this.byName.set(name, taken);
    }
    taken.aheadMs = aheadMs;
    if (oldestMs !== undefined) taken.ends.forgetUpTo(oldestMs + aheadMs);
    return taken.ends.take(endMs, intervalMs);
  }

  /** Forgets ends up to this, by the history's clock; such an interval must be refused by its age. */
  forgetUpTo(ms: number): void {
    for (const [name, { ends, aheadMs }] of this.byName) {
      ends.forgetUpTo(ms + aheadMs);
      if (ends.empty) this.byName.delete(name);
    }
  }
}
