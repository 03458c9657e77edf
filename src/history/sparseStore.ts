/**
 * Sparse histograms of one time slot, by series, one after the other in chunks of memory that are added as needed.
 *
 * Append-only: a replaced histogram leaves its old bytes behind until the slot is merged or dropped. Four bytes a
 * series for the address of its histogram (chunk << 18 | offset in it; 0: none), then the histograms.
 */

import { type HistogramSum, MAX_SPARSE_BYTES } from '../stats/histogramSum.js';

const OFFSET_BITS = 18;
const MAX_PIECE_BYTES = 2 ** OFFSET_BITS;
const MIN_PIECE_BYTES = 4096;
const MAX_PIECES = 2 ** (32 - OFFSET_BITS);
/** Share of a piece that may stay free. */
const MOST_WASTE = 1 / 64;
const OFFSET_MASK = MAX_PIECE_BYTES - 1;
export const ADDRESS_BYTES = 4;

/** A histogram is written here first, when it is not known how long it will be. */
const scratch = new Uint8Array(MAX_SPARSE_BYTES);

export class SparseStore {
  /** Bytes of the pieces and the addresses. */
  bytes: number;
  private addresses: Uint32Array;
  private readonly pieces: Uint8Array[] = [];
  /** Free offset in the last chunk; address 0 is reserved. */
  private at = 0;

  constructor(length: number) {
    this.addresses = new Uint32Array(length);
    this.bytes = this.addresses.byteLength;
  }

  has(series: number): boolean {
    return this.addresses[series] !== 0;
  }

  resize(length: number): void {
    const larger = new Uint32Array(length);
    larger.set(this.addresses);
    this.bytes += larger.byteLength - this.addresses.byteLength;
    this.addresses = larger;
  }

  put(series: number, sparse: Uint8Array): void {
    this.addresses[series] = this.append(sparse);
  }

  /** Its histogram is not the whole truth any more. */
  drop(series: number): void {
    this.addresses[series] = 0;
  }

  putSum(series: number, sum: HistogramSum): void {
    const end = sum.writeSparse(scratch, 0);
    this.put(series, scratch.subarray(0, end));
  }

  /** Adds the histogram of a series, if there is one, to a sum. */
  addTo(series: number, sum: HistogramSum): void {
    const address = this.addresses[series];
    if (address !== 0) sum.addSparse(this.pieces[address >>> OFFSET_BITS], address & OFFSET_MASK);
  }

  /** Releases the free end of the last chunk when that is worth a copy; little more data will come. */
  seal(): void {
    const last = this.pieces.at(-1);
    // A piece that is full but for less than a histogram is not copied: that left as much garbage behind as there is in
    // the store.
    if (last === undefined || last.length - this.at <= last.length * MOST_WASTE) return;
    this.bytes -= last.length - this.at;
    this.pieces[this.pieces.length - 1] = last.slice(0, this.at);
  }

  private append(sparse: Uint8Array): number {
    let last = this.pieces.at(-1);
    if (last === undefined || this.at + sparse.length > last.length) {
      // 4 GiB in one slot; a histogram without an address counts as unknown.
      if (this.pieces.length === MAX_PIECES) return 0;
      this.seal();
      const usual = Math.min(MAX_PIECE_BYTES, Math.max(MIN_PIECE_BYTES, this.bytes >> 1));
      last = new Uint8Array(Math.max(usual, sparse.length + 1));
      this.bytes += last.length;
      this.pieces.push(last);
      this.at = this.pieces.length === 1 ? 1 : 0;
    }
    last.set(sparse, this.at);
    const address = (this.pieces.length - 1) * MAX_PIECE_BYTES + this.at;
    this.at += sparse.length;
    return address;
  }
}
