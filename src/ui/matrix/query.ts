/** What a matrix view asks the service for. Pure but for `ask`. */

import type { ViewState } from '../lib/store.js';
import { durationMs, matrixStretch } from '../lib/time.js';
import { keepMatrix } from '../worker/client.js';
import type { Kept } from '../worker/messages.js';
import { extraNames, parseTerms, type Term } from './terms.js';

/** Choices of how long, ms. */
export const WINDOWS: Readonly<Record<string, number>> = Object.fromEntries(
  ['30s', '1m', '5m', '15m', '1h'].map((text) => [text, durationMs(text)]),
);
/** What is normal for a pair is of so long. */
const NORMAL_WINDOW = '1h';
/** Above so many series only what colours need. */
const MANY_SERIES = 100_000;

export interface MatrixAsk {
  readonly rowTags: readonly string[];
  readonly columnTags: readonly string[];
  readonly rowTerms: readonly Term[];
  readonly columnTerms: readonly Term[];
  readonly query: Readonly<Record<string, string>>;
  readonly isLoss: boolean;
}

const names = (text: string): string[] => text.split(',').filter((name) => name !== '');

/** Names that are asked for and not shown stand last, and are folded into the worst of them. */
export function askOf(
  view: Pick<
    ViewState,
    'rows' | 'columns' | 'metric' | 'class' | 'group' | 'window' | 'from' | 'to' | 'rowFilter' | 'columnFilter'
  >,
): MatrixAsk {
  const rowTags = names(view.rows);
  const columnTags = names(view.columns);
  const rowTerms = parseTerms(view.rowFilter);
  const columnTerms = parseTerms(view.columnFilter);
  const rows = [...rowTags, ...extraNames(rowTerms, rowTags)];
  const columns = [...columnTags, ...extraNames(columnTerms, columnTags)];
  if (view.class === '' && ![...rows, ...columns].includes('class')) columns.push('class');
  const query = {
    rows: rows.join(','),
    columns: columns.join(','),
    metric: view.metric,
    class: view.class,
    group: view.group,
    ...matrixStretch(view),
    format: 'columns',
  };
  return { rowTags, columnTags, rowTerms, columnTerms, query, isLoss: view.metric === 'loss' };
}

export function askNow({ query, isLoss }: MatrixAsk, series: number, signal: AbortSignal): Promise<Kept> {
  // A time that is not known is the worst when probes were sent, and none otherwise.
  const needed = isLoss ? 'stale' : 'sent,stale';
  const fields = series > MANY_SERIES ? needed : 'sent,lost,unreachable,ageMs,stale';
  return keepMatrix('now', { ...query, fields }, signal);
}

export function askNormal({ query }: MatrixAsk, signal: AbortSignal): Promise<Kept> {
  return keepMatrix('normal', { ...query, window: NORMAL_WINDOW, fields: 'value' }, signal);
}
