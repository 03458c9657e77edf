/** Which intervals of paths are summed. Pure. */

import type { PathRow } from '../lib/types.js';

/** Intervals of paths that are summed: one holds but a few probes of a path. */
export const MOST_SUMMED = 10;

/** Paths of an interval of a collector; a collector that answers for itself does not name itself. */
export interface PathInterval {
  readonly collector: string | null | undefined;
  /** Where it is among those of its collector; its end, where that is not told. */
  readonly place: number;
  readonly paths: readonly PathRow[];
}

/** Each interval once, of each collector the last ones, oldest first. Pure. */
export function lastIntervals(intervals: readonly PathInterval[]): PathInterval[] {
  const byCollector = new Map<unknown, Map<number, PathInterval>>();
  for (const one of intervals) {
    const known = byCollector.get(one.collector) ?? new Map<number, PathInterval>();
    byCollector.set(one.collector, known.set(one.place, one));
  }
  return [...byCollector.values()].flatMap((own) =>
    [...own.values()].sort((a, b) => a.place - b.place).slice(-MOST_SUMMED),
  );
}
