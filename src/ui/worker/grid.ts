/**
 * Prepares an answer of `/v1/matrix` for drawing: filtered, folded (the worst of classes that are not shown), sorted,
 * and with a colour code for each cell. Pure.
 *
 * A cell without data, or with old data, must never look healthy.
 */

import type { Answering } from '../../stats/outcome.js';
import { type PackedAnswer, type PackedColumns, stateOf } from '../lib/packed.js';
import { levelOf, timeLevel } from '../lib/palette.js';
import { matches, type Term } from '../lib/terms.js';

/** Codes by increasing weight: the greatest wins when several cells share a pixel. */
export const NONE = 0;
export const WELL = 1;
/** A pair that there was, without data in the window. */
export const GONE = 2;
export const STALE = 3;
/** No probe was sent, or this host dropped the replies: this says nothing about the network, and is not healthy. */
export const UNMEASURED = 4;
/** Level n (1 to 4) is `UNMEASURED + n`. */
const CODES = 9;
export const isWorse = (code: number): boolean => code > STALE;
/** For `WELL` and worse codes. */
export const levelOfCode = (code: number): number => (code === WELL ? 0 : code - UNMEASURED);
/** Class of a swatch or dot. */
export const classOfCode = (code: number): string =>
  code === UNMEASURED
    ? 'unmeasured'
    : code === STALE
      ? 'stale'
      : code <= NONE || code === GONE
        ? 'gone'
        : `level${levelOfCode(code)}`;

export interface GridOptions {
  readonly rowTags: readonly string[];
  readonly columnTags: readonly string[];
  readonly rowTerms: readonly Term[];
  readonly columnTerms: readonly Term[];
  readonly bounds: readonly number[];
  /** Levels by the value itself (loss), or by its ratio to the pair's normal (times). */
  readonly isLoss: boolean;
  readonly worstFirst: boolean;
  /** The service does not answer: no shown data are current. */
  readonly away: boolean;
}

export interface Grid {
  readonly rows: readonly (readonly string[])[];
  readonly columns: readonly (readonly string[])[];
  /** Row by row. */
  readonly code: Uint8Array;
  /** NaN without a value. */
  readonly value: Float32Array;
  /** The pair's normal; NaN where it is not known. */
  readonly normal: Float32Array;
  /** Index of the cell in `cells`; -1 without a cell. */
  readonly cell: Int32Array;
  /** Further fields of the cells. */
  readonly cells: Pick<PackedColumns, (typeof TOLD)[number]>;
  /** How many cells have each code. */
  readonly counts: readonly number[];
}

/** The fields of a cell that a tip shows. */
const TOLD = [
  ...(['sent', 'lost', 'unreachable', 'ageMs', 'reason'] as const),
  ...(['series', 'silentSeries', 'unmeasuredSeries'] as const),
] as const;

const collator = new Intl.Collator('en', { numeric: true });
const SEPARATOR = '\u0000';

function byParts(a: readonly string[], b: readonly string[]): number {
  for (const [i, part] of a.entries()) {
    const compared = collator.compare(part, b[i] ?? '');
    if (compared !== 0) return compared;
  }
  return 0;
}

/** Rows or columns of several answers as one axis; `places[n][i]` is where key `i` of answer `n` is; -1: left out. */
function axis(
  answers: readonly (readonly (readonly string[])[])[],
  names: readonly string[],
  shown: number,
  terms: readonly Term[],
): { readonly keys: readonly (readonly string[])[]; readonly places: readonly Int32Array[] } {
  const numbers = new Map<string, number>();
  const keys: (readonly string[])[] = [];
  const found = answers.map((list) =>
    Int32Array.from(list, (key) => {
      if (!matches(terms, names, key)) return -1;
      const short = key.slice(0, shown);
      const text = short.join(SEPARATOR);
      const known = numbers.get(text);
      if (known !== undefined) return known;
      numbers.set(text, keys.length);
      keys.push(short);
      return keys.length - 1;
    }),
  );
  const order = keys.map((_, i) => i).sort((a, b) => byParts(keys[a] ?? [], keys[b] ?? []));
  const place = new Int32Array(keys.length);
  for (const [at, number] of order.entries()) place[number] = at;
  return {
    keys: order.map((number) => keys[number] ?? []),
    places: found.map((list) => list.map((number) => (number < 0 ? -1 : (place[number] ?? -1)))),
  };
}

