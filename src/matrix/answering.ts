/**
 * Whether a series answers by its newest intervals. Pure. What was received earlier in a window does not count: a target that stopped answering must
 * not look well until the window has passed over it.
 */

import { type Answering, answeringOf } from '../stats/outcome.js';
import type { Slot } from './slot.js';

export type { Answering } from '../stats/outcome.js';

/**
 * An answer counts for this many intervals after the end of its own. Data are fresh for 2.5 intervals, and one interval without a reply may
 * be chance at a low rate: a series stops answering with the second one.
 */
export const ANSWER_INTERVALS = 1.5;

/** The same for a window in the past, by its slots (oldest first). A merged slot is as one interval. */
export function answeringIn(slots: readonly Slot[], series: number, intervalMs: number): Answering {
  let state: Answering | undefined;
  let newestMs = 0;
  for (let i = slots.length - 1; i >= 0; i--) {
    const slot = slots[i];
    if (!slot.has(series)) continue;
    if (state !== undefined && newestMs - slot.endMs > ANSWER_INTERVALS * intervalMs) break;
    const now = answeringOf(slot.countsOf(series));
    if (now === 'answers') return now;
    if (state === undefined) newestMs = slot.endMs;
    state ??= now;
  }
  return state ?? 'unmeasured';
}
