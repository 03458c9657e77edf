/** What a pair view asks for. */

import { get, urlOf } from '../lib/api.js';
import type { ViewState } from '../lib/store.js';
import type { HistoryAnswer, PathRow, PathsAnswer, ResultRow, ResultsAnswer } from '../lib/types.js';
import { addHdr, type Counts } from './hdr.js';

const MOST_SERIES = '64';
const MOST_PATHS = '5000';
/** How far back the distribution and the counters reach. */
export const RECENT_MS = 300_000;
/** Of a scraper, whose cursor counts intervals of all collectors. */
const RECENT_INTERVALS = 2_000;
const MOST_PAGES = 20;
/** Cursors that are times are greater than any that count. */
const LEAST_TIME_MS = 1e11;

export const RANGES: Readonly<Record<string, number>> = {
  '15m': 900_000,
  '1h': 3_600_000,
  '6h': 21_600_000,
  '24h': 86_400_000,
};

type Pair = Pick<ViewState, 'source' | 'target' | 'group' | 'collector' | 'class'>;

export function historyQuery(
  { source, target, group, collector, class: name }: Pair,
  view: Pick<ViewState, 'from' | 'to'>,
  startMs: number,
) {
  const { from, to } = view;
  const stretch = from === '' ? { from: String(startMs) } : { from, to };
  return { source, target, group, collector, class: name, limit: MOST_SERIES, ...stretch };
}

export const askHistory = (query: ReturnType<typeof historyQuery>, signal: AbortSignal): Promise<HistoryAnswer> =>
  get<HistoryAnswer>('/v1/history', query, signal);

const ofPair =
  ({ source, group, collector, class: name }: Pair) =>
  (row: PathRow | ResultRow): boolean =>
    row.source === source &&
    (group === '' || row.group === group) &&
    (name === '' || row.class === name) &&
    (collector === '' || row.collector === undefined || row.collector === collector);

const filters = ({ target, group, class: name }: Pair) => ({ target, group, class: name });

/** Of the last finished interval. `collector` is a parameter of scrapers only. */
export async function askPaths(
  pair: Pair,
  scrapes: boolean,
  signal: AbortSignal,
): Promise<{ endMs: string; paths: PathRow[] }> {
  const query = { ...filters(pair), limit: MOST_PATHS, ...(scrapes ? { collector: pair.collector } : {}) };
  const { end, endMs, collectors, paths } = await get<PathsAnswer>('/v1/paths', query, signal);
  return {
    endMs: collectors?.map((one) => one.endMs).join() ?? String(endMs ?? end),
    paths: paths.filter(ofPair(pair)),
  };
}

export interface Recent {
  /** By class: counts of times in ns. */
  readonly histograms: ReadonlyMap<string, Counts>;
  readonly rows: readonly ResultRow[];
}

/** The intervals of the last minutes; `cursor` is the newest that was heard of. */
export async function askRecent(pair: Pair, cursor: number, signal: AbortSignal): Promise<Recent> {
  const isTime = cursor === 0 || cursor > LEAST_TIME_MS;
  let after = Math.max(0, isTime ? (cursor || Date.now()) - RECENT_MS : cursor - RECENT_INTERVALS);
  const rows: ResultRow[] = [];
  for (let page = 0; page < MOST_PAGES; page++) {
    const answer = await get<ResultsAnswer>(
      '/v1/results',
      { ...filters(pair), after: String(after), histograms: '1' },
      signal,
    );
    if (answer.intervals.length === 0) break;
    for (const interval of answer.intervals)
      rows.push(
        ...interval.results
          .map((row) => (interval.collector === undefined ? row : { ...row, collector: interval.collector }))
          .filter(ofPair(pair)),
      );
    after = answer.next;
  }
  const histograms = new Map<string, Counts>();
  for (const { class: name, hdr } of rows) {
    const counts = histograms.get(name) ?? new Map<number, number>();
    histograms.set(name, counts);
    if (typeof hdr === 'string') await addHdr(hdr, counts);
  }
  return { histograms, rows };
}

/** The same numbers as JSON. */
export function rawUrls(pair: Pair, startMs: number): readonly (readonly [string, string])[] {
  return [
    ['results', urlOf('/v1/results', filters(pair))],
    ['paths', urlOf('/v1/paths', filters(pair))],
    ['history', urlOf('/v1/history', historyQuery(pair, { from: '', to: '' }, startMs))],
  ];
}