/** `now` covers the shown window, `before` a long one: it gives the existing pairs and their normal values. */
export function makeGrid(now: PackedAnswer, before: PackedAnswer | undefined, options: GridOptions): Grid {
  const answers = before === undefined ? [now] : [now, before];
  const rowAxis = axis(
    answers.map(({ rows }) => rows),
    now.rowTags,
    options.rowTags.length,
    options.rowTerms,
  );
  const columnAxis = axis(
    answers.map(({ columns }) => columns),
    now.columnTags,
    options.columnTags.length,
    options.columnTerms,
  );
  const width = columnAxis.keys.length;
  const size = rowAxis.keys.length * width;
  const code = new Uint8Array(size);
  const value = new Float32Array(size).fill(Number.NaN);
  const normal = new Float32Array(size).fill(Number.NaN);
  const cell = new Int32Array(size).fill(-1);
  if (before !== undefined) takeNormal(before, rowAxis.places[1], columnAxis.places[1], width, normal, code);
  takeNow(now, rowAxis.places[0], columnAxis.places[0], width, { code, value, normal, cell }, options);
  const counts = new Array<number>(CODES).fill(0);
  for (const one of code) counts[one] = (counts[one] ?? 0) + 1;
  // Above the number of cells for which numbers of losses are requested, only the value of a cell is known.
  const isTold = TOLD.every((name) => now.cells[name] !== undefined);
  const cells = isTold ? (Object.fromEntries(TOLD.map((name) => [name, now.cells[name]])) as Grid['cells']) : {};
  const grid = { rows: rowAxis.keys, columns: columnAxis.keys, code, value, normal, cell, cells, counts };
  return options.worstFirst ? worstFirst(grid) : grid;
}

type Places = Int32Array | undefined;

/** The maximum of the folded cells: a ratio to it is never too high. */
function takeNormal(
  before: PackedAnswer,
  rows: Places,
  columns: Places,
  width: number,
  normal: Float32Array,
  code: Uint8Array,
): void {
  const { row, column, value } = before.cells;
  for (let i = 0; i < value.length; i++) {
    const r = rows?.[row[i] ?? -1] ?? -1;
    const c = columns?.[column[i] ?? -1] ?? -1;
    if (r < 0 || c < 0) continue;
    const at = r * width + c;
    code[at] = GONE;
    const found = value[i] ?? Number.NaN;
    if (!Number.isNaN(found) && !(found <= (normal[at] ?? Number.NaN))) normal[at] = found;
  }
}

/** With equal colours, the cell without a value is the worse one. */
const weightOf = (value = Number.NaN): number => (Number.isNaN(value) ? Number.POSITIVE_INFINITY : value);

interface Cells {
  readonly code: Uint8Array;
  readonly value: Float32Array;
  readonly normal: Float32Array;
  readonly cell: Int32Array;
}

function takeNow(
  now: PackedAnswer,
  rows: Places,
  columns: Places,
  width: number,
  to: Cells,
  options: GridOptions,
): void {
  const { row, column, value, stale } = now.cells;
  const seen = new Uint8Array(to.code.length);
  for (let i = 0; i < value.length; i++) {
    const r = rows?.[row[i] ?? -1] ?? -1;
    const c = columns?.[column[i] ?? -1] ?? -1;
    if (r < 0 || c < 0) continue;
    const at = r * width + c;
    const state = stateOf(now.cells, i);
    // A cell without an answer shows the mark of its state: its loss is from an earlier time, or 0 because no probe
    // counts as lost.
    const known = state === 'answers' ? (value[i] ?? Number.NaN) : Number.NaN;
    const own = codeOf(known, to.normal[at] ?? Number.NaN, state, stale?.[i] === 1, options);
    const hidden = hiddenCode(now.cells, i, stale?.[i] === 1, options);
    const code = Math.max(own, hidden);
    // A number explains its colour. When the colour comes from hidden series, only a loss explains it, when they are
    // silent.
    const isExplained = hidden <= own || (options.isLoss && known > 0 && hidden > UNMEASURED);
    const found = isExplained ? known : Number.NaN;
    const greater = code > (to.code[at] ?? 0) || (code === to.code[at] && weightOf(found) > weightOf(to.value[at]));
    if (seen[at] === 1 && !greater) continue;
    seen[at] = 1;
    to.code[at] = code;
    to.value[at] = found;
    to.cell[at] = i;
  }
}

