/**
 * Decides whether a series answers, from its newest intervals. Pure. Earlier replies in a window do not count: a target
 * that stopped answering must not look healthy until the window has passed over it.
 */

import { type Answering, answeringOf, type OutcomeCounts } from '../stats/outcome.js';
import type { Slot } from './slot.js';

export type { Answering } from '../stats/outcome.js';

/** Data older than this many intervals are stale. */
export const STALE_INTERVALS = 2.5;
/**
 * Intervals with probes and without a reply that may be chance, at a low rate: a series stops answering with the next
 * one.
 */
export const MOST_MISSES = 1;
/**
 * With this many probes an interval without a reply is not chance: at a loss of one half it happens once in a thousand
 * intervals.
 */
export const CERTAIN_PROBES = 10;

/** Number of misses that an interval without a reply counts as. */
export const missesOf = ({ sent, sendErrors }: Pick<OutcomeCounts, 'sent' | 'sendErrors'>): number =>
  sent + sendErrors >= CERTAIN_PROBES ? MOST_MISSES + 1 : 1;

/** The part of the table of series that gives their present state. */
interface SeriesStates {
  answering(series: number): Answering;
  cadenceMs(series: number): number;
  /** End of the newest interval, epoch ms. */
  endMs(series: number): number;
}

/**
 * Whether a series answers, and the end of its newest interval. `slots`, oldest first: the slots of a window in the
 * past; later data do not count. undefined: now. Within a slot the moment when a series stopped is unknown: it counts
 * as fresh to the slot's end.
 */
export const stateOf = (table: SeriesStates, series: number, slots: readonly Slot[] | undefined): Answering =>
  slots === undefined ? table.answering(series) : answeringIn(slots, series, table.cadenceMs(series));

export function newestEndOf(table: SeriesStates, series: number, slots: readonly Slot[] | undefined): number {
  const newest = slots?.findLast((slot) => slot.has(series));
  return Math.min(table.endMs(series), newest?.endMs ?? Number.POSITIVE_INFINITY);
}

/** The same for a window in the past, by its slots (oldest first). A merged slot is as one interval. */
function answeringIn(slots: readonly Slot[], series: number, cadenceMs: number): Answering {
  let state: Answering | undefined;
  let misses = 0;
  let newerMs = Number.POSITIVE_INFINITY;
  for (let i = slots.length - 1; i >= 0 && misses <= MOST_MISSES; i--) {
    const slot = slots[i];
    if (!slot.has(series)) continue;
    const counts = slot.countsOf(series);
    if (counts.sent === 0 && counts.sendErrors === 0) continue;
    if (misses > 0 && newerMs - slot.endMs > STALE_INTERVALS * cadenceMs) break;
    const now = answeringOf(counts);
    if (now === 'answers') return now;
    state ??= now;
    newerMs = slot.endMs;
    misses += missesOf(counts);
  }
  return state ?? 'unmeasured';
}
