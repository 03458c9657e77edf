/**
 * Draws the part of a grid that can be seen: cells with their numbers when they are large enough, a picture of them
 * when not.
 */

import { shortValue } from '../lib/format.js';
import type { Palette } from '../lib/palette.js';
import { GONE, type Grid, levelOfCode, NONE, STALE, UNMEASURED } from '../worker/grid.js';
import { coloursOf, type Raster } from './raster.js';
import type { Viewport } from './viewport.js';

export interface Scene {
  readonly grid: Grid;
  readonly raster: Raster;
  readonly palette: Palette;
  readonly unit: string;
  /** Row and column under the pointer or the keyboard's mark; -1: none. */
  readonly row: number;
  readonly column: number;
  readonly focused: boolean;
}

const FONT = '12px system-ui, sans-serif';
const LABEL_PX = 14;
const LEAST_BOUND_PX = 4;
const LEAST_CELL_PX = 9;
const TEXT_WIDTH_PX = 30;
const TEXT_HEIGHT_PX = 15;

export const labelOf = (key: readonly string[]): string => key.join(' · ');

export function draw(context: CanvasRenderingContext2D, view: Viewport, scene: Scene): void {
  const { palette } = scene;
  context.setTransform(view.ratio, 0, 0, view.ratio, 0, 0);
  context.fillStyle = palette.ground;
  context.fillRect(0, 0, view.width, view.height);
  context.font = FONT;
  context.textBaseline = 'middle';
  context.save();
  context.beginPath();
  context.rect(view.left, view.top, view.width - view.left, view.height - view.top);
  context.clip();
  if (Math.min(view.cellWidth, view.cellHeight) < LEAST_CELL_PX) drawPicture(context, view, scene);
  else drawCells(context, view, scene);
  drawBounds(context, view, scene);
  drawMark(context, view, scene);
  context.restore();
  drawRowLabels(context, view, scene);
  drawColumnLabels(context, view, scene);
}

function drawPicture(context: CanvasRenderingContext2D, view: Viewport, { raster, grid }: Scene): void {
  const wanted = Math.ceil(Math.log2(1 / (Math.min(view.cellWidth, view.cellHeight) * view.ratio)));
  const level = Math.min(Math.max(0, wanted), raster.pictures.length - 1);
  const picture = raster.pictures[level];
  if (picture === undefined || grid.code.length === 0) return;
  const cells = 2 ** level;
  context.imageSmoothingEnabled = false;
  context.drawImage(
    picture,
    view.x(0),
    view.y(0),
    picture.width * cells * view.cellWidth,
    picture.height * cells * view.cellHeight,
  );
}

function drawCells(context: CanvasRenderingContext2D, view: Viewport, { grid, palette, unit }: Scene): void {
  const colours = coloursOf(palette);
  const [firstRow, lastRow] = view.rows(grid.rows.length);
  const [firstColumn, lastColumn] = view.columns(grid.columns.length);
  const withText = view.cellWidth >= TEXT_WIDTH_PX && view.cellHeight >= TEXT_HEIGHT_PX;
  const gap = view.cellWidth >= 14 ? 1 : 0.5;
  const radius = view.cellWidth >= 24 && view.cellHeight >= 20 ? 2 : 0;
  context.textAlign = 'center';
  for (let r = firstRow; r < lastRow; r++)
    for (let c = firstColumn; c < lastColumn; c++) {
      const at = r * grid.columns.length + c;
      const code = grid.code[at] ?? NONE;
      if (code === NONE) continue;
      const [x, y, w, h] = [view.x(c) + gap, view.y(r) + gap, view.cellWidth - 2 * gap, view.cellHeight - 2 * gap];
      context.fillStyle = colours[code] ?? palette.none;
      context.beginPath();
      context.roundRect(x, y, w, h, radius);
      context.fill();
      const isGrey = code === STALE || code === GONE;
      if (isGrey) hatch(context, palette, x, y, w, h);
      if (!withText) continue;
      const value = grid.value[at] ?? Number.NaN;
      const ink = code === UNMEASURED ? palette.text : palette.ink[levelOfCode(code)];
      context.fillStyle = isGrey ? palette.muted : (ink ?? palette.text);
      const without = isGrey ? '–' : code === UNMEASURED ? '?' : '✕';
      const text = Number.isNaN(value) ? without : shortValue(value, unit);
      context.fillText(text, x + w / 2, y + h / 2 + 0.5, w);
    }
}

/** Cells that are not current are striped and grey. */
function hatch(context: CanvasRenderingContext2D, palette: Palette, x: number, y: number, w: number, h: number): void {
  context.save();
  context.beginPath();
  context.rect(x, y, w, h);
  context.clip();
  context.strokeStyle = palette.staleLine;
  context.lineWidth = 1;
  context.beginPath();
  for (let from = x - h; from < x + w; from += 6) {
    context.moveTo(from, y + h);
    context.lineTo(from + h, y);
  }
  context.stroke();
  context.restore();
}

