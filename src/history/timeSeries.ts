/** Series over time: one point a slot, with the resolution that the memory allows. */

import { Breather } from '../base/yielding.js';
import type { OutcomeCounts } from '../stats/outcome.js';
import { unpackPercentile, unpackTime } from './columns.js';
import type { MatrixHistory } from './history.js';
import { Flag, type Slot } from './slot.js';

interface SeriesFilter {
  readonly collector?: string | undefined;
  readonly group?: string | undefined;
  readonly source?: string | undefined;
  readonly target?: string | undefined;
  readonly port?: number | undefined;
  readonly class?: string | undefined;
}

/** One point; times are ns, NaN when unknown or without replies. */
export interface Point extends OutcomeCounts {
  readonly p50Ns: number;
  readonly p90Ns: number;
  readonly p99Ns: number;
  readonly maxNs: number;
  /** The percentiles are at most these, not these. */
  readonly upperBound: boolean;
}

/** The series that match, at most `limit` of them, and how many match in all. */
export async function matching(
  { series: table }: MatrixHistory,
  filter: SeriesFilter,
  limit: number,
): Promise<{ readonly series: readonly number[]; readonly total: number }> {
  const breather = new Breather();
  const series: number[] = [];
  let total = 0;
  const { collector, group, source, target, port, class: className } = filter;
  for (let one = 0; one < table.length; one++) {
    if (breather.due) await breather.breathe();
    if (!table.isUsed(one)) continue;
    if (target !== undefined && table.target(one) !== target) continue;
    if (port !== undefined && table.port(one) !== port) continue;
    if (source !== undefined && table.source(one) !== source) continue;
    if (group !== undefined && table.group(one) !== group) continue;
    if (className !== undefined && table.class(one) !== className) continue;
    if (collector !== undefined && table.collector(one) !== collector) continue;
    total += 1;
    if (series.length < limit) series.push(one);
  }
  return { series, total };
}

/** Slots with anything in [fromMs, toMs), oldest first. */
export function slotsWithin(history: MatrixHistory, fromMs: number, toMs: number): readonly Slot[] {
  return history.slots.filter((slot) => slot.endMs > fromMs && slot.startMs < toMs);
}

/** The data of a series in a slot; undefined without data. */
export function pointOf(slot: Slot, series: number): Point | undefined {
  if (!slot.has(series)) return undefined;
  const maxNs = unpackTime(slot.max[series]);
  const atMost = (packed: number): number => {
    const ns = unpackPercentile(packed);
    return Number.isNaN(maxNs) ? ns : Math.min(ns, maxNs);
  };
  return {
    ...slot.countsOf(series),
    p50Ns: atMost(slot.p50[series]),
    p90Ns: atMost(slot.p90[series]),
    p99Ns: atMost(slot.p99[series]),
    maxNs,
    upperBound: (slot.flags[series] & Flag.upperBound) !== 0,
  };
}
