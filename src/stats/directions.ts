/**
 * One interval's counts of each direction: one-way delays, markings, hops, and the direction of losses. A line per path
 * and some sums per row, next to `accumulator.ts` and with the same lifetime.
 *
 * One-way delays are differences between two hosts' clocks: usable directly only where both are synchronised
 * (`oneWay.ts`). The delay on the way back is the RTT minus the delay on the way out, so the sum is kept for the latter
 * only.
 *
 * A path's line is 64 bytes:
 *
 * | word | double | field |
 * | ---: | ---: | --- |
 * | 0 | 0 | minimum delay on the way out, ns |
 * | 2 | 1 | maximum |
 * | 4 | 2 | sum |
 * | 6 | 3 | minimum delay on the way back, ns |
 * | 8 | 4 | maximum |
 * | 10 | | probes with both |
 * | 11, 12 | | lost on the way out, on the way back |
 * | 13 | | probes with a rewritten marking |
 * | 14 | | congestion marks |
 * | 15 | | changes of a hop count |
 *
 * A row has 8 doubles: sums of the absolute differences between consecutive delays out and back, number of differences,
 * probes with both delays, sum of their RTTs, and how many of these probes lack two synchronised clocks. It must never
 * allocate per record.
 */

import { RecordFlag, UNKNOWN_BYTE } from '../ring/ring.js';
import type { PathTraits } from './pathTraits.js';

const LINE_WORDS = 16;
const LINE_DOUBLES = 8;
const FORWARD_MIN = 0;
const FORWARD_MAX = 1;
const FORWARD_SUM = 2;
const REVERSE_MIN = 3;
const REVERSE_MAX = 4;
const TIMED = 10;
const LOST_FORWARD = 11;
const LOST_REVERSE = 12;
const REMARKED = 13;
const CE_MARKS = 14;
const HOP_CHANGES = 15;

const ROW_FORWARD_VARIATION = 0;
const ROW_REVERSE_VARIATION = 1;
const ROW_PAIRS = 2;
const ROW_TIMED = 3;
const ROW_RTT_SUM = 4;
const ROW_UNKEPT = 5;

/** Fields read of a received probe; `RingConsumer` implements it. */
export interface ReceivedRecord {
  readonly path: number;
  readonly flags: number;
  readonly sentNs: number;
  readonly receivedNs: number;
  readonly residenceNs: number;
  readonly sequence: number;
}

/** Fields read for the directions. */
interface DirectionRecord extends ReceivedRecord {
  readonly tos: number;
  readonly ttl: number;
  readonly forwardNs: number;
  readonly forwardDscp: number;
  readonly forwardTtl: number;
}

/** Numbers of one path, for reading; delays are plain differences of the two clocks. */
export class DirectionNumbers {
  timed = 0;
  forwardMinNs = 0;
  forwardMaxNs = 0;
  forwardSumNs = 0;
  reverseMinNs = 0;
  reverseMaxNs = 0;
  lostForward = 0;
  lostReverse = 0;
  remarked = 0;
  ceMarks = 0;
  hopChanges = 0;
}

/** Sums of a row. */
export class RowDelays {
  timed = 0;
  /** RTTs of the probes with both delays. */
  rttSumNs = 0;
  /** Differences between consecutive probes of a path, and their sums. */
  pairs = 0;
  forwardVariationNs = 0;
  reverseVariationNs = 0;
  /** Probes without two clocks known to be synchronised. */
  unkept = 0;
}

export class DirectionCounts {
  private readonly sourcePorts: number;
  private readonly traits: PathTraits;
  private words = new Uint32Array(0);
  private doubles = new Float64Array(0);
  private rows = new Float64Array(0);

  constructor(sourcePorts: number, traits: PathTraits) {
    this.sourcePorts = sourcePorts;
    this.traits = traits;
  }

  /** Grows the columns to `streams` streams. */
  reserve(streams: number): void {
    const words = new Uint32Array(streams * this.sourcePorts * LINE_WORDS);
    words.set(this.words);
    this.words = words;
    this.doubles = new Float64Array(words.buffer);
    const rows = new Float64Array(streams * LINE_DOUBLES);
    rows.set(this.rows);
    this.rows = rows;
  }

