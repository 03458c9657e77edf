/**
 * The rows of an interval as the bytes that a collector sent, decoded one by one on each iteration. A parsed row with
 * its histogram takes 2 KB of the heap, in 40 objects; as bytes it takes 1.3 KB outside it, and the decoded values die
 * young. With parsed objects, the waiting rows of 200 collectors made the heap four times as large.
 *
 * The rows were checked on arrival; this module does not check again.
 */

import type { RowPlace, RowShape, RowShapes } from './rowShape.js';
import { RowView } from './rowView.js';
import type { ResultRow, Rows } from './types.js';

/** How long the bytes are to be relied on. */
export interface Lease {
  /** Something else may be in them now. */
  readonly over: boolean;
  /** Keeps them until the result is called. */
  hold(): () => void;
}

/** Beginning and end of a row, its shape and the lengths of its values: their indexes in the lists. */
const FROM = 0;
const END = 1;
const SHAPE = 2;
const FIRST = 3;
const PLACE_WORDS = 4;
const NO_SHAPE = 2 ** 32 - 1;

/** Positions and shapes of the rows. */
interface RowsIndex {
  /** `PLACE_WORDS` of each row. */
  readonly places: Uint32Array;
  readonly shapes: readonly RowShape[];
  readonly lengths: Uint8Array;
}

/** Makes the index of an interval's rows as they are found. */
export class RowIndex {
  rows = 0;
  private readonly places: number[] = [];
  private readonly shapes: RowShape[] = [];
  private readonly found: RowShapes;
  private first = 0;

  constructor(found: RowShapes) {
    this.found = found;
  }

  /** A row of the shape that was found last. */
  addKnown(from: number, end: number): void {
    const { last, lengths } = this.found;
    if (last === undefined) throw new Error('a row was added as known before one was found');
    let shape = this.shapes.indexOf(last);
    if (shape === -1) shape = this.shapes.push(last) - 1;
    this.places.push(from, end, shape, this.first);
    this.first = lengths.length;
    this.rows += 1;
  }

  /** A row of no known shape. */
  add(from: number, end: number): void {
    this.places.push(from, end, NO_SHAPE, 0);
    this.rows += 1;
  }

  finish(): RowsIndex {
    return { places: Uint32Array.from(this.places), shapes: this.shapes, lengths: this.found.lengths.take() };
  }
}

export class RowBytes implements Rows {
  private readonly bytes: Buffer;
  private readonly index: RowsIndex;
  private readonly lease: Lease | undefined;

  /** Without a lease the bytes stay unchanged. */
  constructor(bytes: Buffer, index: RowsIndex, lease?: Lease) {
    this.bytes = bytes;
    this.index = index;
    this.lease = lease;
  }

  get length(): number {
    return this.index.places.length / PLACE_WORDS;
  }

  *[Symbol.iterator](): Generator<ResultRow> {
    for (let row = 0; row < this.length; row++) yield this.parsed(row);
  }

  *oneByOne(): Generator<ResultRow> {
    const { shapes, lengths } = this.index;
    const view = new RowView(this.bytes, lengths);
    for (let row = 0; row < this.length; row++) {
      this.mustBeHeld();
      const place = this.place(row);
      if (place.shape === NO_SHAPE) yield this.parsed(row);
      else {
        view.show(shapes[place.shape], place);
        yield view;
      }
    }
  }

  /**
   * The members of a row as they were sent, but its histogram; without a line break. undefined when it is not written
   * in the usual way.
   */
  withoutHistogram(row: number): Uint8Array | undefined {
    const place = this.place(row);
    if (place.shape === NO_SHAPE) return undefined;
    const { shapes, lengths } = this.index;
    return this.bytes.subarray(place.from + 1, shapes[place.shape].endWithoutHistogram(place, lengths));
  }

  hold(): () => void {
    return this.lease?.hold() ?? (() => {});
  }

  private place(row: number): RowPlace & { readonly shape: number } {
    const { places } = this.index;
    const at = row * PLACE_WORDS;
    return { from: places[at + FROM], end: places[at + END], shape: places[at + SHAPE], first: places[at + FIRST] };
  }

  private parsed(row: number): ResultRow {
    this.mustBeHeld();
    const { from, end } = this.place(row);
    return JSON.parse(this.bytes.toString('utf8', from, end)) as ResultRow;
  }

  private mustBeHeld(): void {
    if (this.lease?.over) throw new Error('rows were read that had been let go before');
  }
}
