/**
 * The sum of many histograms of round-trip times, for exact percentiles over time and hosts, and their compact form in
 * memory.
 *
 * It has the indexes of `histogram.ts`, so the percentiles of a sum equal those of one histogram with all samples. An
 * object is allocated once and reused: `clear` costs only the used pages.
 *
 * The compact form ("sparse histogram"), for keeping millions of them; each number is LEB128:
 *
 * | field | meaning |
 * | --- | --- |
 * | 2 x step + many | step: distance from the previous index, for the first one from -1; many: 1 when the count is more than one |
 * | count - 2 | only after many = 1 |
 * | … | |
 * | 0 | the end |
 *
 * So a single sample takes one or two bytes.
 */

import { highestNsAt, INDEXES, MAX_SAMPLE_NS } from './histogram.js';

const PAGE_BITS = 6;
const PAGE = 1 << PAGE_BITS;
const PAGES = Math.ceil(INDEXES / PAGE);
/** Longest entry, bytes: three for a step, eight for a count of up to 2^53. */
const MAX_ENTRY_BYTES = 11;
/** Longest sparse histogram, bytes. */
export const MAX_SPARSE_BYTES = INDEXES * MAX_ENTRY_BYTES + 1;

export class HistogramSum {
  total = 0;
  private readonly counts = new Float64Array(PAGES * PAGE);
  /** Sums over pages of indexes, so that empty pages are skipped. */
  private readonly pages = new Float64Array(PAGES);

  /** For `HdrTextEncoder`. */
  readonly hdr = {
    highestTrackableValue: MAX_SAMPLE_NS,
    getCountAtIndex: (index: number): number => this.counts[index],
  };

  /** Index of the minimum; 0 when empty. */
  get firstIndex(): number {
    return Math.max(
      0,
      this.counts.findIndex((count) => count > 0),
    );
  }

  /** Index of the maximum; 0 when empty. */
  get lastIndex(): number {
    return Math.max(
      0,
      this.counts.findLastIndex((count) => count > 0),
    );
  }

  add(index: number, count: number): void {
    this.counts[index] += count;
    this.pages[index >> PAGE_BITS] += count;
    this.total += count;
  }

  /** Hot: adds the sparse histogram at `offset` of bytes that `writeSparse` wrote. Returns the offset of its end. */
  addSparse(bytes: Uint8Array, offset: number): number {
    const { counts, pages } = this;
    let at = offset;
    let index = -1;
    let sum = 0;
    for (;;) {
      let byte = bytes[at++];
      if (byte === 0) break;
      let head = byte & 0x7f;
      for (let shift = 7; byte >= 0x80; shift += 7) {
        byte = bytes[at++];
        head |= (byte & 0x7f) << shift;
      }
      index += head >>> 1;
      let count = 1;
      if ((head & 1) === 1) {
        byte = bytes[at++];
        count = 2 + (byte & 0x7f);
        for (let scale = 0x80; byte >= 0x80; scale *= 0x80) {
          byte = bytes[at++];
          count += (byte & 0x7f) * scale;
        }
      }
      counts[index] += count;
      pages[index >> PAGE_BITS] += count;
      sum += count;
    }
    this.total += sum;
    return at;
  }

  /**
   * Values below or at which the given shares of all samples lie, as in `RttHistogram.percentiles`.
   *
   * @param perMille ascending, in thousandths
   * @param outNs gets one value, ns, for each; NaN when there is no sample
   */
  percentiles(perMille: readonly number[], outNs: Float64Array): void {
    outNs.fill(Number.NaN, 0, perMille.length);
    if (this.total === 0) return;
    const { counts, pages, total } = this;
    let found = 0;
    let wanted = rank(perMille[0], total);
    let seen = 0;
    for (let page = 0; page < PAGES; page++) {
      if (seen + pages[page] < wanted) {
        seen += pages[page];
        continue;
      }
      for (let index = page << PAGE_BITS; index < (page + 1) << PAGE_BITS; index++) {
        seen += counts[index];
        while (seen >= wanted) {
          outNs[found++] = highestNsAt(index);
          if (found === perMille.length) return;
          wanted = rank(perMille[found], total);
        }
      }
    }
  }

  /**
   * Writes the sparse form at `offset` of `bytes`, which must have enough space (`MAX_SPARSE_BYTES` always is). Returns
   * the offset of its end.
   */
  writeSparse(bytes: Uint8Array, offset: number): number {
    let at = offset;
    let before = -1;
    for (let page = 0; page < PAGES; page++) {
      if (this.pages[page] === 0) continue;
      for (let index = page << PAGE_BITS; index < (page + 1) << PAGE_BITS; index++) {
        const count = this.counts[index];
        if (count === 0) continue;
        at = writeEntry(bytes, at, index - before, count);
        before = index;
      }
    }
    bytes[at++] = 0;
    return at;
  }

  clear(): void {
    for (let page = 0; page < PAGES; page++) {
      if (this.pages[page] === 0) continue;
      this.counts.fill(0, page << PAGE_BITS, (page + 1) << PAGE_BITS);
      this.pages[page] = 0;
    }
    this.total = 0;
  }
}

/** Number of the smallest samples that a percentile covers: at least one. */
function rank(perMille: number, total: number): number {
  return Math.max(1, Math.ceil((perMille * total) / 1000));
}

/** Writes one entry of a sparse histogram, `step` indexes after the previous one. Returns the offset of its end. */
export function writeEntry(bytes: Uint8Array, offset: number, step: number, count: number): number {
  let at = offset;
  let head = step * 2 + (count > 1 ? 1 : 0);
  while (head >= 0x80) {
    bytes[at++] = (head & 0x7f) | 0x80;
    head >>>= 7;
  }
  bytes[at++] = head;
  if (count === 1) return at;
  let rest = count - 2;
  while (rest >= 0x80) {
    bytes[at++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  bytes[at++] = rest;
  return at;
}