function codeOf(
  value: number,
  normal: number,
  state: Answering,
  stale: boolean,
  { bounds, isLoss, away }: GridOptions,
): number {
  if (stale || away) return STALE;
  if (state === 'unmeasured') return UNMEASURED;
  // Probes were sent and no reply came: the worst state.
  if (state === 'silent') return UNMEASURED + 4;
  if (Number.isNaN(value)) return GONE;
  const level = isLoss ? levelOf(value, bounds) : Number.isNaN(normal) ? 0 : timeLevel(value, normal, bounds);
  return level === 0 ? WELL : UNMEASURED + level;
}

/**
 * A cell that answers may hide series that do not: probes that are too big or not sent are in no loss. For times, any
 * of these series counts as the worst.
 */
function hiddenCode(
  { series, silentSeries, unmeasuredSeries }: PackedColumns,
  i: number,
  stale: boolean,
  { bounds, isLoss, away }: GridOptions,
): number {
  if (stale || away) return NONE;
  const silent = silentSeries?.[i] ?? 0;
  if (silent > 0)
    return UNMEASURED + (isLoss ? Math.max(1, levelOf((silent / (series?.[i] ?? silent)) * 100, bounds)) : 4);
  return (unmeasuredSeries?.[i] ?? 0) > 0 ? UNMEASURED : NONE;
}

/** Rows and columns by their worst cell, then by how much there is of it. */
function worstFirst(grid: Grid): Grid {
  const [height, width] = [grid.rows.length, grid.columns.length];
  const ofRow = new Float64Array(height);
  const ofColumn = new Float64Array(width);
  for (let r = 0; r < height; r++)
    for (let c = 0; c < width; c++) {
      const code = grid.code[r * width + c] ?? 0;
      if (code <= WELL) continue;
      const weight = 16 ** code;
      ofRow[r] = (ofRow[r] ?? 0) + weight;
      ofColumn[c] = (ofColumn[c] ?? 0) + weight;
    }
  const ranked = (weights: Float64Array): number[] =>
    [...weights.keys()].sort((a, b) => (weights[b] ?? 0) - (weights[a] ?? 0) || a - b);
  const rowOrder = ranked(ofRow);
  const columnOrder = ranked(ofColumn);
  const code = new Uint8Array(grid.code.length);
  const value = new Float32Array(code.length);
  const normal = new Float32Array(code.length);
  const cell = new Int32Array(code.length);
  let at = 0;
  for (const r of rowOrder)
    for (const c of columnOrder) {
      const from = r * width + c;
      code[at] = grid.code[from] ?? 0;
      value[at] = grid.value[from] ?? Number.NaN;
      normal[at] = grid.normal[from] ?? Number.NaN;
      cell[at++] = grid.cell[from] ?? -1;
    }
  return {
    ...grid,
    rows: rowOrder.map((r) => grid.rows[r] ?? []),
    columns: columnOrder.map((c) => grid.columns[c] ?? []),
    code,
    value,
    normal,
    cell,
  };
}

/** Places of the worst cells, worst first. */
export function worstCells({ code, value }: Grid, most: number): number[] {
  const worst: number[] = [];
  for (let at = 0; at < code.length; at++) if (isWorse(code[at] ?? 0)) worst.push(at);
  const order = (a: number, b: number): number =>
    // The difference of two infinities is not a number.
    (code[b] ?? 0) - (code[a] ?? 0) || weightOf(value[b]) - weightOf(value[a]) || a - b;
  return worst.sort(order).slice(0, most);
}
