/** The existing series, from which rows, columns and filters can be chosen. */

import { useMemo } from 'preact/hooks';
import { get } from '../lib/api.js';
import type { HistoryAnswer, HistorySeries } from '../lib/types.js';
import { useLoaded } from './load.js';

/** After every interval: the answer has the series and no numbers. */
const NO_SLOTS = String(Number.MAX_SAFE_INTEGER - 1);
const MOST_SERIES = '1000';
const EVERY_MS = 15_000;

const BUILT_IN = ['collector', 'group', 'source', 'target', 'port', 'class'];

export interface Known {
  /** Whether it is known at all yet. */
  readonly ready: boolean;
  readonly total: number;
  readonly dimensions: readonly string[];
  readonly classes: readonly string[];
  readonly groups: readonly string[];
}

const collator = new Intl.Collator('en', { numeric: true });
const distinct = (texts: Iterable<string>): string[] =>
  [...new Set(texts)].filter((text) => text !== '').sort(collator.compare);

/** Pure. The first thousand series stand for all: they are of the same groups. */
function knownOf(series: readonly HistorySeries[], total: number): Known {
  return {
    ready: true,
    total,
    dimensions: [...BUILT_IN, ...distinct(series.flatMap(({ tags }) => Object.keys(tags)))],
    classes: distinct(series.map((one) => one.class)),
    groups: distinct(series.map((one) => one.group)),
  };
}

export function useKnown(): Known {
  const { body, error } = useLoaded(
    'series',
    (signal) => get<HistoryAnswer>('/v1/history', { from: NO_SLOTS, limit: MOST_SERIES }, signal),
    { leastMs: EVERY_MS },
  );
  return useMemo(
    () => ({ ...knownOf(body?.series ?? [], body?.total ?? 0), ready: body !== undefined || error !== undefined }),
    [body, error],
  );
}
