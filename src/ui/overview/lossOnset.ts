/** Since when a pair is in its present trouble. Pure. */

import { type Answering, answeringOf, type OutcomeCount, outcomeCounts } from '../../stats/outcome.js';
import type { HistorySeries } from '../lib/types.js';

export interface Onset {
  /** Epoch ms; undefined: it is so as far back as is known, which is `knownMs`. */
  readonly sinceMs: number | undefined;
  readonly knownMs: number;
}

/** Slots with all answers that end a spell of loss: two clean ones between losses are still the same trouble. */
const CLEAN_SLOTS = 3;
type Counts = Pick<HistorySeries, OutcomeCount>;

/** The state in a slot; undefined without data. A slot without replies is no loss, but no answer. */
function slotOf(series: Counts, i: number): Answering | 'clean' | undefined {
  if (series.sent[i] === null || series.sent[i] === undefined) return undefined;
  const counts = outcomeCounts((name) => series[name][i] ?? 0);
  const state = answeringOf(counts);
  return state === 'answers' && counts.lost + counts.unreachable === 0 ? 'clean' : state;
}

/** Pure: start of the current stretch of `state`, whatever trouble came before: no answer, not measured, or loss. */
export function onsetOf(startMs: readonly number[], series: Counts, state: Answering): Onset {
  if (state === 'answers') return lossOnset(startMs, series);
  let since: number | undefined;
  let earliest = startMs.at(-1) ?? 0;
  for (let i = startMs.length - 1; i >= 0; i--) {
    const slot = slotOf(series, i);
    if (slot === undefined) continue;
    earliest = startMs[i] ?? earliest;
    if (slot === state) since = startMs[i];
    else if (since !== undefined) return { sinceMs: since, knownMs: earliest };
  }
  return { sinceMs: undefined, knownMs: earliest };
}

/**
 * A slot without an answer is one of loss. Two of them, older than a loss, are another trouble: a pair stops answering
 * with the second.
 */
function lossOnset(startMs: readonly number[], series: Counts): Onset {
  let clean = 0;
  let silent = 0;
  let since: number | undefined;
  let beforeSilent: number | undefined;
  let earliest = startMs.at(-1) ?? 0;
  for (let i = startMs.length - 1; i >= 0; i--) {
    const slot = slotOf(series, i);
    if (slot === undefined) continue;
    earliest = startMs[i] ?? earliest;
    if (slot === 'clean' || slot === 'unmeasured') {
      clean += slot === 'clean' ? 1 : CLEAN_SLOTS;
      if (clean >= CLEAN_SLOTS && since !== undefined) return { sinceMs: since, knownMs: earliest };
      silent = 0;
      continue;
    }
    if (slot === 'answers') silent = 0;
    else if (++silent === 1) beforeSilent = since;
    else if (beforeSilent !== undefined) return { sinceMs: beforeSilent, knownMs: earliest };
    since = startMs[i];
    clean = 0;
  }
  return { sinceMs: clean === 0 ? undefined : since, knownMs: earliest };
}
