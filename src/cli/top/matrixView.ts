/** The matrix as lines of text: the part of it that fits, each value with its mark. */

import { clean, cut, type Paint, padEnd, padStart, type Style, widthOf } from './text.js';
import type { MatrixAnswer, Picture, View } from './types.js';
import {
  isLoss,
  isStale,
  lossPct,
  lossRank,
  lossStyle,
  lossText,
  markOf,
  median,
  timeStyle,
  timeText,
} from './values.js';

/** Heading and column names. */
export const MATRIX_HEAD = 2;
/** Names are cut to the widest column; numbers are never cut: they fit the narrowest. */
const NARROWEST_COLUMN = 8;
const WIDEST_COLUMN = 15;
const LABEL_SHARE = 0.35;
const WIDEST_LABEL = 40;
const GAP = 1;

/**
 * No such pair in the window; no probe sent by this host; probes sent without a reply; data older than they should be.
 */
const NOTHING = '·';
const UNMEASURED = '?';
const NO_ANSWER = '-';
const STALE = '~';
export const LEGEND = `${NOTHING} no data  ${UNMEASURED} not measured  ${NO_ANSWER} no answer  ${STALE} stale  + ! bad`;

const keyText = (key: readonly string[]): string => clean(key.join('/'));

/** Rows and columns in the order in which they are shown, filtered; and where each cell is. */
interface Arranged {
  readonly rows: readonly number[];
  readonly columns: readonly number[];
  readonly cellAt: (row: number, column: number) => number | undefined;
}

/** Caches the arrangement: a frame is drawn every second, and a large matrix takes long to arrange. */
const done = new WeakMap<MatrixAnswer, { readonly key: string; readonly arranged: Arranged }>();

export function arrange(matrix: MatrixAnswer, { sort, filter }: Pick<View, 'sort' | 'filter'>): Arranged {
  const key = `${sort} ${filter}`;
  const before = done.get(matrix);
  if (before?.key === key) return before.arranged;
  const arranged = arrangeAnew(matrix, sort, filter);
  done.set(matrix, { key, arranged });
  return arranged;
}

function arrangeAnew(matrix: MatrixAnswer, sort: View['sort'], filter: string): Arranged {
  const width = matrix.columns.length;
  const cells = new Map<number, number>();
  const worst = { rows: new Float64Array(matrix.rows.length), columns: new Float64Array(width) };
  const { row, column, sent, received, lost, unreachable, value, state } = matrix.cells;
  const byTime = sort === 'time' && !isLoss(matrix.metric);
  for (let i = 0; i < row.length; i++) {
    cells.set(row[i] * width + column[i], i);
    const counts = { sent: sent[i], received: received[i], lost: lost[i], unreachable: unreachable[i] };
    const badness = byTime ? (value[i] ?? 0) : lossRank(lossPct(counts), state[i]);
    worst.rows[row[i]] = Math.max(worst.rows[row[i]], badness);
    worst.columns[column[i]] = Math.max(worst.columns[column[i]], badness);
  }
  const { rows, columns } = chosen(matrix, filter);
  // The worst cells come to the top left. The sort is stable: equal cells stay ordered by name.
  if (sort !== 'name') {
    rows.sort((a, b) => worst.rows[b] - worst.rows[a] || 0);
    columns.sort((a, b) => worst.columns[b] - worst.columns[a] || 0);
  }
  return { rows, columns, cellAt: (r, c) => cells.get(r * width + c) };
}

/** `a` matches rows, or columns where no row has it; `a>b` rows with a and columns with b. */
function chosen({ rows, columns }: MatrixAnswer, filter: string): { rows: number[]; columns: number[] } {
  const [first, second] = filter.toLowerCase().split('>');
  const having = (keys: readonly (readonly string[])[], text: string): number[] =>
    [...keys.keys()].filter((i) => text === '' || keyText(keys[i]).toLowerCase().includes(text.trim()));
  if (second !== undefined) return { rows: having(rows, first), columns: having(columns, second) };
  const found = having(rows, first);
  if (found.length > 0 || rows.length === 0) return { rows: found, columns: having(columns, '') };
  const inColumns = having(columns, first);
  return { rows: inColumns.length > 0 ? having(rows, '') : [], columns: inColumns };
}

interface MatrixPlace {
  readonly width: number;
  /** With the two lines of the head. */
  readonly height: number;
  /** Time since the snapshot was fetched. */
  readonly sinceMs: number;
}

/** The visible part: the first row and column after the offsets were limited to the valid range. */
interface MatrixShown {
  readonly lines: readonly string[];
  readonly top: number;
  readonly left: number;
  /** Number of rows and columns that fit, for the keys that move by a page. */
  readonly rows: number;
  readonly columns: number;
}

