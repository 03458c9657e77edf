/**
 * A picture of a grid with a pixel a cell, and smaller ones in which a pixel is the worst of 2 x 2, 4 x 4 … cells: at a
 * small scale, a bad cell never vanishes between pixels.
 */

import type { Palette } from '../lib/palette.js';
import { GONE, type Grid, NONE, STALE, UNMEASURED, WELL } from '../worker/grid.js';

export interface Raster {
  /** By power of two. */
  readonly pictures: readonly HTMLCanvasElement[];
}

function rgba(colour: string): number {
  const n = Number.parseInt(colour.slice(1), 16);
  // Little-endian: red is the lowest byte.
  return (0xff000000 | ((n & 0xff) << 16) | (n & 0xff00) | (n >> 16)) >>> 0;
}

export function coloursOf(palette: Palette): readonly string[] {
  const { none, levels, gone, stale, unmeasured } = palette;
  const colours = [none, levels[0] ?? '', gone, stale, unmeasured, ...levels.slice(1)];
  if (
    colours[NONE] !== palette.none ||
    colours[GONE] !== palette.gone ||
    colours[STALE] !== palette.stale ||
    colours[UNMEASURED] !== palette.unmeasured ||
    WELL !== 1
  )
    throw new Error('the codes of cells and their colours are not in the same order');
  return colours;
}

function picture(codes: Uint8Array, width: number, height: number, colours: Uint32Array): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, width);
  canvas.height = Math.max(1, height);
  const image = new ImageData(canvas.width, canvas.height);
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < codes.length; i++) pixels[i] = colours[codes[i] ?? 0] ?? 0;
  canvas.getContext('2d')?.putImageData(image, 0, 0);
  return canvas;
}

export function makeRaster(grid: Grid, palette: Palette): Raster {
  const colours = Uint32Array.from(coloursOf(palette), rgba);
  let codes = grid.code;
  let [width, height] = [grid.columns.length, grid.rows.length];
  const pictures = [picture(codes, width, height, colours)];
  while (width > 1 || height > 1) {
    const [halfWidth, halfHeight] = [Math.ceil(width / 2), Math.ceil(height / 2)];
    const half = new Uint8Array(halfWidth * halfHeight);
    for (let r = 0; r < height; r++)
      for (let c = 0; c < width; c++) {
        const to = (r >> 1) * halfWidth + (c >> 1);
        const code = codes[r * width + c] ?? 0;
        if (code > (half[to] ?? 0)) half[to] = code;
      }
    [codes, width, height] = [half, halfWidth, halfHeight];
    pictures.push(picture(codes, width, height, colours));
  }
  return { pictures };
}
