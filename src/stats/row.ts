/**
 * The published numbers of one row (or path) as JSON text, with their order, unit and rounding. Pure.
 *
 * It must never round away a nanosecond of a measured time, nor print a number that was not measured: a value without
 * samples is null.
 */

import { nsToUs } from '../base/units.js';
import { type LossCounts, lossShare } from './outcome.js';

/** The percentiles of `RttNumbers`, in thousandths. */
export const PERCENTILES_PER_MILLE = [500, 900, 990, 999] as const;

/** The sums of a row's RTTs, all in ns. One object is refilled for each row. */
export class RttNumbers {
  /** Round trips with an RTT. */
  count = 0;
  minNs = 0;
  maxNs = 0;
  /**
   * The first RTT. The sums below are of differences to it, so that squares of large numbers do not hide small spreads.
   */
  firstNs = 0;
  sumNs = 0;
  squaresNs2 = 0;
  residenceSumNs = 0;
  /** Pairs of consecutive probes that both have an RTT, and the sum of their absolute differences. */
  jitterPairs = 0;
  jitterSumNs = 0;
  /** In the order of `PERCENTILES_PER_MILLE`. */
  readonly percentilesNs = new Float64Array(PERCENTILES_PER_MILLE.length);

  get meanNs(): number {
    return this.firstNs + this.sumNs / this.count;
  }

  /** Standard deviation of the whole population, not an estimate from a sample: all round trips are known. */
  get stddevNs(): number {
    const mean = this.sumNs / this.count;
    return Math.sqrt(Math.max(0, this.squaresNs2 / this.count - mean * mean));
  }

  /** Mean absolute difference between the RTTs of consecutive probes of a path. */
  get jitterNs(): number {
    return this.jitterSumNs / this.jitterPairs;
  }
}

/** The outcomes of a row. */
export class OutcomeNumbers {
  sent = 0;
  received = 0;
  lost = 0;
  unreachable = 0;
  late = 0;
  duplicates = 0;
  reordered = 0;
  sendErrors = 0;
  localDrops = 0;
  tooBig = 0;
  /** Smallest reported MTU that a probe exceeded; 0: unknown. */
  mtu = 0;
  lostForward = 0;
  lostReverse = 0;
  lostUnknown = 0;
  remarked = 0;
  ceMarks = 0;
  hopChanges = 0;
}

/** Microseconds with at most 3 decimals: whole nanoseconds. */
export const roundedUs = (ns: number): number => nsToUs(Math.round(ns));

/** `lossShare` in percent with at most 4 decimals. */
export function lossPct(counts: LossCounts): number | null {
  const share = lossShare(counts);
  return share === null ? null : Math.round(share * 1_000_000) / 10_000;
}

/**
 * The row's JSON from `"sent"` to the closing brace. `timed`: round trips with a known residence; `explanations`:
 * members with a trailing comma; `directions`: members with a leading comma.
 */
export function rowJson(
  outcomes: OutcomeNumbers,
  rtt: RttNumbers,
  timed: number,
  explanations: string,
  directions: string,
): string {
  const { sent, received, lost, unreachable, late, duplicates, reordered, sendErrors, localDrops, tooBig, mtu } =
    outcomes;
  return (
    `"sent":${sent},"received":${received},"lost":${lost},"unreachable":${unreachable},"lossPct":${lossPct(outcomes)},` +
    `"late":${late},"duplicates":${duplicates},"reordered":${reordered},"sendErrors":${sendErrors},"localDrops":${localDrops},` +
    `"tooBig":${tooBig},"mtu":${mtu === 0 ? null : mtu},${explanations}` +
    `"rttUs":${rttJson(rtt)},"residenceUs":${timed === 0 ? null : roundedUs(rtt.residenceSumNs / timed)},` +
    `"jitterUs":${rtt.jitterPairs === 0 ? null : roundedUs(rtt.jitterNs)}${directions}}`
  );
}

/** A percentile is the upper end of its histogram bucket (within 0.1 %), so it is limited to the exact maximum. */
function rttJson(rtt: RttNumbers): string {
  if (rtt.count === 0) return 'null';
  const [p50, p90, p99, p999] = rtt.percentilesNs;
  const atMost = (ns: number): number => roundedUs(Math.min(ns, rtt.maxNs));
  return (
    `{"min":${roundedUs(rtt.minNs)},"mean":${roundedUs(rtt.meanNs)},"stddev":${roundedUs(rtt.stddevNs)},` +
    `"p50":${atMost(p50)},"p90":${atMost(p90)},"p99":${atMost(p99)},"p999":${atMost(p999)},"max":${roundedUs(rtt.maxNs)}}`
  );
}
