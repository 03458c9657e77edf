/** Which intervals of paths are summed. Pure. */

import type { PathRow } from '../lib/types.js';

/** Number of intervals of paths that are summed: one has only a few probes of a path. */
export const MOST_SUMMED = 10;

/** Paths of an interval of a collector; a collector that answers for itself does not name itself. */
export interface PathInterval {
  readonly collector: string | null | undefined;
  /** Its cursor at its collector; its end, where there is no cursor. */
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
