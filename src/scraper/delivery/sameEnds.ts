/**
 * Finds intervals of a collector that end at the same time because its clock was set back in between. A database keeps
 * one point for a time and a set of tags. It keeps the interval that was closed last, in whatever order they are
 * written. The others are counted.
 *
 * Kept over restarts, with the cursors.
 */

import { isRecord } from '../../config/files/problems.js';
import { type Run, TakenIntervals } from '../../history/seenIntervals.js';
import { isCount } from '../results/answer.js';
import type { CollectedInterval } from '../results/types.js';

/** For one collector; the oldest are forgotten. */
const MOST_EPOCHS = 16;

/** For one epoch: each is a stretch of intervals without a gap. */
const MOST_KEPT_RUNS = 32;

type Named = Pick<CollectedInterval, 'collector' | 'clockEpoch' | 'endMs' | 'intervalMs'>;

export class SameEnds {
  private readonly byCollector = new Map<string, Map<number, TakenIntervals>>();

  /** Records an interval on its way to databases; true when it replaces an earlier one there. */
  note({ collector, clockEpoch = 0, endMs, intervalMs }: Named): boolean {
    const epochs = this.byCollector.get(collector) ?? new Map<number, TakenIntervals>();
    this.byCollector.set(collector, epochs);
    const ends = epochs.get(clockEpoch) ?? new TakenIntervals();
    epochs.set(clockEpoch, ends);
    if (epochs.size > MOST_EPOCHS) epochs.delete(Math.min(...epochs.keys()));
    if (!ends.take(endMs, intervalMs)) return false;
    return [...epochs].some(([epoch, earlier]) => epoch < clockEpoch && earlier.has(endMs));
  }

  toJSON(): unknown {
    return Object.fromEntries(
      [...this.byCollector].map(([name, epochs]) => [
        name,
        [...epochs].map(([epoch, ends]) => [epoch, ends.newest(MOST_KEPT_RUNS)]),
      ]),
    );
  }

  /** Restores the output of `toJSON`. Returns false, and starts empty, when the content has another shape. */
  restore(content: unknown): boolean {
    if (!isRecord(content)) return false;
    for (const [name, epochs] of Object.entries(content)) {
      if (!Array.isArray(epochs) || !epochs.every(isKept)) return false;
      this.byCollector.set(name, new Map(epochs.map(([epoch, runs]) => [epoch, new TakenIntervals(runs)])));
    }
    return true;
  }

  /** Whether an interval that was closed later has its end: then it must not be written any more. */
  superseded({ collector, clockEpoch = 0, endMs }: Named): boolean {
    const epochs = this.byCollector.get(collector);
    if (epochs === undefined || epochs.size < 2) return false;
    return [...epochs].some(([epoch, later]) => epoch > clockEpoch && later.has(endMs));
  }
}

function isKept(value: unknown): value is readonly [number, readonly Run[]] {
  if (!Array.isArray(value) || !isCount(value[0]) || !Array.isArray(value[1])) return false;
  return value[1].every((run) => isRecord(run) && isCount(run.first) && isCount(run.last) && isCount(run.step));
}
