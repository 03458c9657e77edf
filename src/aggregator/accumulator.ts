/**
 * The counts of one interval: a line per path and a line per stream (row), in typed arrays. They grow with the highest
 * stream number and are reused for later intervals.
 *
 * It must never allocate per record, and never read a clock: the caller decides which interval a record belongs to.
 *
 * One line is 64 bytes, a cache line, seen as 8 doubles and as 16 words. A path's line:
 *
 * | word | double | field |
 * | ---: | ---: | --- |
 * | 0 | 0 | minimum RTT, ns |
 * | 2 | 1 | sum of the RTTs, ns |
 * | 4 | 2 | maximum RTT, ns |
 * | 6-13 | | records of each `Outcome`, in its order |
 * | 14 | | reordered ones among the received |
 * | 15 | | RTTs |
 *
 * A row's line; all other row values are sums over the row's paths:
 *
 * | word | double | field |
 * | ---: | ---: | --- |
 * | 0 | 0 | first RTT, ns |
 * | 2 | 1 | sum of (RTT - first RTT), ns |
 * | 4 | 2 | sum of (RTT - first RTT) squared, ns² |
 * | 6 | 3 | sum of the residences, ns |
 * | 8 | 4 | sum of the absolute differences between consecutive RTTs, ns |
 * | 10 | | number of differences |
 * | 11 | | RTTs |
 * | 12 | | 1 after the first record |
 * | 13-15 | | the samples (`samples.ts`) |
 */

import { Outcome, RecordFlag } from '../ring/ring.js';
import { DirectionCounts, type ReceivedRecord } from '../stats/directions.js';
import { MAX_SAMPLE_NS } from '../stats/histogram.js';
import { ReasonCounts } from '../stats/reasonCounts.js';
import type { OutcomeNumbers, RttNumbers } from '../stats/row.js';
import type { PathHistory } from './pathHistory.js';
import type { SampleStore } from './samples.js';

const LINE_WORDS = 16;
const LINE_DOUBLES = 8;
const LINE_BYTES = 64;

const PATH_MIN = 0;
const PATH_SUM = 1;
const PATH_MAX = 2;
const PATH_OUTCOMES = 6;
const PATH_REORDERED = 14;
const PATH_RTTS = 15;

const ROW_FIRST = 0;
const ROW_SUM = 1;
const ROW_SQUARES = 2;
const ROW_RESIDENCE = 3;
const ROW_JITTER = 4;
const ROW_PAIRS = 10;
const ROW_RTTS = 11;
const ROW_TOUCHED = 12;
const ROW_SAMPLES = 13;

const INITIAL_ROWS = 64;

/** Counters of one path, for reading. */
export class PathNumbers {
  received = 0;
  lost = 0;
  unreachable = 0;
  localDrops = 0;
  tooBig = 0;
  late = 0;
  duplicates = 0;
  sendErrors = 0;
  reordered = 0;
  lostForward = 0;
  lostReverse = 0;
  lostUnknown = 0;
  remarked = 0;
  ceMarks = 0;
  hopChanges = 0;
  rtts = 0;
  minNs = 0;
  sumNs = 0;
  maxNs = 0;

  get sent(): number {
    return this.received + this.lost + this.unreachable + this.localDrops + this.tooBig;
  }

  /** True without any record. */
  get empty(): boolean {
    return this.sent + this.late + this.duplicates + this.sendErrors === 0;
  }
}

export class IntervalAccumulator {
  /** Counts of each direction. */
  readonly directions: DirectionCounts;
  /** Why probes were unreachable, too big or not sent. */
  readonly reasons = new ReasonCounts();
  private readonly sourcePorts: number;
  private readonly samples: SampleStore;
  private readonly history: PathHistory;
  /** Streams below this number have lines. */
  private capacity = 0;
  private pathWords = new Uint32Array(0);
  private pathDoubles = new Float64Array(0);
  private rowWords = new Uint32Array(0);
  private rowDoubles = new Float64Array(0);
  /** By stream: smallest reported MTU that a probe exceeded; 0: unknown. */
  private rowMtus = new Uint32Array(0);

