/** Paths of a pair summed over the intervals that were seen, and which of them stand out. Pure. */

import {
  answeringOf,
  lossShare,
  OUTCOME_COUNTS,
  type OutcomeCounts,
  outcomeCounts,
  reasonOf,
} from '../../stats/outcome.js';
import { LEVELS, levelOf, timeLevel } from '../lib/palette.js';
import type { PathRow } from '../lib/types.js';
import { nameOf } from './names.js';

export interface PathSum extends OutcomeCounts {
  readonly collector: string | null | undefined;
  readonly group: string;
  readonly port: number;
  readonly class: string;
  readonly sourcePort: number;
  /** null: the loss is unknown. */
  readonly lossPct: number | null;
  /** Why probes of the newest interval have no answer; null: all have, or were just lost. */
  readonly reason: string | null;
  /**
   * In the newest interval every probe was refused: the current state of the path is unknown, whatever was received
   * before.
   */
  readonly refused: boolean;
  /**
   * In the newest interval every probe was answered by an error, not by the target. One that was just lost may be
   * chance.
   */
  readonly failing: boolean;
  /** Mean RTT over the intervals that had one; NaN without any. */
  readonly meanUs: number;
  readonly maxUs: number;
  /** Median of the intervals' means: a single slow reply does not make a path slow. */
  readonly typicalUs: number;
  readonly forward: number | undefined;
  readonly reverse: number | undefined;
  /** The class that probes arrived with, and replies came back with, of the last interval. */
  readonly marking: Marking | undefined;
}

interface Marking {
  readonly sent: number | undefined;
  readonly forward: number | null;
  readonly reverse: number | null;
}

/** Whether the network wrote another class into the packets. */
export function isRemarked({ marking }: PathSum): boolean {
  if (marking === undefined || marking.sent === undefined) return false;
  return [marking.forward, marking.reverse].some((dscp) => dscp !== null && dscp !== marking.sent);
}

/**
 * Sums several intervals: by collector, group, port and class, under the name of that series; source ports in order.
 */
export function sumPaths(intervals: readonly (readonly PathRow[])[]): ReadonlyMap<string, readonly PathSum[]> {
  const sums = new Map<
    string,
    { -readonly [K in keyof PathSum]: PathSum[K] } & { weighted: number; timed: number; means: number[] }
  >();
  for (const row of intervals.flat()) {
    const sourcePort = row.sourcePort ?? 0;
    const key = `${row.collector} ${row.group} ${row.port} ${row.class} ${sourcePort}`;
    const sum = sums.get(key) ?? {
      collector: row.collector,
      group: row.group,
      port: row.port,
      class: row.class,
      sourcePort,
      ...outcomeCounts(() => 0),
      lossPct: null,
      reason: null,
      refused: false,
      failing: false,
      meanUs: Number.NaN,
      maxUs: 0,
      typicalUs: Number.NaN,
      forward: undefined,
      reverse: undefined,
      marking: undefined,
      weighted: 0,
      timed: 0,
      means: [],
    };
    for (const name of OUTCOME_COUNTS) sum[name] += row[name] ?? 0;
    sum.reason = reasonOf(row);
    sum.refused = row.sent === 0 && (row.sendErrors ?? 0) > 0;
    sum.failing = row.sent > 0 && row.unreachable + (row.tooBig ?? 0) === row.sent;
    if (row.rttUs !== null) {
      sum.weighted += row.rttUs.mean * row.received;
      sum.timed += row.received;
      sum.means.push(row.rttUs.mean);
      sum.maxUs = Math.max(sum.maxUs, row.rttUs.max);
    }
    if (row.lostForward !== undefined) sum.forward = (sum.forward ?? 0) + row.lostForward;
    if (row.lostReverse !== undefined) sum.reverse = (sum.reverse ?? 0) + row.lostReverse;
    const { dscpForward, dscpReverse } = row;
    if (dscpForward !== undefined || dscpReverse !== undefined)
      sum.marking = { sent: row.dscp, forward: dscpForward ?? null, reverse: dscpReverse ?? null };
    const share = lossShare(sum);
    sum.lossPct = share === null ? null : share * 100;
    sum.meanUs = sum.timed === 0 ? Number.NaN : sum.weighted / sum.timed;
    sums.set(key, sum);
  }
  const bySeries = new Map<string, PathSum[]>();
  const all = [...sums.values()];
  for (const sum of all) {
    sum.typicalUs = medianOf(sum.means);
    const name = nameOf(sum, all);
    bySeries.set(name, [...(bySeries.get(name) ?? []), sum]);
  }
  for (const list of bySeries.values()) list.sort((a, b) => a.sourcePort - b.sourcePort);
  return new Map([...bySeries].sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true })));
}

/** -1: not measured, over all intervals or in the newest one. */
export function lossLevel(path: PathSum, bounds: readonly number[]): number {
  const state = answeringOf(path);
  if (state === 'unmeasured' || path.refused) return -1;
  return state === 'silent' || path.failing ? LEVELS - 1 : levelOf(path.lossPct ?? 0, bounds);
}

/** NaN of none. */
function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
}

/** Compared with the median of the paths of the same class: it shows an ECMP member that differs from the others. */
export function timeLevels(paths: readonly PathSum[], bounds: readonly number[]): readonly number[] {
  const median = medianOf(paths.map(({ typicalUs }) => typicalUs).filter((us) => !Number.isNaN(us)));
  return paths.map(({ typicalUs }) =>
    Number.isNaN(typicalUs) || Number.isNaN(median) ? -1 : timeLevel(typicalUs, median, bounds),
  );
}
