/** What the overview is made of: the worst pairs, since when they are bad, and which of their paths. */

import { NORMAL_WINDOW, type Slowness } from '../../matrix/slowness.js';
import { get, type Query } from '../lib/api.js';
import type { ViewState } from '../lib/store.js';
import { askPathsThen } from '../lib/thenPaths.js';
import { matrixStretch } from '../lib/time.js';
import { type HistoryAnswer, isScraper, type PathsAnswer, type Status } from '../lib/types.js';
import { askSlowness, askSummary } from '../worker/client.js';
import { type Onset, onsetOf } from './onset.js';
import { COLUMN_TAGS, FIELDS, ROW_TAGS, type Summary, type SummaryRow } from './summary.js';

export const MOST_TROUBLES = 10;

/** Sums and the worst rows of a stretch of time, by loss or by a time. */
export function askOverview(
  metric: string,
  view: Pick<ViewState, 'window' | 'from' | 'to'>,
  signal: AbortSignal,
): Promise<Summary> {
  const query = { rows: ROW_TAGS.join(), columns: COLUMN_TAGS.join(), metric, ...matrixStretch(view) };
  return askSummary({ ...query, format: 'columns', fields: FIELDS }, MOST_TROUBLES, signal);
}

/** Which pairs are slower in a stretch of time than in the hour before it, which ends at `startMs`. */
export function askLatency(
  view: Pick<ViewState, 'window' | 'from' | 'to'>,
  startMs: number,
  signal: AbortSignal,
): Promise<Slowness> {
  const query = { rows: ROW_TAGS.join(), columns: COLUMN_TAGS.join(), format: 'columns', fields: 'samples,stale' };
  const before = { ...query, window: NORMAL_WINDOW, to: String(startMs) };
  return askSlowness({ ...query, ...matrixStretch(view) }, before, startMs, MOST_TROUBLES, signal);
}

/** Of the last interval, or of the one that `toMs` falls in. */
export const askPaths = (query: Query, toMs: number | undefined, signal: AbortSignal): Promise<PathsAnswer> =>
  toMs === undefined ? get<PathsAnswer>('/v1/paths', query, signal) : askPathsThen(query, toMs, signal);

export interface Trouble {
  readonly row: SummaryRow;
  readonly onset: Onset | undefined;
  readonly badPorts: readonly number[];
  /** undefined: not known yet; 0: no longer held. */
  readonly ports: number | undefined;
}

/** What is behind the worst rows. Answers that cannot be had leave a row as it is. */
export function askTroubles(
  rows: readonly SummaryRow[],
  scrapes: boolean,
  toMs: number | undefined,
  signal: AbortSignal,
): Promise<Trouble[]> {
  const to = toMs === undefined ? '' : String(toMs);
  return Promise.all(
    rows.map(async (row) => {
      const { collector, group, source, target, class: name } = row;
      const series = { group, target, class: name };
      const [history, paths] = await Promise.all([
        get<HistoryAnswer>('/v1/history', { ...series, collector, source, limit: '1', to }, signal).catch(
          () => undefined,
        ),
        askPaths({ ...series, ...(scrapes ? { collector } : {}) }, toMs, signal).catch(() => undefined),
      ]);
      const mine = (paths?.paths ?? []).filter((path) => path.source === source);
      const found = history?.series[0];
      return {
        row,
        onset: found === undefined || history === undefined ? undefined : onsetOf(history.startMs, found, row.state),
        badPorts: mine
          .filter((path) => (path.lossPct ?? 0) > 0 || (path.received === 0 && path.sent > 0))
          .flatMap(({ sourcePort }) => (sourcePort === null ? [] : [sourcePort])),
        ports: mine.length,
      };
    }),
  );
}

/** Counters that tell of the tool and not of the network, with what they mean. */
export const OWN_COUNTERS: Readonly<Record<string, string>> = {
  scheduleSlips: 'probes skipped: this host was too busy to send them',
  ringOverflows: 'outcomes dropped between threads',
  threadLosses: 'outcomes lost with a thread that died',
  localDrops: 'replies dropped by this host',
  sendErrors: 'probes the kernel refused to send',
  clockSteps: 'steps of the clock',
};

export interface OwnTrouble {
  readonly text: string;
  /** It is so now, and not only since the start. */
  readonly now: boolean;
}

/** Pure: what the tool says of itself; `before` is an earlier answer. */
export function ownTroubles(status: Status, before: Status | undefined): OwnTrouble[] {
  const troubles: OwnTrouble[] = status.warnings.map((text) => ({ text, now: true }));
  if (isScraper(status)) {
    for (const { name, url, state, lastError } of status.collectors)
      if (state === 'down' || state === 'behind')
        troubles.push({ text: `${name ?? url} is ${state}${lastError === null ? '' : `: ${lastError}`}`, now: true });
    for (const { name, url, troubles: own } of status.collectors)
      for (const text of own ?? []) troubles.push({ text: `${name ?? url}: ${text}`, now: true });
    for (const { name, up, lastError } of status.writers)
      if (!up && lastError !== null) troubles.push({ text: `the writer ${name} fails: ${lastError}`, now: true });
    return troubles;
  }
  for (const { thread, state, restarts, lastError } of [...status.workers, status.aggregator]) {
    if (state !== 'running')
      troubles.push({ text: `thread ${thread} is ${state}${lastError === null ? '' : `: ${lastError}`}`, now: true });
    else if (restarts > 0)
      troubles.push({ text: `thread ${thread} was started again ${restarts} times: ${lastError ?? ''}`, now: false });
  }
  for (const [name, meaning] of Object.entries(OWN_COUNTERS)) {
    const count = status.totals[name] ?? 0;
    const was = before === undefined || isScraper(before) ? count : (before.totals[name] ?? 0);
    if (count > 0)
      troubles.push({ text: `${name} ${count.toLocaleString('en')} since the start: ${meaning}`, now: count > was });
  }
  return troubles;
}
