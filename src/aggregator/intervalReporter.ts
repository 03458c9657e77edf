/**
 * Closes an interval: turns its counts into an `IntervalReport`, in slices of rows. The aggregator empties the rings in
 * between, because ten thousand rows take longer than a ring lasts at full rate.
 *
 * It must never write a row of a stream without a prefix: those records are counted, and dropped.
 */

import { ByteColumn, DoubleColumn, FloatColumn, WordColumn } from '../base/columns.js';
import { nsToMs } from '../base/units.js';
import { UNKNOWN_BYTE } from '../ring/ring.js';
import { RowDirections } from '../stats/directionRow.js';
import { DirectionNumbers } from '../stats/directions.js';
import { explanationsJson, explanationsOf } from '../stats/explanations.js';
import { HdrTextEncoder } from '../stats/hdrText.js';
import { OutcomeNumbers, PERCENTILES_PER_MILLE, RttNumbers, rowJson } from '../stats/row.js';
import { RTT_BUCKETS } from '../stats/rttBuckets.js';
import type { IntervalReport, PathColumn } from '../threads/messages.js';
import { addPath, type IntervalAccumulator, PathNumbers } from './accumulator.js';
import type { Interval } from './intervals.js';
import type { PathHistory } from './pathHistory.js';

const COMMA = ',';
const NO_WORDS = new Uint32Array(0);
const NO_RTTS = new Uint32Array(RTT_BUCKETS);

interface ClosedInterval {
  readonly interval: Interval<IntervalAccumulator>;
  readonly report: IntervalReport;
  /** The report's buffers, without any other reference. */
  readonly transfer: readonly ArrayBuffer[];
}

export class IntervalCloser {
  /** Final records of the interval whose stream is unknown by now, and its other records. */
  orphans = 0;
  orphansOther = 0;

  private readonly sourcePorts: number;
  /** By stream number: the start of its row, UTF-8. */
  private readonly prefixes: readonly (Uint8Array | undefined)[];
  private readonly path = new PathNumbers();
  private readonly rtt = new RttNumbers();
  private readonly directions = new RowDirections();
  private readonly direction = new DirectionNumbers();
  private readonly delays = new Float64Array(6);
  private readonly history: PathHistory;
  private readonly encoder = new HdrTextEncoder();

  private closing: Interval<IntervalAccumulator> | undefined = undefined;
  private nextStream = 0;
  /** Where it was cut off, epoch ms; undefined when it is complete. */
  private cutOffMs: number | undefined;
  private sent = 0;
  private received = 0;
  private lost = 0;

  private readonly streams = new WordColumn();
  private readonly rows = new ByteColumn();
  private readonly rowOffsets = new WordColumn();
  private readonly histograms = new ByteColumn();
  private readonly histogramOffsets = new WordColumn();
  private readonly rowCounters = new WordColumn();
  private readonly rowRttSumsNs = new DoubleColumn();
  private readonly rowRttBuckets = new WordColumn();
  private readonly times = new DoubleColumn();
  private readonly sparse = new ByteColumn();
  private readonly sparseOffsets = new WordColumn();
  private readonly paths = new WordColumn();
  private readonly pathCounters = new WordColumn();
  private readonly pathRttNs = new FloatColumn();
  private readonly pathDelayNs = new FloatColumn();
  private readonly pathTraits = new ByteColumn();
  private readonly pathReasons = new WordColumn();
  /** Reasons of one row's paths. */
  private readonly rowReasons = new WordColumn();

  constructor(sourcePorts: number, prefixes: readonly (Uint8Array | undefined)[], history: PathHistory) {
    this.history = history;
    this.sourcePorts = sourcePorts;
    this.prefixes = prefixes;
  }

  get active(): boolean {
    return this.closing !== undefined;
  }

  start(interval: Interval<IntervalAccumulator>, cutOffMs?: number): void {
    this.closing = interval;
    this.cutOffMs = cutOffMs;
    this.nextStream = 0;
    this.orphans = 0;
    this.orphansOther = 0;
    this.sent = 0;
    this.received = 0;
    this.lost = 0;
    this.rowOffsets.push(0);
    this.histogramOffsets.push(0);
    this.sparseOffsets.push(0);
  }

