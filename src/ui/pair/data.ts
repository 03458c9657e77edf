/** The requests of a pair view. */

import { get, urlOf } from '../lib/api.js';
import { askPathsThen } from '../lib/pastPaths.js';
import type { ViewState } from '../lib/store.js';
import { durationMs } from '../lib/time.js';
import type {
  HistoryAnswer,
  HistorySeries,
  Newest,
  PathRow,
  PathsAnswer,
  ResultRow,
  ResultsAnswer,
} from '../lib/types.js';
import { addHdr, type Counts } from './hdr.js';
import { MOST_SUMMED, type PathInterval } from './lastIntervals.js';

const MOST_SERIES = '64';
const MOST_PATHS = '5000';
/** How far back the counters reach that the history does not have. */
const RECENT_MS = 300_000;
/** For a scraper, whose cursor counts intervals of all collectors. */
const RECENT_INTERVALS = 2_000;
const MOST_PAGES = 20;
/** Data older than this many intervals are stale. */
const STALE_INTERVALS = 2.5;

export const RANGES: Readonly<Record<string, number>> = Object.fromEntries(
  ['15m', '1h', '6h', '24h'].map((text) => [text, durationMs(text)]),
);
type Pair = Pick<ViewState, 'source' | 'target' | 'port' | 'group' | 'collector' | 'class'>;

/** From `startMs` until now, or until the end of the past. */
export const historyQuery = (
  { source, target, port, group, collector, class: name }: Pair,
  { to }: Pick<ViewState, 'to'>,
  startMs: number,
) => ({
  ...{ source, target, port, group, collector, class: name, limit: MOST_SERIES, from: String(startMs), to },
  histograms: '1',
});

/** A series with its merged histogram, decoded: counts of times in ns; undefined: no histogram is available. */
export interface PairSeries extends HistorySeries {
  readonly counts: Counts | undefined;
}
export interface PairHistory extends HistoryAnswer {
  readonly series: readonly PairSeries[];
}

export async function askHistory(query: ReturnType<typeof historyQuery>, signal: AbortSignal): Promise<PairHistory> {
  const answer = await get<HistoryAnswer>('/v1/history', query, signal);
  const series = answer.series.map(async (one) => {
    if (!one.merged) return { ...one, counts: undefined };
    const counts: Counts = new Map();
    await addHdr(one.merged.hdr, counts);
    return { ...one, counts };
  });
  return { ...answer, series: await Promise.all(series) };
}

/** The freshest series; the series of a pair usually have the same interval. */
export function newestOf({ series }: HistoryAnswer): Newest {
  const [first, ...others] = series;
  if (first === undefined) return { ageMs: null, staleAfterMs: null };
  const freshest = others.reduce((best, one) => (one.ageMs < best.ageMs ? one : best), first);
  return { ageMs: freshest.ageMs, staleAfterMs: freshest.intervalMs * STALE_INTERVALS };
}

const ofPair =
  ({ source, port, group, collector, class: name }: Pair) =>
  (row: PathRow | ResultRow): boolean =>
    row.source === source &&
    (port === '' || String(row.port) === port) &&
    (group === '' || row.group === group) &&
    (name === '' || row.class === name) &&
    (collector === '' || row.collector === undefined || row.collector === collector);

const filters = ({ target, group, class: name }: Pair) => ({ target, group, class: name });

function intervalsOf(pair: Pair, { endMs, cursor, collectors, paths }: PathsAnswer): PathInterval[] {
  const mine = paths.filter(ofPair(pair));
  const ends = collectors ?? [{ collector: undefined, endMs: endMs ?? null, cursor }];
  return ends
    .map((one) => ({ ...one, paths: mine.filter(({ collector }) => collector === one.collector) }))
    .flatMap(({ collector, endMs: ms, cursor: at, paths: own }) =>
      ms === null || own.length === 0 ? [] : [{ collector, place: at ?? ms, paths: own }],
    );
}

/** `collector` is a parameter of scrapers only. */
const pathsQuery = (pair: Pair, scrapes: boolean) => ({
  ...{ ...filters(pair), limit: MOST_PATHS },
  ...(scrapes ? { collector: pair.collector } : {}),
});

/** The paths of the last finished interval. */
export async function askPaths(pair: Pair, scrapes: boolean, signal: AbortSignal): Promise<PathInterval[]> {
  return intervalsOf(pair, await get<PathsAnswer>('/v1/paths', pathsQuery(pair, scrapes), signal));
}

/** The last intervals up to an end in the past, as far as they are available and began after `startMs`. */
export async function askPathsBefore(
  pair: Pair,
  scrapes: boolean,
  { startMs, toMs, intervalMs }: { startMs: number; toMs: number; intervalMs: number },
  signal: AbortSignal,
): Promise<PathInterval[]> {
  const count = Math.min(MOST_SUMMED, Math.max(1, Math.floor((toMs - startMs) / intervalMs)));
  const moments = Array.from({ length: count }, (_, i) => toMs - i * intervalMs);
  const answers = await Promise.all(moments.map((ms) => askPathsThen(pathsQuery(pair, scrapes), ms, signal)));
  return answers.flatMap((answer) => intervalsOf(pair, answer));
}

/**
 * Rows of the intervals of the last minutes, or of those before an end in the past; `cursor` is the newest known one.
 */
export async function askRecent(
  pair: Pair,
  scrapes: boolean,
  { cursor, toMs }: { readonly cursor: number; readonly toMs: number | undefined },
  signal: AbortSignal,
): Promise<readonly ResultRow[]> {
  let after = scrapes ? countBefore(cursor, toMs) : (toMs ?? Date.now()) - RECENT_MS;
  const intervals: ResultsAnswer['intervals'][number][] = [];
  for (let page = 0; page < MOST_PAGES; page++) {
    const answer = await get<ResultsAnswer>('/v1/results', { ...filters(pair), after: String(after) }, signal);
    if (answer.intervals.length === 0) break;
    intervals.push(...answer.intervals);
    after = answer.next;
  }
  // By the clock of now, for a step of the clock may have been since.
  const endOf = ({ endMs, clockAheadMs = 0 }: (typeof intervals)[number]): number => endMs - clockAheadMs;
  // By collector, for their clocks may differ.
  const lasts = new Map<string | undefined, number>();
  for (const one of intervals) lasts.set(one.collector, Math.max(lasts.get(one.collector) ?? 0, endOf(one)));
  const lastMs = ({ collector }: (typeof intervals)[number]): number => toMs ?? lasts.get(collector) ?? 0;
  return intervals
    .filter((one) => endOf(one) > lastMs(one) - RECENT_MS && endOf(one) <= lastMs(one))
    .flatMap(({ collector, results }) =>
      results.map((row) => (collector === undefined ? row : { ...row, collector })).filter(ofPair(pair)),
    );
}

/**
 * The cursor to start from. A scraper accepts no time as a cursor: for the past, all intervals in its memory are
 * searched.
 */
function countBefore(cursor: number, toMs: number | undefined): number {
  return toMs === undefined ? Math.max(0, cursor - RECENT_INTERVALS) : 0;
}

/** The same numbers as JSON. */
export function rawUrls(
  pair: Pair,
  view: Pick<ViewState, 'to'>,
  startMs: number,
): readonly (readonly [string, string])[] {
  return [
    ['results', urlOf('/v1/results', filters(pair))],
    ['paths', urlOf('/v1/paths', filters(pair))],
    ['history', urlOf('/v1/history', historyQuery(pair, view, startMs))],
  ];
}
