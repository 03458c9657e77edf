/**
 * The numbers of each direction of one row and of its paths, from counts to published values. Impossible delays are
 * omitted.
 */

import { UNKNOWN_BYTE } from '../ring/ring.js';
import { type DirectionCounts, DirectionNumbers, RowDelays } from './directions.js';
import { Baseline, type OneWayHistory } from './oneWay.js';
import type { PathTraits } from './pathTraits.js';
import { type OutcomeNumbers, roundedUs } from './row.js';

/** Limit by which the spread of one-way delays may exceed the RTT: the clocks may drift within an interval. */
const CLOCK_NOISE_NS = 100_000;

export class RowDirections {
  lostForward = 0;
  lostReverse = 0;
  remarked = 0;
  ceMarks = 0;
  hopChanges = 0;
  /** Last values seen on the row's paths in this interval; 255: unknown. */
  dscpForward = UNKNOWN_BYTE;
  dscpReverse = UNKNOWN_BYTE;
  hopsForward = UNKNOWN_BYTE;
  hopsReverse = UNKNOWN_BYTE;
  readonly baseline = new Baseline();
  private readonly row = new RowDelays();
  private readonly path = new DirectionNumbers();
  private forwardMinNs = 0;
  private forwardMaxNs = 0;
  private forwardSumNs = 0;
  private reverseMinNs = 0;
  private reverseMaxNs = 0;
  private hasDelays = false;

  /** Reads the paths from `first` to before `end` of a row with RTTs from `rttMinNs` to `rttMaxNs`. */
  read(
    counts: DirectionCounts,
    stream: number,
    first: number,
    end: number,
    rttMinNs: number,
    rttMaxNs: number,
    history: OneWayHistory,
  ): void {
    const { path, row } = this;
    this.lostForward = 0;
    this.lostReverse = 0;
    this.remarked = 0;
    this.ceMarks = 0;
    this.hopChanges = 0;
    this.dscpForward = UNKNOWN_BYTE;
    this.dscpReverse = UNKNOWN_BYTE;
    this.hopsForward = UNKNOWN_BYTE;
    this.hopsReverse = UNKNOWN_BYTE;
    this.forwardMinNs = Number.POSITIVE_INFINITY;
    this.forwardMaxNs = Number.NEGATIVE_INFINITY;
    this.reverseMinNs = Number.POSITIVE_INFINITY;
    this.reverseMaxNs = Number.NEGATIVE_INFINITY;
    this.forwardSumNs = 0;
    counts.readRow(stream, row);
    for (let number = first; number < end; number++) {
      counts.readPath(number, path);
      this.lostForward += path.lostForward;
      this.lostReverse += path.lostReverse;
      this.remarked += path.remarked;
      this.ceMarks += path.ceMarks;
      this.hopChanges += path.hopChanges;
      if (path.timed === 0) continue;
      this.forwardSumNs += path.forwardSumNs;
      this.forwardMinNs = Math.min(this.forwardMinNs, path.forwardMinNs);
      this.forwardMaxNs = Math.max(this.forwardMaxNs, path.forwardMaxNs);
      this.reverseMinNs = Math.min(this.reverseMinNs, path.reverseMinNs);
      this.reverseMaxNs = Math.max(this.reverseMaxNs, path.reverseMaxNs);
    }
    const mostNs = rttMaxNs + CLOCK_NOISE_NS;
    this.hasDelays =
      row.timed > 0 &&
      this.forwardMaxNs - this.forwardMinNs <= mostNs &&
      this.reverseMaxNs - this.reverseMinNs <= mostNs;
    if (this.hasDelays)
      history.close(stream, this.forwardMinNs, this.reverseMinNs, rttMinNs, row.unkept === 0, this.baseline);
  }

  /** Round trips with a known residence. */
  get timed(): number {
    return this.row.timed;
  }

  noteTraits(traits: PathTraits, path: number): void {
    if (traits.dscpForward(path) !== UNKNOWN_BYTE) this.dscpForward = traits.dscpForward(path);
    if (traits.dscpReverse(path) !== UNKNOWN_BYTE) this.dscpReverse = traits.dscpReverse(path);
    if (traits.hopsForward(path) !== UNKNOWN_BYTE) this.hopsForward = traits.hopsForward(path);
    if (traits.hopsReverse(path) !== UNKNOWN_BYTE) this.hopsReverse = traits.hopsReverse(path);
  }

  /**
   * Minimum, mean and maximum delay on the way out, then the same on the way back, of a path, ns. `rttMeanNs`: mean of
   * all its RTTs.
   */
  pathDelays(counts: DirectionCounts, number: number, rttMeanNs: number, into: Float64Array): void {
    const { path, baseline } = this;
    into.fill(Number.NaN);
    counts.readPath(number, path);
    if (!this.hasDelays || path.timed === 0) return;
    const forwardMeanNs = path.forwardSumNs / path.timed;
    into[0] = path.forwardMinNs - baseline.forwardNs;
    into[1] = forwardMeanNs - baseline.forwardNs;
    into[2] = path.forwardMaxNs - baseline.forwardNs;
    into[3] = path.reverseMinNs - baseline.reverseNs;
    into[4] = rttMeanNs - forwardMeanNs - baseline.reverseNs;
    into[5] = path.reverseMaxNs - baseline.reverseNs;
  }

  /** The row's members, with a leading comma. */
  json({ lostForward, lostReverse, lostUnknown, remarked, ceMarks, hopChanges }: OutcomeNumbers): string {
    const { row, baseline } = this;
    const forwardMean = this.forwardSumNs / row.timed;
    const reverseMean = row.rttSumNs / row.timed - forwardMean;
    const variation = (sumNs: number): number | null => (row.pairs === 0 ? null : roundedUs(sumNs / row.pairs));
    const delay = (min: number, mean: number, max: number, base: number, variationNs: number): string =>
      this.hasDelays
        ? `{"min":${roundedUs(min - base)},"mean":${roundedUs(mean - base)},"max":${roundedUs(max - base)},"variation":${variation(variationNs)},"relative":${baseline.relative}}`
        : 'null';
    return (
      `,"lostForward":${lostForward},"lostReverse":${lostReverse},"lostUnknown":${lostUnknown},` +
      `"forwardUs":${delay(this.forwardMinNs, forwardMean, this.forwardMaxNs, baseline.forwardNs, row.forwardVariationNs)},` +
      `"reverseUs":${delay(this.reverseMinNs, reverseMean, this.reverseMaxNs, baseline.reverseNs, row.reverseVariationNs)},` +
      `"dscpForward":${nullable(this.dscpForward)},"dscpReverse":${nullable(this.dscpReverse)},"remarked":${remarked},"ceMarks":${ceMarks},` +
      `"hopsForward":${nullable(this.hopsForward)},"hopsReverse":${nullable(this.hopsReverse)},"hopChanges":${hopChanges}`
    );
  }
}

/** Null for 255, which means unknown. */
export const nullable = (byte: number): number | null => (byte === UNKNOWN_BYTE ? null : byte);
