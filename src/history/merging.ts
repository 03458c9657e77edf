/**
 * Several parts of one series (rows, or slots) as one: counts add up, and percentiles come from the sum of the
 * histograms when all of them are there.
 */

import { HistogramSum } from '../stats/histogramSum.js';
import { unpackPercentile, unpackTime } from './columns.js';
import { Flag, PERCENTILES, type Slot } from './slot.js';
import type { HistoryRow, Numbers } from './types.js';

const UNKNOWN = Number.NaN;

/** Used for one series after the other: `begin`, the parts, `finish`. */
export class Merging implements Numbers {
  sent = 0;
  received = 0;
  lost = 0;
  unreachable = 0;
  tooBig = 0;
  sendErrors = 0;
  localDrops = 0;
  samples = 0;
  minNs = 0;
  meanNs = 0;
  maxNs = 0;
  jitterNs = 0;
  p50Ns = 0;
  p90Ns = 0;
  p99Ns = 0;
  /** The percentiles are the maxima over the parts, not the percentiles of the whole. */
  upperBound = false;
  parts = 0;
  /** The samples of all parts, when `complete`. */
  readonly sum = new HistogramSum();
  /** Every part that has samples has its histogram. */
  complete = true;
  private jitterSamples = 0;
  private sampledParts = 0;
  private readonly percentilesNs = new Float64Array(PERCENTILES.length);

  begin(): void {
    this.sent = 0;
    this.received = 0;
    this.lost = 0;
    this.unreachable = 0;
    this.tooBig = 0;
    this.sendErrors = 0;
    this.localDrops = 0;
    this.samples = 0;
    this.minNs = Number.POSITIVE_INFINITY;
    this.meanNs = 0;
    this.maxNs = 0;
    this.jitterNs = 0;
    this.p50Ns = 0;
    this.p90Ns = 0;
    this.p99Ns = 0;
    this.upperBound = false;
    this.parts = 0;
    this.sum.clear();
    this.complete = true;
    this.jitterSamples = 0;
    this.sampledParts = 0;
  }

  addSlot(slot: Slot, series: number): void {
    if (!slot.has(series)) return;
    this.sent += slot.sent.values[series];
    this.received += slot.received.values[series];
    this.lost += slot.lost.values[series];
    this.unreachable += slot.unreachable.values[series];
    this.tooBig += slot.tooBig.get(series);
    this.sendErrors += slot.sendErrors.get(series);
    this.localDrops += slot.localDrops.get(series);
    const samples = slot.samples.values[series];
    this.addTimes(
      samples,
      unpackTime(slot.min[series]),
      unpackTime(slot.mean[series]),
      unpackTime(slot.max[series]),
      unpackTime(slot.jitter[series]),
      unpackPercentile(slot.p50[series]),
      unpackPercentile(slot.p90[series]),
      unpackPercentile(slot.p99[series]),
    );
    if ((slot.flags[series] & Flag.upperBound) !== 0) this.upperBound = true;
    if (slot.histograms?.has(series)) slot.histograms.addTo(series, this.sum);
    else if (samples > 0) this.complete = false;
  }

  addRow(row: HistoryRow): void {
    this.sent += row.sent;
    this.received += row.received;
    this.lost += row.lost;
    this.unreachable += row.unreachable;
    this.tooBig += row.tooBig;
    this.sendErrors += row.sendErrors;
    this.localDrops += row.localDrops;
    this.addTimes(row.samples, row.minNs, row.meanNs, row.maxNs, row.jitterNs, row.p50Ns, row.p90Ns, row.p99Ns);
    if (row.histogram !== null) this.sum.addSparse(row.histogram, 0);
    else if (row.samples > 0) this.complete = false;
  }

  /** After the last part. */
  finish(): void {
    if (this.samples === 0) {
      this.minNs = this.meanNs = this.maxNs = UNKNOWN;
      this.p50Ns = this.p90Ns = this.p99Ns = UNKNOWN;
    } else {
      this.meanNs /= this.samples;
    }
    this.jitterNs = this.jitterSamples === 0 ? UNKNOWN : this.jitterNs / this.jitterSamples;
    if (this.complete && this.sum.total > 0) {
      this.upperBound = false;
      this.sum.percentiles(PERCENTILES, this.percentilesNs);
      [this.p50Ns, this.p90Ns, this.p99Ns] = this.percentilesNs;
    } else if (this.sampledParts > 1) {
      this.upperBound = true;
    }
  }

  /** Replaces the slot's data of the series with the result. */
  writeTo(slot: Slot, series: number): void {
    slot.write(series, this, this.upperBound);
    if (this.complete && this.sum.total > 0) slot.histograms?.putSum(series, this.sum);
    else slot.histograms?.drop(series);
  }

  /** A value that is unknown for one part is unknown for the whole: NaN propagates through all of these. */
  private addTimes(
    samples: number,
    minNs: number,
    meanNs: number,
    maxNs: number,
    jitterNs: number,
    p50Ns: number,
    p90Ns: number,
    p99Ns: number,
  ): void {
    this.parts += 1;
    if (samples === 0) return;
    this.sampledParts += 1;
    this.samples += samples;
    this.minNs = Math.min(this.minNs, minNs);
    this.meanNs += meanNs * samples;
    this.maxNs = Math.max(this.maxNs, maxNs);
    this.p50Ns = Math.max(this.p50Ns, p50Ns);
    this.p90Ns = Math.max(this.p90Ns, p90Ns);
    this.p99Ns = Math.max(this.p99Ns, p99Ns);
    // A single probe has no jitter; that does not affect the other parts.
    if (Number.isNaN(jitterNs)) return;
    this.jitterNs += jitterNs * samples;
    this.jitterSamples += samples;
  }
}
