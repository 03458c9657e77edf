/** The canvas of a matrix: pointer, wheel, touch and keys; a picture for each change, at most one a frame. */

import type { Palette } from '../lib/palette.js';
import type { Grid } from '../worker/grid.js';
import { draw, labelOf, type Scene } from './draw.js';
import { makeRaster } from './raster.js';
import { Viewport } from './viewport.js';

export interface Place {
  readonly row: number;
  readonly column: number;
}

interface SurfaceEvents {
  /** The cell under the pointer or the keyboard's mark, and where it is in the canvas. */
  readonly point: (place: Place | undefined, x: number, y: number) => void;
  readonly open: (place: Place) => void;
}

const CLICK_PX = 5;
const ZOOM_STEP = 1.4;
const STEPS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  PageUp: [-10, 0],
  PageDown: [10, 0],
  Home: [0, Number.NEGATIVE_INFINITY],
  End: [0, Number.POSITIVE_INFINITY],
};

export class Surface {
  private readonly view = new Viewport();
  private readonly pointers = new Map<number, { x: number; y: number }>();
  private readonly canvas: HTMLCanvasElement;
  private readonly events: SurfaceEvents;
  private readonly watch: ResizeObserver;
  private scene: Scene | undefined;
  private frame = 0;
  private moved = 0;
  private longest = { row: 0, column: 0 };
  private sizes = '';

  constructor(canvas: HTMLCanvasElement, events: SurfaceEvents) {
    this.canvas = canvas;
    this.events = events;
    this.watch = new ResizeObserver(() => this.resize());
    this.watch.observe(canvas);
    canvas.addEventListener('wheel', (event) => this.wheel(event), { passive: false });
    canvas.addEventListener('pointerdown', (event) => this.down(event));
    canvas.addEventListener('pointermove', (event) => this.move(event));
    canvas.addEventListener('pointerup', (event) => this.up(event));
    canvas.addEventListener('pointercancel', (event) => this.pointers.delete(event.pointerId));
    canvas.addEventListener('pointerleave', () => this.mark(undefined, 0, 0));
    canvas.addEventListener('keydown', (event) => this.key(event));
    canvas.addEventListener('focus', () => this.change({ focused: true }));
    canvas.addEventListener('blur', () => this.change({ focused: false }));
  }

  close(): void {
    this.watch.disconnect();
    cancelAnimationFrame(this.frame);
  }

  set(grid: Grid, palette: Palette, unit: string): void {
    const { row = -1, column = -1, focused = false } = this.scene ?? {};
    const same = this.scene?.grid === grid && this.scene.palette === palette;
    const raster = same && this.scene !== undefined ? this.scene.raster : makeRaster(grid, palette);
    const inside = row < grid.rows.length && column < grid.columns.length;
    this.scene = { grid, raster, palette, unit, row: inside ? row : -1, column: inside ? column : -1, focused };
    const longestOf = (keys: Grid['rows']): number =>
      keys.reduce((most, key) => Math.max(most, labelOf(key).length), 0);
    this.longest = { row: longestOf(grid.rows), column: longestOf(grid.columns) };
    const sizes = `${grid.rows.length} ${grid.columns.length}`;
    if (sizes !== this.sizes) this.view.fit();
    this.sizes = sizes;
    this.resize();
  }

  fit(): void {
    this.view.fit();
    this.later();
  }

  zoom(factor: number): void {
    this.view.zoomAt((this.view.width + this.view.left) / 2, (this.view.height + this.view.top) / 2, factor);
    this.later();
  }

  private resize(): void {
    const { clientWidth, clientHeight } = this.canvas;
    if (this.scene === undefined || clientWidth === 0) return;
    const ratio = devicePixelRatio;
    const [width, height] = [Math.round(clientWidth * ratio), Math.round(clientHeight * ratio)];
    if (this.canvas.width !== width || this.canvas.height !== height)
      [this.canvas.width, this.canvas.height] = [width, height];
    const { rows, columns } = this.scene.grid;
    this.view.resize(clientWidth, clientHeight, ratio, { rows: rows.length, columns: columns.length }, this.longest);
    this.drawNow();
  }

  private later(): void {
    if (this.frame !== 0) return;
    this.frame = requestAnimationFrame(() => this.drawNow());
  }

  private drawNow(): void {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    const context = this.canvas.getContext('2d', { alpha: false });
    if (context !== null && this.scene !== undefined) draw(context, this.view, this.scene);
  }

  private change(change: Partial<Scene>): void {
    if (this.scene === undefined) return;
    this.scene = { ...this.scene, ...change };
    this.later();
  }

  private mark(place: Place | undefined, x: number, y: number): void {
    const { row = -1, column = -1 } = place ?? {};
    if (this.scene?.row !== row || this.scene.column !== column) this.change({ row, column });
    this.events.point(place, x, y);
  }

  private wheel(event: WheelEvent): void {
    event.preventDefault();
    if (event.shiftKey) this.view.pan(-event.deltaY, 0);
    else
      this.view.zoomAt(event.offsetX, event.offsetY, Math.exp(-event.deltaY * (event.deltaMode === 1 ? 0.05 : 0.0015)));
    this.later();
  }

  private down(event: PointerEvent): void {
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
    this.moved = this.pointers.size > 1 ? CLICK_PX + 1 : 0;
  }

  private move(event: PointerEvent): void {
    const before = this.pointers.get(event.pointerId);
    const now = { x: event.offsetX, y: event.offsetY };
    if (before === undefined) {
      this.mark(this.view.at(now.x, now.y), now.x, now.y);
      return;
    }
    const [dx, dy] = [now.x - before.x, now.y - before.y];
    this.moved += Math.hypot(dx, dy);
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (other !== undefined) {
      const factor =
        Math.hypot(now.x - other.x, now.y - other.y) / Math.max(1, Math.hypot(before.x - other.x, before.y - other.y));
      this.view.zoomAt((now.x + other.x) / 2, (now.y + other.y) / 2, factor);
    }
    this.pointers.set(event.pointerId, now);
    if (this.moved > CLICK_PX) this.view.pan(other === undefined ? dx : dx / 2, other === undefined ? dy : dy / 2);
    this.later();
  }

  private up(event: PointerEvent): void {
    if (!this.pointers.delete(event.pointerId) || this.moved > CLICK_PX) return;
    const place = this.view.at(event.offsetX, event.offsetY);
    if (place !== undefined) this.events.open(place);
  }

  private key(event: KeyboardEvent): void {
    if (this.scene === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    const { grid, row, column } = this.scene;
    const step = STEPS[event.key];
    if (step !== undefined) {
      const within = (value: number, count: number): number => Math.min(Math.max(0, value), count - 1);
      const place = {
        row: within(row < 0 ? 0 : row + step[0], grid.rows.length),
        column: within(column < 0 ? 0 : column + step[1], grid.columns.length),
      };
      this.view.show(place.row, place.column);
      this.mark(place, this.view.x(place.column) + this.view.cellWidth, this.view.y(place.row) + this.view.cellHeight);
    } else if (event.key === '+' || event.key === '=') this.zoom(ZOOM_STEP);
    else if (event.key === '-') this.zoom(1 / ZOOM_STEP);
    else if (event.key === '0') this.fit();
    else if (event.key === 'Enter' && row >= 0 && column >= 0) this.events.open({ row, column });
    else if (event.key === 'Escape') this.mark(undefined, 0, 0);
    else return;
    event.preventDefault();
  }
}
