/** The requests of a matrix view to the service. Pure except for `ask`. */

import { withCollector } from '../../history/dimensions.js';
import { NORMAL_WINDOW } from '../../history/slowness.js';
import type { ViewState } from '../lib/store.js';
import { extraNames, parseTerms, type Term } from '../lib/terms.js';
import { durationMs, matrixStretch } from '../lib/time.js';
import { keepMatrix } from '../worker/client.js';
import type { Kept } from '../worker/messages.js';

/** Choices of how long, ms. */
export const WINDOWS: Readonly<Record<string, number>> = Object.fromEntries(
  ['30s', '1m', '5m', '15m', '1h'].map((text) => [text, durationMs(text)]),
);
/** Above this many series only the fields for colours are requested. */
const MANY_SERIES = 100_000;
const SERIES = 'series,silentSeries,unmeasuredSeries';

export interface MatrixAsk {
  readonly rowTags: readonly string[];
  readonly columnTags: readonly string[];
  readonly rowTerms: readonly Term[];
  readonly columnTerms: readonly Term[];
  readonly query: Readonly<Record<string, string>>;
  readonly isLoss: boolean;
}

const names = (text: string): string[] => text.split(',').filter((name) => name !== '');

/**
 * Names that are asked for and not shown stand last, and are folded into the worst of them. `scrapes`: there are
 * several collectors.
 */
export function askOf(
  view: Pick<
    ViewState,
    'rows' | 'columns' | 'metric' | 'class' | 'group' | 'window' | 'from' | 'to' | 'rowFilter' | 'columnFilter'
  >,
  scrapes: boolean,
): MatrixAsk {
  const [rows, columns] = [names(view.rows), names(view.columns)];
  const rowTags = scrapes ? withCollector(rows, columns) : rows;
  const columnTags = scrapes ? withCollector(columns, rows) : columns;
  const rowTerms = parseTerms(view.rowFilter);
  const columnTerms = parseTerms(view.columnFilter);
  const rowNames = [...rowTags, ...extraNames(rowTerms, rowTags)];
  const columnNames = [...columnTags, ...extraNames(columnTerms, columnTags)];
  if (view.class === '' && ![...rowNames, ...columnNames].includes('class')) columnNames.push('class');
  const query = {
    rows: rowNames.join(','),
    columns: columnNames.join(','),
    metric: view.metric,
    class: view.class,
    group: view.group,
    ...matrixStretch(view),
    format: 'columns',
  };
  return { rowTags, columnTags, rowTerms, columnTerms, query, isLoss: view.metric === 'loss' };
}

export function askNow({ query }: MatrixAsk, series: number, signal: AbortSignal): Promise<Kept> {
  const fields = series > MANY_SERIES ? `stale,${SERIES}` : `sent,lost,unreachable,ageMs,stale,state,reason,${SERIES}`;
  return keepMatrix('now', { ...query, fields }, signal);
}

export function askNormal({ query }: MatrixAsk, signal: AbortSignal): Promise<Kept> {
  return keepMatrix('normal', { ...query, window: NORMAL_WINDOW, fields: 'value' }, signal);
}
