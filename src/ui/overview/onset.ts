/** Since when a pair is bad. Pure. */

import type { HistorySeries } from '../lib/types.js';

export interface Onset {
  /** Epoch ms; undefined: it is bad as far back as is known, which is `knownMs`. */
  readonly sinceMs: number | undefined;
  readonly knownMs: number;
}

/** Slots with all answers that end a spell: two clean ones between losses are still the same trouble. */
const CLEAN_SLOTS = 3;

/** Pure: since when the newest spell of loss, or of no answer at all, lasts. */
export function onsetOf(startMs: readonly number[], { sent, received, lost, unreachable }: HistorySeries): Onset {
  let clean = 0;
  let since: number | undefined;
  let earliest = startMs.at(-1) ?? 0;
  for (let i = startMs.length - 1; i >= 0; i--) {
    if (sent[i] === null || sent[i] === undefined) continue;
    earliest = startMs[i] ?? earliest;
    if ((lost[i] ?? 0) + (unreachable[i] ?? 0) > 0 || received[i] === 0) {
      since = startMs[i];
      clean = 0;
    } else if (++clean >= CLEAN_SLOTS && since !== undefined) return { sinceMs: since, knownMs: earliest };
  }
  return { sinceMs: clean === 0 ? undefined : since, knownMs: earliest };
}
