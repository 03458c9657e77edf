/**
 * A histogram of round-trip times in nanoseconds: an HdrHistogram of 3 significant digits (32-bit counts) that grows as
 * needed.
 *
 * Every count must be at the index where the library's own methods find it. Only the arithmetic of the hot calls is
 * here, because the library uses logarithms and powers, for any precision.
 *
 * With 3 digits and a unit of 1 ns, values below 2048 have an index each; above, each doubling has 1024 (HdrHistogram's
 * "buckets" and "sub-buckets").
 */

import { Int32Histogram } from 'hdr-histogram-js';
import { RTT_BOUNDS_NS, RTT_BUCKETS } from './rttBuckets.js';

export const SIGNIFICANT_DIGITS = 3;
/** Largest value that is recorded exactly: 4.29 s. Larger ones count as this one. */
export const MAX_SAMPLE_NS = 2 ** 32 - 1;

const LINEAR_VALUES = 2048;
const HALF_BITS = 10;
/** clz32(2048) + 1: a value with one leading zero less is in the next bucket. */
const LINEAR_LEADING_ZEROS = 21;

/** Index in the array of counts for an integer from 0 to `MAX_SAMPLE_NS`. */
export function indexOfNs(ns: number): number {
  const bucket = ns < LINEAR_VALUES ? 0 : LINEAR_LEADING_ZEROS - Math.clz32(ns);
  return (bucket << HALF_BITS) + (ns >>> bucket);
}

/** Number of indexes. */
export const INDEXES = indexOfNs(MAX_SAMPLE_NS) + 1;

/** Largest value that is counted at `index`. */
export function highestNsAt(index: number): number {
  const bucket = index < LINEAR_VALUES ? 0 : (index >>> HALF_BITS) - 1;
  const width = 2 ** bucket;
  return (index - (bucket << HALF_BITS)) * width + width - 1;
}

/**
 * By index: the bucket (`rttBuckets.ts`) of its smallest value. A search per sample would cost more than the rest of
 * recording it.
 */
const BUCKET_AT = Uint8Array.from({ length: INDEXES }, (_, index) => {
  const leastNs = index === 0 ? 0 : highestNsAt(index - 1) + 1;
  const bucket = RTT_BOUNDS_NS.findIndex((boundNs) => leastNs <= boundNs);
  return bucket === -1 ? RTT_BOUNDS_NS.length : bucket;
});
const UPPER_BOUNDS_NS = Float64Array.of(...RTT_BOUNDS_NS, Number.POSITIVE_INFINITY);

export class RttHistogram {
  /** The library's histogram; may be read freely, written only through this class. */
  readonly hdr: Int32Histogram;
  /** Values in each of the fixed buckets; may be read freely. */
  readonly buckets = new Uint32Array(RTT_BUCKETS);
  private leastNs = MAX_SAMPLE_NS;
  private greatestNs = 0;

  constructor() {
    this.hdr = new Int32Histogram(1, 2, SIGNIFICANT_DIGITS);
    this.hdr.autoResize = true;
  }

  /** Hot: records an integer from 0 to `MAX_SAMPLE_NS`. */
  record(ns: number): void {
    const index = indexOfNs(ns);
    if (ns < this.leastNs) this.leastNs = ns;
    if (ns > this.greatestNs) this.greatestNs = ns;
    const bucket = BUCKET_AT[index];
    // An index that contains a bound has times on both sides of it.
    this.buckets[ns > UPPER_BOUNDS_NS[bucket] ? bucket + 1 : bucket]++;
    if (index >= this.hdr.countsArrayLength) {
      this.hdr.recordValue(ns);
      return;
    }
    this.hdr.incrementCountAtIndex(index);
    this.hdr.incrementTotalCount();
    this.hdr.updateMinAndMax(ns);
  }

  get count(): number {
    return this.hdr.totalCount;
  }

  /** Index of the minimum; all lower counts are zero. 0 when empty. */
  get firstIndex(): number {
    return this.count === 0 ? 0 : indexOfNs(this.leastNs);
  }

  /** Index of the maximum; all higher counts are zero. 0 when empty. */
  get lastIndex(): number {
    return indexOfNs(this.greatestNs);
  }

  /**
   * Values below or at which the given shares of all samples lie, in one pass; the same that the library's
   * `getValueAtPercentile` finds, one by one.
   *
   * @param perMille ascending, in thousandths: 999 is the percentile 99.9
   * @param outNs gets one value, ns, for each; zeros when the histogram is empty
   */
  percentiles(perMille: readonly number[], outNs: Float64Array): void {
    outNs.fill(0, 0, perMille.length);
    const total = this.count;
    if (total === 0) return;
    const last = this.lastIndex;
    let found = 0;
    let wanted = Math.max(1, Math.ceil((perMille[0] * total) / 1000));
    let seen = 0;
    for (let index = this.firstIndex; index <= last; index++) {
      seen += this.hdr.getCountAtIndex(index);
      while (seen >= wanted) {
        outNs[found++] = highestNsAt(index);
        if (found === perMille.length) return;
        wanted = Math.max(1, Math.ceil((perMille[found] * total) / 1000));
      }
    }
  }

  reset(): void {
    this.hdr.reset();
    this.buckets.fill(0);
    this.leastNs = MAX_SAMPLE_NS;
    this.greatestNs = 0;
  }
}
