/** Rows and intervals for tests of histories: what a collector would report of given round trips. */

import type { HistoryInterval, HistoryRow, SeriesName } from '../../../src/history/types.js';
import { indexOfNs } from '../../../src/stats/histogram.js';
import { HistogramSum } from '../../../src/stats/histogramSum.js';

const sum = new HistogramSum();
const bytes = new Uint8Array(2 ** 18);

/** The sparse histogram of round trips; null when there are none. */
export function sparseOf(rttsNs: readonly number[]): Uint8Array | null {
  if (rttsNs.length === 0) return null;
  sum.clear();
  for (const ns of rttsNs) sum.add(indexOfNs(ns), 1);
  return bytes.slice(0, sum.writeSparse(bytes, 0));
}

export interface RowSpec extends Partial<SeriesName> {
  readonly rttsNs?: readonly number[];
  readonly lost?: number;
  readonly unreachable?: number;
  readonly tooBig?: number;
  readonly sendErrors?: number;
  readonly localDrops?: number;
  readonly reason?: string | null;
  readonly jitterNs?: number;
  /** The collector sends no histograms. */
  readonly withoutHistogram?: boolean;
}

export function historyRow(spec: RowSpec): HistoryRow {
  const { rttsNs = [], lost = 0, unreachable = 0, jitterNs = Number.NaN, withoutHistogram = false } = spec;
  const { tooBig = 0, sendErrors = 0, localDrops = 0, reason = null } = spec;
  const samples = rttsNs.length;
  const [p50Ns, p90Ns, p99Ns] = new Float64Array(3).fill(Number.NaN);
  const percentiles = new Float64Array([p50Ns, p90Ns, p99Ns]);
  const histogram = sparseOf(rttsNs);
  if (samples > 0) sum.percentiles([500, 900, 990], percentiles);
  return {
    group: spec.group ?? 'west',
    source: spec.source ?? '10.0.0.1',
    target: spec.target ?? '10.0.0.2',
    port: spec.port ?? 8100,
    class: spec.class ?? 'cs0',
    tags: spec.tags ?? {},
    sent: samples + lost + unreachable + tooBig + localDrops,
    received: samples,
    lost,
    unreachable,
    tooBig,
    sendErrors,
    localDrops,
    reason,
    samples,
    minNs: samples === 0 ? Number.NaN : Math.min(...rttsNs),
    meanNs: samples === 0 ? Number.NaN : rttsNs.reduce((all, ns) => all + ns, 0) / samples,
    maxNs: samples === 0 ? Number.NaN : Math.max(...rttsNs),
    jitterNs,
    p50Ns: percentiles[0],
    p90Ns: percentiles[1],
    p99Ns: percentiles[2],
    histogram: withoutHistogram ? null : histogram,
  };
}

export function historyInterval(
  collector: string,
  endMs: number,
  rows: readonly HistoryRow[],
  intervalMs = 10_000,
): HistoryInterval {
  return { collector, intervalMs, startMs: endMs - intervalMs, endMs, rows };
}