  constructor(sourcePorts: number, samples: SampleStore, history: PathHistory) {
    this.sourcePorts = sourcePorts;
    this.samples = samples;
    this.history = history;
    this.directions = new DirectionCounts(sourcePorts, history.traits);
  }

  /** One more than the highest stream number with a line. */
  get streams(): number {
    return this.capacity;
  }

  has(stream: number): boolean {
    return stream < this.capacity && this.rowWords[stream * LINE_WORDS + ROW_TOUCHED] !== 0;
  }

  /** Must be called before the first record of a stream (when `has` is false). */
  open(stream: number): void {
    if (stream >= this.capacity) this.grow(stream + 1);
    this.history.open(stream);
    this.rowWords[stream * LINE_WORDS + ROW_TOUCHED] = 1;
  }

  /** Hot: counts a record of any outcome except the watermark, on a path of an open stream. */
  count(path: number, outcome: number): void {
    this.pathWords[path * LINE_WORDS + PATH_OUTCOMES + outcome]++;
  }

  /** Counts a probe that was too big, on a path of an open stream; `mtu` 0: unknown. */
  tooBig(stream: number, path: number, mtu: number): void {
    this.count(path, Outcome.tooBig);
    const known = this.rowMtus[stream];
    if (mtu > 0 && (known === 0 || mtu < known)) this.rowMtus[stream] = mtu;
  }

  /**
   * Hot: counts a received probe, on a path of an open stream. A negative RTT is never counted.
   *
   * It takes the record instead of its RTT, because V8 allocates 16 bytes for a number beyond 31 bits that is passed to
   * a function.
   */
  received(stream: number, record: ReceivedRecord): void {
    const { path, flags, residenceNs } = record;
    const rttNs = record.receivedNs - record.sentNs - residenceNs;
    const words = this.pathWords;
    const word = path * LINE_WORDS;
    words[word + PATH_OUTCOMES + Outcome.received]++;
    words[word + PATH_REORDERED] += flags & RecordFlag.reordered;
    if ((flags & RecordFlag.noRtt) !== 0 || !(rttNs >= 0)) return;

    const doubles = this.pathDoubles;
    const double = path * LINE_DOUBLES;
    const pathRtts = words[word + PATH_RTTS];
    words[word + PATH_RTTS] = pathRtts + 1;
    doubles[double + PATH_SUM] += rttNs;
    if (pathRtts === 0 || rttNs < doubles[double + PATH_MIN]) doubles[double + PATH_MIN] = rttNs;
    if (rttNs > doubles[double + PATH_MAX]) doubles[double + PATH_MAX] = rttNs;

    const rowWord = stream * LINE_WORDS;
    const rowDouble = stream * LINE_DOUBLES;
    const count = this.rowWords[rowWord + ROW_RTTS] + 1;
    this.rowWords[rowWord + ROW_RTTS] = count;
    if (count === 1) this.rowDoubles[rowDouble + ROW_FIRST] = rttNs;
    const offset = rttNs - this.rowDoubles[rowDouble + ROW_FIRST];
    this.rowDoubles[rowDouble + ROW_SUM] += offset;
    this.rowDoubles[rowDouble + ROW_SQUARES] += offset * offset;
    this.rowDoubles[rowDouble + ROW_RESIDENCE] += residenceNs;

    const difference = this.history.difference(path, record.sequence, rttNs);
    if (difference >= 0) {
      this.rowDoubles[rowDouble + ROW_JITTER] += difference;
      this.rowWords[rowWord + ROW_PAIRS]++;
    }
    const sample = rttNs < MAX_SAMPLE_NS ? (rttNs + 0.5) >>> 0 : MAX_SAMPLE_NS;
    this.samples.push(this.rowWords, rowWord + ROW_SAMPLES, count, sample);
  }

