/** The matrix: any tags against any tags, coloured by loss or a time. */

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { useLive } from '../data/live.js';
import { useLoaded } from '../data/load.js';
import { useKnown } from '../data/series.js';
import { formatValue } from '../lib/format.js';
import { DEFAULT_LOSS_BOUNDS, DEFAULT_TIME_BOUNDS, parseBounds } from '../lib/palette.js';
import { useView, type ViewState } from '../lib/store.js';
import { usePalette } from '../lib/theme.js';
import { isPast } from '../lib/time.js';
import { DataOf } from '../shell/DataOf.js';
import { Notice } from '../shell/Notice.js';
import { forgetMatrices, makeKeptGrid } from '../worker/client.js';
import { classOfCode, GONE, type Grid, type GridOptions, isWorse, STALE, worstCells } from '../worker/grid.js';
import type { Kept } from '../worker/messages.js';
import { labelOf } from './draw.js';
import { Legend } from './Legend.js';
import { openCell } from './open.js';
import { askNormal, askNow, askOf } from './query.js';
import { type Place, Surface } from './surface.js';
import { Tip, tipText, withoutValue } from './Tip.js';
import { Toolbar } from './Toolbar.js';

const NORMAL_EVERY_MS = 60_000;
const MOST_WORST = 8;
/** A small matrix needs no large box: rows at their largest, and labels that stand upright. */
const ROW_PX = 40;
const LABELS_PX = 190;
const LEAST_PX = 360;
/** The first picture is drawn before the normal values are requested. */
const never: Promise<Kept> = new Promise(() => undefined);

interface Pointed extends Place {
  readonly x: number;
  readonly y: number;
}

/** `scrapes`: there are several collectors; undefined: not known yet. */
export function MatrixView({ scrapes }: { scrapes: boolean | undefined }) {
  const view = useView();
  const known = useKnown();
  const palette = usePalette();
  const { old } = useLive();
  const ask = useMemo(
    () => askOf(view, scrapes === true),
    [
      scrapes,
      ...[view.rows, view.columns, view.metric, view.class, view.group],
      ...[view.window, view.from, view.to, view.rowFilter, view.columnFilter],
    ],
  );
  const key = JSON.stringify(ask.query);
  const once = isPast(view);
  // How many series there are decides how much is asked of each.
  const isReady = known.ready && scrapes !== undefined;
  const now = useLoaded(`${isReady} ${key}`, (signal) => (isReady ? askNow(ask, known.total, signal) : never), {
    once,
    newest: (kept) => kept.newest,
  });
  const hasNow = now.body !== undefined;
  const normal = useLoaded(`${hasNow} ${key}`, (signal) => (hasNow ? askNormal(ask, signal) : never), {
    leastMs: NORMAL_EVERY_MS,
    once,
  });
  const bounds =
    parseBounds(ask.isLoss ? view.loss : view.times) ?? (ask.isLoss ? DEFAULT_LOSS_BOUNDS : DEFAULT_TIME_BOUNDS);
  const { rowTags, columnTags, rowTerms, columnTerms, isLoss } = ask;
  // Past data stay as they are when the service is away.
  const options = {
    ...{ rowTags, columnTags, rowTerms, columnTerms, isLoss, bounds },
    ...{ worstFirst: view.sort === 'worst', away: old && !once },
  };
  const grid = useGrid(key, now.body, normal.body, options);
  const unit = isLoss ? '%' : 'us';
  const open = (place: Place): void => {
    if (grid !== undefined) openCell(view, ask, grid.rows[place.row] ?? [], grid.columns[place.column] ?? []);
  };
  return (
    <section class="matrix" aria-label="Matrix">
      <Toolbar view={view} known={known} />
      <DataOf window={now.body?.window} what={saidOf(view)} />
      <Notice error={now.error} />
      {grid !== undefined && grid.code.length === 0 && <p class="empty">{emptyText(now.body, once)}</p>}
      <div
        class="matrix-body"
        style={grid && { '--most': `${Math.max(LEAST_PX, grid.rows.length * ROW_PX + LABELS_PX)}px` }}
      >
        <GridCanvas
          grid={grid}
          palette={palette}
          unit={unit}
          metric={view.metric}
          endMs={now.body?.window.endMs}
          past={once}
          onOpen={open}
        />
        {grid !== undefined && grid.code.length > 0 && <Worst grid={grid} unit={unit} onOpen={open} />}
      </div>
      {grid !== undefined && <Legend grid={grid} bounds={bounds} isLoss={isLoss} />}
    </section>
  );
}

/** The selection, for paper, where the controls are missing. */
function saidOf({ rows, columns, metric, class: name, group, rowFilter, columnFilter }: ViewState): string[] {
  return [
    `${metric} by ${rows} and ${columns}`,
    name === '' ? 'worst of all classes' : `class ${name}`,
    ...(group === '' ? [] : [`group ${group}`]),
    ...(rowFilter === '' ? [] : [`rows: ${rowFilter}`]),
    ...(columnFilter === '' ? [] : [`columns: ${columnFilter}`]),
  ];
}

