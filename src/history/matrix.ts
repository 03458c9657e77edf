/**
 * The matrix: loss or a time by two sets of tags, over a window that ends with the newest interval, or before. Loss
 * comes from sums of counts, percentiles from the sum of all histograms in a cell, never from other percentiles. It
 * yields to the event loop, for a hundred thousand series take longer than other work should wait.
 */

import { Breather } from '../base/yielding.js';
import { HistogramSum } from '../stats/histogramSum.js';
import { lossPct, roundedUs } from '../stats/row.js';
import { STALE_INTERVALS } from './answering.js';
import { CellIndex } from './cellIndex.js';
import { CellSums } from './cellSums.js';
import { Keys } from './dimensions.js';
import type { MatrixHistory } from './history.js';
import type { Slot } from './slot.js';

/** Thousandths of the metrics that come from histograms. */
const PER_MILLE: Readonly<Record<string, number>> = { p50: 500, p90: 900, p99: 990, p999: 999 };
export const METRICS = ['loss', 'p50', 'p90', 'p99', 'p999', 'mean', 'max', 'min', 'jitter'] as const;
export type Metric = (typeof METRICS)[number];

export interface MatrixRequest {
  readonly rows: readonly string[];
  readonly columns: readonly string[];
  readonly group?: string | undefined;
  readonly class?: string | undefined;
  readonly windowMs: number;
  /** End of the window, epoch ms; by default that of the newest interval. */
  readonly toMs?: number | undefined;
  readonly metric: Metric;
}

export interface MatrixWindow {
  /** Epoch ms: the time that the data in the answer cover. Both 0 without data. */
  readonly startMs: number;
  readonly endMs: number;
  readonly coveredMs: number;
}

/** The newest data of all cells: nulls without any. */
interface MatrixNewest {
  readonly ageMs: number | null;
  /** The age from which on they are stale. */
  readonly staleAfterMs: number | null;
}

/** Columns of cells, with one element for each cell. */
interface MatrixCells {
  readonly row: Uint32Array;
  readonly column: Uint32Array;
  /** NaN where there is no measurement. */
  readonly value: Float64Array;
  readonly sums: CellSums;
  readonly stale: Uint8Array;
  /** Why probes of the newest interval of one of its series have no answer; null when only the counts are known. */
  readonly reason: (cell: number) => string | null;
}

export interface Matrix {
  readonly window: MatrixWindow;
  /** Epoch ms that ages refer to: now, or the end of a window in the past. */
  readonly atMs: number;
  readonly rows: readonly (readonly string[])[];
  readonly columns: readonly (readonly string[])[];
  readonly cells: MatrixCells;
  readonly newest: MatrixNewest;
}

export async function makeMatrix(history: MatrixHistory, request: MatrixRequest): Promise<Matrix> {
  const breather = new Breather();
  const perMille = PER_MILLE[request.metric];
  const slots = windowSlots(history, request, perMille !== undefined);
  const atMs = request.toMs ?? history.now();
  const cells = await placeCells(history, request, slots, breather);
  const { cellOf, sums } = cells;
  for (const slot of slots) await sums.addSlot(slot, cellOf, breather);
  await sums.addAges(history.series, cellOf, STALE_INTERVALS, breather, request.toMs === undefined ? undefined : slots);
  const value = new Float64Array(sums.length);
  if (perMille !== undefined) await percentiles(value, perMille, slots, cells, breather);
  else {
    for (let cell = 0; cell < value.length; cell++) {
      if (breather.due) await breather.breathe();
      value[cell] = cellValue(request.metric, sums, cell);
    }
  }
  const rows = cells.rows.sorted();
  const columns = cells.columns.sorted();
  return {
    window: covered(slots),
    atMs,
    rows: rows.keys,
    columns: columns.keys,
    cells: {
      row: cells.row.map((number) => rows.places[number]),
      column: cells.column.map((number) => columns.places[number]),
      value,
      sums,
      stale: sums.staleAt(atMs),
      reason: (cell) => (sums.reasonOf[cell] === 0 ? null : history.series.reason(sums.reasonOf[cell] - 1)),
    },
    newest: newestOf(sums, atMs),
  };
}

/**
 * The slots of a window, oldest first, by the ends of their intervals. With histograms: back to the first slot without
 * them, because a percentile of a part of the samples is not one of the window.
 */
function windowSlots(
  history: MatrixHistory,
  { windowMs, toMs }: MatrixRequest,
  withHistograms: boolean,
): readonly Slot[] {
  const endMs = toMs ?? Math.min(history.newestMs, history.now());
  const slots = history
    .slotsAfter(endMs - windowMs)
    // Data slightly ahead of this clock count as current.
    .filter((slot) => toMs === undefined || slot.fromMs < toMs);
  return withHistograms ? withoutGaps(slots) : slots;
}