  /**
   * Writes at most `rows` rows and empties them in the interval's content. True when all are written; then call
   * `finish`.
   */
  step(rows: number): boolean {
    const counts = this.closing?.content;
    if (counts === undefined) return true;
    let left = rows;
    while (this.nextStream < counts.streams) {
      const stream = this.nextStream;
      if (counts.has(stream)) {
        if (left-- === 0) return false;
        this.writeRow(counts, stream);
        counts.clear(stream);
      }
      this.nextStream++;
    }
    return true;
  }

  /** The report, and the interval with emptied content. */
  finish(): ClosedInterval {
    const interval = this.closing;
    if (interval === undefined) throw new Error('no interval is being closed');
    this.closing = undefined;
    const columns = {
      streams: this.streams.take(),
      rows: this.rows.take(),
      rowOffsets: this.rowOffsets.take(),
      histograms: this.histograms.take(),
      histogramOffsets: this.histogramOffsets.take(),
      rowCounters: this.rowCounters.take(),
      rowRttSumsNs: this.rowRttSumsNs.take(),
      rowRttBuckets: this.rowRttBuckets.take(),
      paths: this.paths.take(),
      pathCounters: this.pathCounters.take(),
      pathRttNs: this.pathRttNs.take(),
      pathDelayNs: this.pathDelayNs.take(),
      pathTraits: this.pathTraits.take(),
      pathReasons: this.pathReasons.take(),
    };
    const forHistory = {
      times: this.times.take(),
      sparse: this.sparse.take(),
      sparseOffsets: this.sparseOffsets.take(),
    };
    const { startMs } = interval;
    const { cutOffMs, sent, received, lost } = this;
    const early = cutOffMs !== undefined;
    const endMs = cutOffMs ?? interval.endMs;
    const clockStepMs = Math.round(nsToMs(interval.clockStepNs));
    return {
      interval,
      report: { startMs, endMs, clockStepMs, early, sent, received, lost, ...columns, forHistory },
      transfer: [...Object.values(columns), ...Object.values(forHistory)].map((column) => column.buffer),
    };
  }

  private writeRow(counts: IntervalAccumulator, stream: number): void {
    const outcomes = new OutcomeNumbers();
    const { rtt } = this;
    const prefix = this.prefixes[stream];
    counts.readRow(stream, rtt);
    const first = stream * this.sourcePorts;
    const end = first + this.sourcePorts;
    for (let path = first; path < end; path++) {
      counts.readPath(path, this.path);
      if (!this.path.empty) addPath(this.path, outcomes, rtt);
    }
    if (prefix === undefined) {
      this.orphans += outcomes.sent;
      this.orphansOther += outcomes.late + outcomes.duplicates + outcomes.sendErrors;
      return;
    }
    outcomes.mtu = counts.mtu(stream);
    const { directions, history } = this;
    directions.read(counts.directions, stream, first, end, rtt.minNs, rtt.maxNs, history.oneWay);
    for (let path = first; path < end; path++) {
      counts.readPath(path, this.path);
      if (!this.path.empty) this.writePath(counts, path);
    }
    noteDirections(outcomes, directions);
    this.sent += outcomes.sent;
    this.received += outcomes.received;
    this.lost += outcomes.lost;

    let buckets = NO_RTTS;
    if (rtt.count > 0) {
      const histogram = counts.histogram(stream);
      buckets = histogram.buckets;
      histogram.percentiles(PERCENTILES_PER_MILLE, rtt.percentilesNs);
      this.histograms.ascii(this.encoder.encode(histogram));
      this.sparse.raw(this.encoder.sparse);
    }
    this.histogramOffsets.push(this.histograms.length);
    this.sparseOffsets.push(this.sparse.length);
    pushTimes(this.times, rtt);

    if (this.streams.length > 0) this.rows.ascii(COMMA);
    this.streams.push(stream);
    this.rows.raw(prefix);
    const reasons = this.rowReasons.length === 0 ? NO_WORDS : this.rowReasons.take();
    const explanations = explanationsJson(explanationsOf(reasons));
    this.rows.ascii(rowJson(outcomes, rtt, directions.timed, explanations, directions.json(outcomes)));
    this.rowOffsets.push(this.rows.length + COMMA.length);

    pushCounters(this.rowCounters, outcomes);
    this.rowRttSumsNs.push(rtt.count * rtt.firstNs + rtt.sumNs);
    for (let bucket = 0; bucket < RTT_BUCKETS; bucket++) this.rowRttBuckets.push(buckets[bucket]);
  }