/** The grid of the answers that the worker keeps; the previous one stays until the next is made. */
function useGrid(key: string, now: Kept | undefined, normal: Kept | undefined, options: GridOptions): Grid | undefined {
  const [made, setMade] = useState<{ readonly key: string; readonly grid: Grid }>();
  // Before the next frame: it would be a frame later otherwise.
  useLayoutEffect(() => {
    if (now === undefined) return;
    const abort = new AbortController();
    // A cancelled job, or one whose worker ended, is followed by another.
    makeKeptGrid(normal !== undefined, options, abort.signal).then(
      (grid) => setMade({ key, grid }),
      () => undefined,
    );
    return () => abort.abort();
  }, [now, normal, JSON.stringify(options)]);
  useEffect(() => forgetMatrices, []);
  return now !== undefined && made?.key === key ? made.grid : undefined;
}

function emptyText(answer: Kept | undefined, past: boolean): string {
  if (answer !== undefined && answer.cells > 0) return 'Nothing fits the filters.';
  if (past) return 'Nothing was measured in this stretch of time.';
  return 'No interval is finished yet, or nothing is measured: see Groups.';
}

interface CanvasProps {
  readonly grid: Grid | undefined;
  readonly palette: ReturnType<typeof usePalette>;
  readonly unit: string;
  readonly metric: string;
  /** End of the newest interval that is shown, epoch ms. */
  readonly endMs: number | undefined;
  readonly past: boolean;
  readonly onOpen: (place: Place) => void;
}

function GridCanvas({ grid, palette, unit, metric, endMs, past, onOpen }: CanvasProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const surface = useRef<Surface | undefined>(undefined);
  const opened = useRef(onOpen);
  opened.current = onOpen;
  const [pointed, setPointed] = useState<Pointed>();
  useLayoutEffect(() => {
    if (canvas.current === null) return;
    const made = new Surface(canvas.current, {
      point: (place, x, y) => setPointed(place && { ...place, x, y }),
      open: (place) => opened.current(place),
    });
    surface.current = made;
    return () => made.close();
  }, []);
  useLayoutEffect(() => {
    if (grid !== undefined) surface.current?.set(grid, palette, unit);
  }, [grid, palette, unit]);
  return (
    <div class="canvas-box">
      <canvas
        ref={canvas}
        class="grid-canvas"
        tabIndex={0}
        role="img"
        aria-roledescription="matrix"
        aria-label={
          grid === undefined
            ? 'Matrix, loading'
            : `Matrix of ${metric}, ${spoken(grid)}. Arrow keys move, Enter opens, plus and minus zoom, 0 fits.`
        }
        data-codes={grid?.counts.join(',')}
        data-rows={grid?.rows.length}
        data-columns={grid?.columns.length}
        data-end-ms={endMs}
      />
      <div class="zoom no-print">
        <button type="button" aria-label="Zoom in" onClick={() => surface.current?.zoom(1.5)}>
          +
        </button>
        <button type="button" aria-label="Zoom out" onClick={() => surface.current?.zoom(1 / 1.5)}>
          −
        </button>
        <button type="button" aria-label="Fit" onClick={() => surface.current?.fit()}>
          ⤢
        </button>
      </div>
      {grid !== undefined && pointed !== undefined && (
        <Tip
          grid={grid}
          unit={unit}
          past={past}
          row={pointed.row}
          column={pointed.column}
          x={pointed.x}
          y={pointed.y}
          side={sideOf(pointed, canvas.current)}
        />
      )}
      <p class="spoken" aria-live="polite">
        {grid !== undefined && pointed !== undefined && tipText(grid, unit, past, pointed.row, pointed.column)}
      </p>
    </div>
  );
}

/** Next to the pointer, where there is space. */
function sideOf({ x, y }: Pointed, canvas: HTMLCanvasElement | null): string {
  if (canvas === null) return '';
  return `${x > canvas.clientWidth / 2 ? 'left' : ''} ${y > canvas.clientHeight / 2 ? 'up' : ''}`;
}

function spoken({ rows, columns, counts, code }: Grid): string {
  const worse = code.reduce((sum, one) => sum + (isWorse(one) ? 1 : 0), 0);
  return `${rows.length} rows by ${columns.length} columns: ${counts[1]} well, ${worse} not well, ${counts[STALE]} stale, ${counts[GONE]} without data`;
}

function Worst({ grid, unit, onOpen }: { grid: Grid; unit: string; onOpen: (place: Place) => void }) {
  const worst = useMemo(() => worstCells(grid, MOST_WORST), [grid]);
  const width = grid.columns.length;
  return (
    <aside class="worst" aria-label="Worst cells">
      <h2>Worst</h2>
      {worst.length === 0 && <p class="quiet">No cell is beyond the thresholds.</p>}
      <ol>
        {worst.map((at) => {
          const place = { row: Math.floor(at / width), column: at % width };
          const value = grid.value[at] ?? Number.NaN;
          const reason = grid.cells.reason?.[grid.cell[at] ?? -1] ?? null;
          return (
            <li key={at}>
              <button type="button" class="row-link" onClick={() => onOpen(place)}>
                <span class={`dot ${classOfCode(grid.code[at] ?? 0)}`} />
                <b>{Number.isNaN(value) ? withoutValue(grid.code[at] ?? 0) : formatValue(value, unit)}</b>
                <span class="where">
                  {labelOf(grid.rows[place.row] ?? [])} → {labelOf(grid.columns[place.column] ?? [])}
                  {reason !== null && <small>{reason}</small>}
                </span>
              </button>
            </li>
          );
        })}
      </ol>
    </aside>
  );
}