/** Lines between the groups of nested rows and columns. */
function drawBounds(context: CanvasRenderingContext2D, view: Viewport, { grid, palette }: Scene): void {
  const changes = (keys: Grid['rows'], i: number): boolean =>
    i > 0 && (keys[i]?.length ?? 0) > 1 && keys[i]?.[0] !== keys[i - 1]?.[0];
  context.fillStyle = palette.muted;
  const [firstRow, lastRow] = view.rows(grid.rows.length);
  const [firstColumn, lastColumn] = view.columns(grid.columns.length);
  const [right, bottom] = [view.x(grid.columns.length), view.y(grid.rows.length)];
  if (view.cellHeight >= LEAST_BOUND_PX)
    for (let r = firstRow; r < lastRow; r++)
      if (changes(grid.rows, r)) context.fillRect(view.left, view.y(r) - 0.5, right - view.left, 1);
  if (view.cellWidth >= LEAST_BOUND_PX)
    for (let c = firstColumn; c < lastColumn; c++)
      if (changes(grid.columns, c)) context.fillRect(view.x(c) - 0.5, view.top, 1, bottom - view.top);
}

function drawMark(context: CanvasRenderingContext2D, view: Viewport, { row, column, palette, focused }: Scene): void {
  if (row < 0 || column < 0) return;
  context.strokeStyle = palette.select;
  context.lineWidth = focused ? 2.5 : 1.5;
  context.strokeRect(view.x(column), view.y(row), Math.max(3, view.cellWidth), Math.max(3, view.cellHeight));
}

function drawRowLabels(context: CanvasRenderingContext2D, view: Viewport, { grid, palette, row }: Scene): void {
  const [first, last] = view.rows(grid.rows.length);
  const every = Math.max(1, Math.ceil(LABEL_PX / view.cellHeight));
  context.save();
  context.beginPath();
  context.rect(0, view.top, view.left, view.height - view.top);
  context.clip();
  context.textAlign = 'right';
  for (let r = first - (first % every); r < last; r += every) {
    if (row >= 0 && row !== r && Math.abs(view.y(row) - view.y(r)) < LABEL_PX) continue;
    drawRowLabel(context, view, palette, labelOf(grid.rows[r] ?? []), r, r === row);
  }
  if (row >= 0) drawRowLabel(context, view, palette, labelOf(grid.rows[row] ?? []), row, true);
  context.restore();
}

function drawRowLabel(
  context: CanvasRenderingContext2D,
  view: Viewport,
  palette: Palette,
  text: string,
  row: number,
  marked: boolean,
): void {
  context.fillStyle = marked ? palette.text : palette.muted;
  context.fillText(fitted(context, text, view.left - 12), view.left - 6, view.y(row) + view.cellHeight / 2);
}

function drawColumnLabels(context: CanvasRenderingContext2D, view: Viewport, { grid, palette, column }: Scene): void {
  const [first, last] = view.columns(grid.columns.length);
  const every = Math.max(1, Math.ceil(LABEL_PX / view.cellWidth));
  context.save();
  context.beginPath();
  context.rect(view.left, 0, view.width - view.left, view.top);
  context.clip();
  context.textAlign = 'left';
  const label = (c: number, marked: boolean): void => {
    const text = labelOf(grid.columns[c] ?? []);
    context.fillStyle = marked ? palette.text : palette.muted;
    context.save();
    if (view.flat) {
      context.textAlign = 'center';
      context.fillText(fitted(context, text, view.cellWidth - 4), view.x(c) + view.cellWidth / 2, view.top - 11);
    } else {
      context.translate(view.x(c) + view.cellWidth / 2, view.top - 6);
      context.rotate(-Math.PI / 2);
      context.fillText(fitted(context, text, view.top - 10), 0, 0);
    }
    context.restore();
  };
  for (let c = first - (first % every); c < last; c += every) {
    if (column >= 0 && column !== c && Math.abs(view.x(column) - view.x(c)) < LABEL_PX) continue;
    label(c, c === column);
  }
  if (column >= 0) label(column, true);
  context.restore();
}

const fits = new Map<string, string>();

/** The end of an address says more than its beginning. */
function fitted(context: CanvasRenderingContext2D, text: string, width: number): string {
  const key = `${Math.round(width)} ${text}`;
  const known = fits.get(key);
  if (known !== undefined) return known;
  if (fits.size > 5000) fits.clear();
  let short = text;
  while (short.length > 2 && context.measureText(short).width > width) short = `…${short.slice(2)}`;
  fits.set(key, short);
  return short;
}