  /** Adds the direction of a probe that was counted as lost before. */
  lost(path: number, forward: boolean): void {
    this.words[path * LINE_WORDS + (forward ? LOST_FORWARD : LOST_REVERSE)]++;
  }

  /** Hot: a received probe, on a path of an open stream. */
  received(stream: number, record: DirectionRecord): void {
    const { path, flags } = record;
    const { words, traits } = this;
    const word = path * LINE_WORDS;
    if ((flags & RecordFlag.remarked) !== 0) words[word + REMARKED]++;
    if ((flags & RecordFlag.ceMarked) !== 0) words[word + CE_MARKS]++;
    const dscp = (flags & RecordFlag.tosUnknown) === 0 ? record.tos >> 2 : UNKNOWN_BYTE;
    if (traits.note(path, dscp, record.ttl, record.forwardDscp, record.forwardTtl)) words[word + HOP_CHANGES]++;
    if ((flags & (RecordFlag.noRtt | RecordFlag.timed)) !== RecordFlag.timed) return;

    const { forwardNs } = record;
    const rttNs = record.receivedNs - record.sentNs - record.residenceNs;
    const reverseNs = rttNs - forwardNs;
    const { doubles } = this;
    const double = path * LINE_DOUBLES;
    const first = words[word + TIMED]++ === 0;
    doubles[double + FORWARD_SUM] += forwardNs;
    if (first || forwardNs < doubles[double + FORWARD_MIN]) doubles[double + FORWARD_MIN] = forwardNs;
    if (first || forwardNs > doubles[double + FORWARD_MAX]) doubles[double + FORWARD_MAX] = forwardNs;
    if (first || reverseNs < doubles[double + REVERSE_MIN]) doubles[double + REVERSE_MIN] = reverseNs;
    if (first || reverseNs > doubles[double + REVERSE_MAX]) doubles[double + REVERSE_MAX] = reverseNs;

    const { rows } = this;
    const row = stream * LINE_DOUBLES;
    rows[row + ROW_TIMED]++;
    rows[row + ROW_RTT_SUM] += rttNs;
    if ((flags & RecordFlag.clocksKept) === 0) rows[row + ROW_UNKEPT]++;
    if (traits.follows(path, record.sequence)) {
      rows[row + ROW_PAIRS]++;
      rows[row + ROW_FORWARD_VARIATION] += Math.abs(forwardNs - traits.forwardNs(path));
      rows[row + ROW_REVERSE_VARIATION] += Math.abs(reverseNs - traits.reverseNs(path));
    }
    traits.noteDelays(path, record.sequence, forwardNs, reverseNs);
  }

  readPath(path: number, into: DirectionNumbers): void {
    const { words, doubles } = this;
    const word = path * LINE_WORDS;
    const double = path * LINE_DOUBLES;
    into.timed = words[word + TIMED];
    into.forwardMinNs = doubles[double + FORWARD_MIN];
    into.forwardMaxNs = doubles[double + FORWARD_MAX];
    into.forwardSumNs = doubles[double + FORWARD_SUM];
    into.reverseMinNs = doubles[double + REVERSE_MIN];
    into.reverseMaxNs = doubles[double + REVERSE_MAX];
    into.lostForward = words[word + LOST_FORWARD];
    into.lostReverse = words[word + LOST_REVERSE];
    into.remarked = words[word + REMARKED];
    into.ceMarks = words[word + CE_MARKS];
    into.hopChanges = words[word + HOP_CHANGES];
  }

  readRow(stream: number, into: RowDelays): void {
    const { rows } = this;
    const row = stream * LINE_DOUBLES;
    into.timed = rows[row + ROW_TIMED];
    into.rttSumNs = rows[row + ROW_RTT_SUM];
    into.pairs = rows[row + ROW_PAIRS];
    into.forwardVariationNs = rows[row + ROW_FORWARD_VARIATION];
    into.reverseVariationNs = rows[row + ROW_REVERSE_VARIATION];
    into.unkept = rows[row + ROW_UNKEPT];
  }

  clear(stream: number): void {
    const first = stream * this.sourcePorts * LINE_WORDS;
    this.words.fill(0, first, first + this.sourcePorts * LINE_WORDS);
    this.rows.fill(0, stream * LINE_DOUBLES, (stream + 1) * LINE_DOUBLES);
  }
}