/** The newest slots that all have their histograms. */
export const withoutGaps = (slots: readonly Slot[]): readonly Slot[] =>
  slots.slice(slots.findLastIndex(({ histograms }) => histograms === null) + 1);

function covered(slots: readonly Slot[]): MatrixWindow {
  if (slots.length === 0) return { startMs: 0, endMs: 0, coveredMs: 0 };
  const startMs = slots.reduce((least, slot) => Math.min(least, slot.startMs), Number.POSITIVE_INFINITY);
  const endMs = slots.reduce((most, slot) => Math.max(most, slot.endMs), 0);
  return { startMs, endMs, coveredMs: endMs - startMs };
}

interface PlacedCells {
  /** By series: its cell plus one; 0: in none. */
  readonly cellOf: Uint32Array;
  readonly sums: CellSums;
  /** By cell: numbers of keys. */
  readonly row: Uint32Array;
  readonly column: Uint32Array;
  readonly rows: Keys;
  readonly columns: Keys;
}

/** Assigns series to cells. Only series with data in the slots get one, so there is no empty cell. */
async function placeCells(
  { series: table }: MatrixHistory,
  request: MatrixRequest,
  slots: readonly Slot[],
  breather: Breather,
): Promise<PlacedCells> {
  const rows = new Keys(table, request.rows);
  const columns = new Keys(table, request.columns);
  const cellOf = new Uint32Array(table.length);
  const cells = new CellIndex(cellOf.length);
  for (let series = 0; series < cellOf.length; series++) {
    if (breather.due) await breather.breathe();
    if (!table.isUsed(series) || !slots.some((slot) => slot.has(series))) continue;
    if (request.group !== undefined && table.group(series) !== request.group) continue;
    if (request.class !== undefined && table.class(series) !== request.class) continue;
    const [r, c] = [rows.numberOf(series), columns.numberOf(series)];
    cellOf[series] = cells.numberOf(r, c) + 1;
  }
  return { cellOf, sums: new CellSums(cells.length), row: cells.row, column: cells.column, rows, columns };
}

function newestOf({ newestMs, staleMs }: CellSums, atMs: number): MatrixNewest {
  let newest = -1;
  for (let cell = 0; cell < newestMs.length; cell++) if (newest < 0 || newestMs[cell] > newestMs[newest]) newest = cell;
  if (newest < 0) return { ageMs: null, staleAfterMs: null };
  return { ageMs: Math.max(0, atMs - newestMs[newest]), staleAfterMs: staleMs[newest] - newestMs[newest] };
}

/**
 * Handles cells one after the other, so that one sum of histograms serves all. Sets the samples of each cell to those
 * in its histograms.
 */
async function percentiles(
  value: Float64Array,
  perMille: number,
  slots: readonly Slot[],
  { cellOf, sums }: PlacedCells,
  breather: Breather,
): Promise<void> {
  const members = byCell(cellOf, sums.length);
  const sum = new HistogramSum();
  const result = new Float64Array(1);
  for (let cell = 0; cell < sums.length; cell++) {
    sum.clear();
    for (let i = members.starts[cell]; i < members.starts[cell + 1]; i++) {
      if (breather.due) await breather.breathe();
      for (const slot of slots) slot.histograms?.addTo(members.series[i], sum);
    }
    sum.percentiles([perMille], result);
    const maxNs = sums.maxNs[cell];
    value[cell] = roundedUs(maxNs >= 0 ? Math.min(result[0], maxNs) : result[0]);
    sums.samples[cell] = sum.total;
  }
}

/** The series of each cell, one cell behind the other. */
function byCell(cellOf: Uint32Array, cells: number): { readonly series: Uint32Array; readonly starts: Uint32Array } {
  const starts = new Uint32Array(cells + 1);
  for (let one = 0; one < cellOf.length; one++) if (cellOf[one] > 0) starts[cellOf[one]] += 1;
  for (let cell = 0; cell < cells; cell++) starts[cell + 1] += starts[cell];
  const series = new Uint32Array(starts[cells]);
  const next = starts.slice();
  for (let one = 0; one < cellOf.length; one++) if (cellOf[one] > 0) series[next[cellOf[one] - 1]++] = one;
  return { series, starts };
}

function cellValue(metric: Metric, sums: CellSums, cell: number): number {
  const samples = sums.samples[cell];
  switch (metric) {
    case 'loss':
      return lossPct(sums.countsOf(cell)) ?? Number.NaN;
    case 'mean':
      return samples === 0 ? Number.NaN : roundedUs(sums.meanNs[cell] / samples);
    case 'jitter':
      return sums.jitterSamples[cell] === 0 ? Number.NaN : roundedUs(sums.jitterNs[cell] / sums.jitterSamples[cell]);
    case 'min':
      return samples === 0 ? Number.NaN : roundedUs(sums.minNs[cell]);
    default:
      return samples === 0 ? Number.NaN : roundedUs(sums.maxNs[cell]);
  }
}