  /** Reads the counters of one path. */
  readPath(path: number, into: PathNumbers): void {
    const words = this.pathWords;
    const outcomes = path * LINE_WORDS + PATH_OUTCOMES;
    const double = path * LINE_DOUBLES;
    into.received = words[outcomes + Outcome.received];
    into.lost = words[outcomes + Outcome.lost];
    into.unreachable = words[outcomes + Outcome.unreachable];
    into.localDrops = words[outcomes + Outcome.localDrop];
    into.tooBig = words[outcomes + Outcome.tooBig];
    into.late = words[outcomes + Outcome.late];
    into.duplicates = words[outcomes + Outcome.duplicate];
    into.sendErrors = words[outcomes + Outcome.sendError];
    into.reordered = words[path * LINE_WORDS + PATH_REORDERED];
    into.rtts = words[path * LINE_WORDS + PATH_RTTS];
    into.minNs = this.pathDoubles[double + PATH_MIN];
    into.sumNs = this.pathDoubles[double + PATH_SUM];
    into.maxNs = this.pathDoubles[double + PATH_MAX];
  }

  /**
   * Reads a row's RTTs, except the percentiles. `outcomes`, `minNs` and `maxNs` are sums over its paths: see `addPath`.
   */
  readRow(stream: number, into: RttNumbers): void {
    const double = stream * LINE_DOUBLES;
    into.count = this.rowWords[stream * LINE_WORDS + ROW_RTTS];
    into.firstNs = this.rowDoubles[double + ROW_FIRST];
    into.sumNs = this.rowDoubles[double + ROW_SUM];
    into.squaresNs2 = this.rowDoubles[double + ROW_SQUARES];
    into.residenceSumNs = this.rowDoubles[double + ROW_RESIDENCE];
    into.jitterSumNs = this.rowDoubles[double + ROW_JITTER];
    into.jitterPairs = this.rowWords[stream * LINE_WORDS + ROW_PAIRS];
    into.minNs = Number.POSITIVE_INFINITY;
    into.maxNs = 0;
  }

  /** Smallest reported MTU that a probe of the row exceeded; 0: unknown. */
  mtu(stream: number): number {
    return this.rowMtus[stream];
  }

  /** A histogram of a row's RTTs; valid until the next call. */
  histogram(stream: number): ReturnType<SampleStore['histogram']> {
    return this.samples.histogram(this.rowWords, stream * LINE_WORDS + ROW_SAMPLES);
  }

  /** Empties a row and its paths. With all rows cleared, the accumulator is as new. */
  clear(stream: number): void {
    const word = stream * LINE_WORDS;
    this.directions.clear(stream);
    this.reasons.clear(stream * this.sourcePorts, (stream + 1) * this.sourcePorts);
    this.samples.release(this.rowWords, word + ROW_SAMPLES);
    this.rowWords.fill(0, word, word + LINE_WORDS);
    this.rowMtus[stream] = 0;
    this.pathWords.fill(0, word * this.sourcePorts, (word + LINE_WORDS) * this.sourcePorts);
  }

  private grow(streams: number): void {
    this.capacity = Math.max(INITIAL_ROWS, this.capacity * 2, streams);
    this.directions.reserve(this.capacity);
    this.reasons.reserve(this.capacity * this.sourcePorts);
    const paths = new Uint32Array((this.capacity * this.sourcePorts * LINE_BYTES) / 4);
    paths.set(this.pathWords);
    this.pathWords = paths;
    this.pathDoubles = new Float64Array(paths.buffer);
    const rows = new Uint32Array((this.capacity * LINE_BYTES) / 4);
    rows.set(this.rowWords);
    this.rowWords = rows;
    this.rowDoubles = new Float64Array(rows.buffer);
    const mtus = new Uint32Array(this.capacity);
    mtus.set(this.rowMtus);
    this.rowMtus = mtus;
  }
}

/** Adds a path to its row's sums. */
export function addPath(path: PathNumbers, outcomes: OutcomeNumbers, rtt: RttNumbers): void {
  outcomes.sent += path.sent;
  outcomes.received += path.received;
  outcomes.lost += path.lost;
  outcomes.unreachable += path.unreachable;
  outcomes.localDrops += path.localDrops;
  outcomes.tooBig += path.tooBig;
  outcomes.late += path.late;
  outcomes.duplicates += path.duplicates;
  outcomes.reordered += path.reordered;
  outcomes.sendErrors += path.sendErrors;
  if (path.rtts === 0) return;
  if (path.minNs < rtt.minNs) rtt.minNs = path.minNs;
  if (path.maxNs > rtt.maxNs) rtt.maxNs = path.maxNs;
}
