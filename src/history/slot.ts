/**
 * The measurements of one time slot, by series: outcomes, times, percentiles, and the histograms while there is memory.
 *
 * Bytes a series, with or without data in the slot (`SLOT_BYTES`, when no count is above 65,535; up to 54 more when
 * some are, and rare outcomes occur):
 *
 * | bytes | column |
 * | ---: | --- |
 * | 5 x 2 | sent, received, lost, unreachable, samples |
 * | 4 x 4 | min, mean, max, jitter |
 * | 3 x 2 | p50, p90, p99 |
 * | 1 | flags |
 * | 3 x 2, once one is above 0 | tooBig, sendErrors, localDrops |
 *
 * and with histograms `ADDRESS_BYTES` and the histogram itself. A percentile that is not the one of all samples must
 * always be marked (`Flag.upperBound`).
 */

import type { OutcomeCounts } from '../stats/outcome.js';
import { CountColumn, packPercentile, packTime } from './columns.js';
import { ADDRESS_BYTES, SparseStore } from './sparseStore.js';
import type { HistoryRow, Numbers } from './types.js';

const SLOT_BYTES = 5 * 2 + 4 * 4 + 3 * 2 + 1;
export const SLOT_WITH_HISTOGRAMS_BYTES = SLOT_BYTES + ADDRESS_BYTES;

export const Flag = {
  /** The series has data in this slot. */
  present: 1,
  /** The percentiles are the maxima over parts whose histograms are gone: upper bounds of the true ones. */
  upperBound: 2,
} as const;

export const PERCENTILES = [500, 900, 990] as const;

export class Slot {
  /**
   * The stretch of time that is filed here, by the ends of intervals: from this (without) to `fromMs + lengthMs`
   * (with).
   */
  readonly fromMs: number;
  readonly lengthMs: number;
  /** The time that its intervals cover. */
  startMs = Number.POSITIVE_INFINITY;
  endMs = 0;
  readonly sent: CountColumn;
  readonly received: CountColumn;
  readonly lost: CountColumn;
  readonly unreachable: CountColumn;
  readonly samples: CountColumn;
  readonly tooBig: CountColumn;
  readonly sendErrors: CountColumn;
  readonly localDrops: CountColumn;
  min: Uint32Array;
  mean: Uint32Array;
  max: Uint32Array;
  jitter: Uint32Array;
  p50: Uint16Array;
  p90: Uint16Array;
  p99: Uint16Array;
  flags: Uint8Array;
  /** null: let go, for want of memory. */
  histograms: SparseStore | null;

  constructor(fromMs: number, lengthMs: number, capacity: number, withHistograms = true) {
    this.fromMs = fromMs;
    this.lengthMs = lengthMs;
    this.sent = new CountColumn(capacity);
    this.received = new CountColumn(capacity);
    this.lost = new CountColumn(capacity);
    this.unreachable = new CountColumn(capacity);
    this.samples = new CountColumn(capacity);
    this.tooBig = new CountColumn(capacity, true);
    this.sendErrors = new CountColumn(capacity, true);
    this.localDrops = new CountColumn(capacity, true);
    this.min = new Uint32Array(capacity);
    this.mean = new Uint32Array(capacity);
    this.max = new Uint32Array(capacity);
    this.jitter = new Uint32Array(capacity);
    this.p50 = new Uint16Array(capacity);
    this.p90 = new Uint16Array(capacity);
    this.p99 = new Uint16Array(capacity);
    this.flags = new Uint8Array(capacity);
    this.histograms = withHistograms ? new SparseStore(capacity) : null;
  }

  get capacity(): number {
    return this.flags.length;
  }

  /** Bytes of all columns, without the histograms. */
  get columnBytes(): number {
    let bytes = 0;
    for (const { values } of this.counts()) bytes += values.byteLength;
    const { min, mean, max, jitter, p50, p90, p99, flags } = this;
    for (const column of [min, mean, max, jitter, p50, p90, p99, flags]) bytes += column.byteLength;
    return bytes;
  }

  get histogramBytes(): number {
    return this.histograms?.bytes ?? 0;
  }

  has(series: number): boolean {
    return (this.flags[series] & Flag.present) !== 0;
  }

  /** Records the time that an interval covers. */
  cover(startMs: number, endMs: number): void {
    this.startMs = Math.min(this.startMs, startMs);
    this.endMs = Math.max(this.endMs, endMs);
  }

  write(series: number, numbers: Numbers, upperBound: boolean): void {
    this.sent.set(series, numbers.sent);
    this.received.set(series, numbers.received);
    this.lost.set(series, numbers.lost);
    this.unreachable.set(series, numbers.unreachable);
    this.samples.set(series, numbers.samples);
    this.tooBig.set(series, numbers.tooBig);
    this.sendErrors.set(series, numbers.sendErrors);
    this.localDrops.set(series, numbers.localDrops);
    this.min[series] = packTime(numbers.minNs);
    this.mean[series] = packTime(numbers.meanNs);
    this.max[series] = packTime(numbers.maxNs);
    this.jitter[series] = packTime(numbers.jitterNs);
    this.p50[series] = packPercentile(numbers.p50Ns);
    this.p90[series] = packPercentile(numbers.p90Ns);
    this.p99[series] = packPercentile(numbers.p99Ns);
    this.flags[series] = Flag.present | (upperBound ? Flag.upperBound : 0);
  }

  countsOf(series: number): OutcomeCounts {
    return {
      sent: this.sent.get(series),
      received: this.received.get(series),
      lost: this.lost.get(series),
      unreachable: this.unreachable.get(series),
      tooBig: this.tooBig.get(series),
      sendErrors: this.sendErrors.get(series),
      localDrops: this.localDrops.get(series),
    };
  }

  /** A row of a series that has no data here yet. */
  writeRow(series: number, row: HistoryRow): void {
    this.write(series, row, false);
    if (row.histogram !== null) this.histograms?.put(series, row.histogram);
  }

  /** Grows or shrinks the columns to `capacity` series. */
  resize(capacity: number): void {
    for (const column of this.counts()) column.resize(capacity);
    this.min = longer(this.min, new Uint32Array(capacity));
    this.mean = longer(this.mean, new Uint32Array(capacity));
    this.max = longer(this.max, new Uint32Array(capacity));
    this.jitter = longer(this.jitter, new Uint32Array(capacity));
    this.p50 = longer(this.p50, new Uint16Array(capacity));
    this.p90 = longer(this.p90, new Uint16Array(capacity));
    this.p99 = longer(this.p99, new Uint16Array(capacity));
    this.flags = longer(this.flags, new Uint8Array(capacity));
    this.histograms?.resize(capacity);
  }

  private counts(): readonly CountColumn[] {
    const { sent, received, lost, unreachable, samples, tooBig, sendErrors, localDrops } = this;
    return [sent, received, lost, unreachable, samples, tooBig, sendErrors, localDrops];
  }
}

function longer<Column extends Uint8Array | Uint16Array | Uint32Array>(old: Column, to: Column): Column {
  to.set(old);
  return to;
}