  private writePath(counts: IntervalAccumulator, number: number): void {
    const { path, pathRttNs, directions, direction, delays, pathTraits } = this;
    const { traits } = this.history;
    const meanNs = path.rtts === 0 ? 0 : path.sumNs / path.rtts;
    counts.directions.readPath(number, direction);
    noteDirections(path, direction);
    if (counts.reasons.has(number)) this.writeReasons(counts, number);
    this.paths.push(number);
    pushCounters(this.pathCounters, path);
    pathRttNs.push(path.minNs);
    pathRttNs.push(meanNs);
    pathRttNs.push(path.maxNs);
    directions.pathDelays(counts.directions, number, meanNs, delays);
    for (const ns of delays) this.pathDelayNs.push(ns);
    // The last values may come from an earlier interval, so a path without replies shows none.
    const seen = path.received > 0;
    if (seen) directions.noteTraits(traits, number);
    pathTraits.byte(seen ? traits.dscpForward(number) : UNKNOWN_BYTE);
    pathTraits.byte(seen ? traits.dscpReverse(number) : UNKNOWN_BYTE);
    pathTraits.byte(seen ? traits.hopsForward(number) : UNKNOWN_BYTE);
    pathTraits.byte(seen ? traits.hopsReverse(number) : UNKNOWN_BYTE);
    pathTraits.byte(directions.baseline.relative ? 1 : 0);
  }

  /** Writes the reasons of the path that is written next, for the path and for its row. */
  private writeReasons(counts: IntervalAccumulator, number: number): void {
    counts.reasons.forEach(number, (words) => {
      this.pathReasons.push(this.paths.length);
      for (const word of words) {
        this.pathReasons.push(word);
        this.rowReasons.push(word);
      }
    });
  }
}

/** In the order of `ROW_TIMES`. */
function pushTimes(column: DoubleColumn, rtt: RttNumbers): void {
  const any = rtt.count > 0;
  column.push(rtt.count);
  column.push(any ? rtt.meanNs : Number.NaN);
  column.push(any ? rtt.minNs : Number.NaN);
  column.push(any ? rtt.maxNs : Number.NaN);
  column.push(rtt.jitterPairs > 0 ? rtt.jitterNs : Number.NaN);
  // Without the last, p999: in a history only histograms provide it.
  for (let i = 0; i < 3; i++) column.push(any ? rtt.percentilesNs[i] : Number.NaN);
}

/**
 * A thread may die with a `lost` record while the record of its direction survives, so directions are limited to the
 * losses.
 */
function noteDirections(into: OutcomeNumbers | PathNumbers, from: RowDirections | DirectionNumbers): void {
  into.lostForward = Math.min(from.lostForward, into.lost);
  into.lostReverse = Math.min(from.lostReverse, into.lost - into.lostForward);
  into.lostUnknown = into.lost - into.lostForward - into.lostReverse;
  into.remarked = from.remarked;
  into.ceMarks = from.ceMarks;
  into.hopChanges = from.hopChanges;
}

/** In the order of `PATH_COLUMNS`. */
function pushCounters(column: WordColumn, numbers: Readonly<Record<PathColumn, number>>): void {
  column.push(numbers.sent);
  column.push(numbers.received);
  column.push(numbers.lost);
  column.push(numbers.unreachable);
  column.push(numbers.localDrops);
  column.push(numbers.tooBig);
  column.push(numbers.late);
  column.push(numbers.duplicates);
  column.push(numbers.reordered);
  column.push(numbers.sendErrors);
  column.push(numbers.lostForward);
  column.push(numbers.lostReverse);
  column.push(numbers.lostUnknown);
  column.push(numbers.remarked);
  column.push(numbers.ceMarks);
  column.push(numbers.hopChanges);
}
