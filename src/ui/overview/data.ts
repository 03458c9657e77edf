/** The data of the overview: the worst pairs, the start of their trouble, and their bad paths. */

import { NORMAL_WINDOW, type Slowness } from '../../history/slowness.js';
import { answeringOf, countsOf, isPartialLoss } from '../../stats/outcome.js';
import { get, type Query } from '../lib/api.js';
import { askPathsThen } from '../lib/pastPaths.js';
import type { ViewState } from '../lib/store.js';
import { matrixStretch } from '../lib/time.js';
import type { HistoryAnswer, PathsAnswer } from '../lib/types.js';
import { askSlowness, askSummary } from '../worker/client.js';
import { COLUMN_TAGS, FIELDS, ROW_TAGS, type Summary, type SummaryRow } from '../worker/summary.js';
import { type Onset, onsetOf } from './lossOnset.js';

const MOST_TROUBLES = 10;

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

/** The paths of the last interval, or of the interval that contains `toMs`. */
export const askPaths = (query: Query, toMs: number | undefined, signal: AbortSignal): Promise<PathsAnswer> =>
  toMs === undefined ? get<PathsAnswer>('/v1/paths', query, signal) : askPathsThen(query, toMs, signal);

export interface Trouble {
  readonly row: SummaryRow;
  readonly onset: Onset | undefined;
  readonly badPorts: readonly number[];
  /** undefined: not known yet; 0: no longer available. */
  readonly ports: number | undefined;
  /** Ports without loss are too many to be chance: only some paths lose probes. */
  readonly isPartial?: boolean;
}

/** The details of the worst rows. A failed request leaves its row unchanged. */
export function askTroubles(
  rows: readonly SummaryRow[],
  scrapes: boolean,
  toMs: number | undefined,
  signal: AbortSignal,
): Promise<Trouble[]> {
  const to = toMs === undefined ? '' : String(toMs);
  return Promise.all(
    rows.map(async (row) => {
      const { collector, group, source, target, port, class: name } = row;
      const series = { group, target, class: name };
      const [history, paths] = await Promise.all([
        get<HistoryAnswer>('/v1/history', { ...series, collector, source, port: String(port), to }, signal).catch(
          () => undefined,
        ),
        askPaths({ ...series, ...(scrapes ? { collector } : {}) }, toMs, signal).catch(() => undefined),
      ]);
      const mine = (paths?.paths ?? []).filter((path) => path.source === source && path.port === port);
      const found = history?.series[0];
      return {
        row,
        onset: found === undefined || history === undefined ? undefined : onsetOf(history.startMs, found, row.state),
        badPorts: mine
          .filter((path) => (path.lossPct ?? 0) > 0 || answeringOf(countsOf(path)) === 'silent')
          .flatMap(({ sourcePort }) => (sourcePort === null ? [] : [sourcePort])),
        ports: mine.length,
        isPartial: isPartialLoss(
          mine.map(({ sent, lost, unreachable, tooBig }) => ({ sent, failed: lost + unreachable + (tooBig ?? 0) })),
        ),
      };
    }),
  );
}