export function matrixLines(picture: Picture, view: View, place: MatrixPlace, paint: Paint): MatrixShown {
  const { matrix } = picture;
  const { rows, columns, cellAt } = arrange(matrix, view);
  const loss = isLoss(matrix.metric);
  const mid = loss ? 0 : median(matrix.cells.value);
  const bodyRows = Math.max(0, place.height - MATRIX_HEAD);
  const top = within(view.top.matrix, rows.length - bodyRows);
  const shownRows = rows.slice(top, top + bodyRows);
  const labels = shownRows.map((row) => keyText(matrix.rows[row]));
  const heading = `${tags(matrix.rowTags)} \\ ${tags(matrix.columnTags)}`;
  const mostLabel = Number.isFinite(place.width) ? Math.floor(place.width * LABEL_SHARE) : WIDEST_LABEL;
  const labelWidth = Math.min(
    WIDEST_LABEL,
    mostLabel,
    Math.max(widthOf(heading), ...matrix.rows.map((key) => widthOf(keyText(key)))),
  );
  const columnWidth = Math.min(
    WIDEST_COLUMN,
    Math.max(NARROWEST_COLUMN, ...columns.map((column) => widthOf(keyText(matrix.columns[column])))),
  );
  const fits = Math.max(1, Math.floor((place.width - labelWidth) / (columnWidth + GAP + 1)));
  const left = within(view.left, columns.length - fits);
  const shownColumns = columns.slice(left, left + fits);
  const cellText = (row: number, column: number): string => {
    const cell = cellAt(row, column);
    const { text, style, mark } = cell === undefined ? EMPTY : cellOf(picture, cell, mid, place.sinceMs);
    return ' '.repeat(GAP) + paint(style, padStart(text, columnWidth) + mark);
  };
  const spaced = (text: string): string => `${' '.repeat(GAP)}${padStart(text, columnWidth)} `;
  const head =
    padEnd(heading, labelWidth) + shownColumns.map((column) => spaced(keyText(matrix.columns[column]))).join('');
  const lines = [
    paint('title', cut(title(matrix, view, { rows, columns }, { top, left, fits, bodyRows }), place.width)),
    paint('dim', head.trimEnd()),
    ...shownRows.map((row, i) =>
      `${padEnd(labels[i], labelWidth)}${shownColumns.map((column) => cellText(row, column)).join('')}`.trimEnd(),
    ),
  ];
  if (rows.length === 0) lines.push(view.filter === '' ? 'no data in the window' : 'nothing matches the filter');
  return { lines, top, left, rows: bodyRows, columns: fits };
}

const tags = (names: readonly string[]): string => clean(names.join('/'));
const EMPTY = { text: NOTHING, style: 'dim', mark: ' ' } as const;

/** Limits an offset to the valid range: `most` is the greatest number of lines out of sight. */
export const within = (offset: number, most: number): number => Math.max(0, Math.min(offset, most));

function cellOf(
  { matrix, tool }: Picture,
  cell: number,
  mid: number,
  sinceMs: number,
): { readonly text: string; readonly style: Style; readonly mark: string } {
  const { value, state, ageMs, stale, silentSeries, unmeasuredSeries } = matrix.cells;
  const loss = isLoss(matrix.metric);
  // A cell without an answer shows the mark of its state: its loss is from an earlier time, or 0 because no probe
  // counts as lost.
  const of = state[cell] === 'answers' ? value[cell] : null;
  const without = state[cell] === 'unmeasured' ? UNMEASURED : NO_ANSWER;
  const text = of === null ? without : loss ? lossText(of) : timeText(of);
  if (isStale(stale[cell], ageMs[cell], sinceMs, tool.intervalMs)) return { text, style: 'dim', mark: STALE };
  if (state[cell] === 'silent') return { text, style: 'bad', mark: markOf('bad') };
  if (state[cell] === 'unmeasured') return { text: UNMEASURED, style: 'warn', mark: markOf('warn') };
  // Answers came without a time: the cell has no value to show.
  const style = of === null ? 'dim' : loss ? lossStyle(of) : timeStyle(of, mid);
  // Other series of the cell may have no answer, which is in no loss when they were too big or not sent.
  const hidden: Style = silentSeries[cell] > 0 ? 'bad' : unmeasuredSeries[cell] > 0 ? 'warn' : 'plain';
  const shown = hidden === 'bad' || (hidden === 'warn' && style !== 'bad') ? hidden : style;
  const isOfHidden = loss && of === 0 && hidden !== 'plain';
  const mark = hidden === 'bad' ? NO_ANSWER : UNMEASURED;
  return { text: isOfHidden ? mark : text, style: shown, mark: markOf(shown) };
}

interface Extent {
  readonly top: number;
  readonly left: number;
  readonly fits: number;
  readonly bodyRows: number;
}

function title(matrix: MatrixAnswer, view: View, { rows, columns }: Omit<Arranged, 'cellAt'>, at: Extent): string {
  const part = (name: string, all: number, first: number, fit: number): string =>
    all <= fit ? `${all} ${name}` : `${name} ${first + 1}-${Math.min(all, first + fit)} of ${all}`;
  const what = isLoss(matrix.metric) ? 'loss %' : `${matrix.metric} round trip`;
  const sizes = [
    part('rows', rows.length, at.top, at.bodyRows),
    part('columns', columns.length, at.left, at.fits),
  ].join(', ');
  const order = view.sort === 'name' ? 'by name' : 'worst first';
  return `${view.focus === 'matrix' ? '>' : ' '}MATRIX  ${what}  ${sizes}, ${order}`;
}
