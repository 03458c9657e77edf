/** The details of the cell under the pointer. */

import { formatAge, formatCount, formatUs, formatValue } from '../lib/format.js';
import { GONE, type Grid, NONE, STALE, UNMEASURED } from '../worker/grid.js';
import { labelOf } from './draw.js';

/** Lines about a cell; the first is its value. */
function tipLines(grid: Grid, unit: string, past: boolean, row: number, column: number): string[] {
  const at = row * grid.columns.length + column;
  const code = grid.code[at] ?? NONE;
  const value = grid.value[at] ?? Number.NaN;
  const normal = grid.normal[at] ?? Number.NaN;
  if (code === NONE) return ['no such pair'];
  if (code === GONE) return ['no data in the window'];
  const { cells } = grid;
  const i = grid.cell[at] ?? -1;
  const reason = cells.reason?.[i] ?? null;
  const lines = [Number.isNaN(value) ? (reason ?? withoutValue(code)) : formatValue(value, unit)];
  if (reason !== null && !Number.isNaN(value)) lines.push(reason);
  if (code === STALE) lines.push('stale: nothing newer came');
  if (unit !== '%' && !Number.isNaN(normal)) lines.push(`normal ${formatUs(normal)}`);
  if (i < 0) return lines;
  const sent = cells.sent?.[i];
  const [lost, unreachable, age] = [cells.lost?.[i], cells.unreachable?.[i], cells.ageMs?.[i]];
  if (sent !== undefined && lost !== undefined) lines.push(`${formatCount(lost)} of ${formatCount(sent)} lost`);
  const [series = 0, silent = 0, unmeasured = 0] = [
    cells.series?.[i],
    cells.silentSeries?.[i],
    cells.unmeasuredSeries?.[i],
  ];
  if (series > 1 && silent > 0) lines.push(`no answer from ${formatCount(silent)} of ${formatCount(series)} series`);
  if (series > 1 && unmeasured > 0)
    lines.push(`${formatCount(unmeasured)} of ${formatCount(series)} series not measured`);
  if (unreachable !== undefined && unreachable > 0) lines.push(`${formatCount(unreachable)} unreachable`);
  if (age !== undefined) lines.push(`newest ${formatAge(age)} ${past ? 'before the end' : 'ago'}`);
  return lines;
}

/** In short, or where reasons were not asked for, because there are too many cells. */
export const withoutValue = (code: number): string => (code === UNMEASURED ? 'not measured' : 'no answer');

const placeOf = (grid: Grid, row: number, column: number): string =>
  `${labelOf(grid.rows[row] ?? [])} → ${labelOf(grid.columns[column] ?? [])}`;

export const tipText = (grid: Grid, unit: string, past: boolean, row: number, column: number): string =>
  `${placeOf(grid, row, column)}: ${tipLines(grid, unit, past, row, column).join(', ')}`;

export function Tip(props: {
  grid: Grid;
  unit: string;
  past: boolean;
  row: number;
  column: number;
  x: number;
  y: number;
  side: string;
}) {
  const { grid, unit, past, row, column, x, y, side } = props;
  const [value, ...rest] = tipLines(grid, unit, past, row, column);
  return (
    <div class={`tip ${side}`} aria-hidden="true" style={{ left: `${x + 14}px`, top: `${y + 14}px` }}>
      <b>{value}</b>
      <span>{placeOf(grid, row, column)}</span>
      {rest.map((line) => (
        <span key={line}>{line}</span>
      ))}
    </div>
  );
}
