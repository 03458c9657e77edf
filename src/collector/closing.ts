/**
 * Closes an interval: turns what was counted into an `IntervalReport`, a slice of rows at a time, so that the aggregator can
 * empty the rings in between (ten thousand rows take longer than a ring lasts at full rate).
 *
 * It must never write a row of a stream that it has no prefix for: those records are counted, and dropped.
 */

import { addPath, type IntervalAccumulator, PathNumbers } from '../stats/accumulator.js';
import { ByteColumn, DoubleColumn, FloatColumn, WordColumn } from '../stats/columns.js';
import { HdrTextEncoder } from '../stats/hdrText.js';
import type { Interval } from '../stats/intervals.js';
import { OutcomeNumbers, PERCENTILES_PER_MILLE, RttNumbers, rowJson } from '../stats/row.js';
import { RTT_BUCKETS } from '../stats/rttBuckets.js';
import type { IntervalReport, PathColumn } from './messages.js';

const COMMA = ',';
const NO_RTTS = new Uint32Array(RTT_BUCKETS);

export interface ClosedInterval {
  readonly interval: Interval<IntervalAccumulator>;
  readonly report: IntervalReport;
  /** The report's buffers; nothing else refers to them. */
  readonly transfer: readonly ArrayBuffer[];
}

export class IntervalCloser {
  /** Final records of the interval whose stream is not known any more, and its other records. */
  orphans = 0;
  orphansOther = 0;

  private readonly sourcePorts: number;
  /** By stream number: what a row begins with, UTF-8. */
  private readonly prefixes: readonly (Uint8Array | undefined)[];
  private readonly path = new PathNumbers();
  private readonly rtt = new RttNumbers();
  private readonly encoder = new HdrTextEncoder();

  private closing: Interval<IntervalAccumulator> | undefined = undefined;
  private nextStream = 0;
  private early = false;
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

  constructor(sourcePorts: number, prefixes: readonly (Uint8Array | undefined)[]) {
    this.sourcePorts = sourcePorts;
    this.prefixes = prefixes;
  }

  get active(): boolean {
    return this.closing !== undefined;
  }

  start(interval: Interval<IntervalAccumulator>, early: boolean): void {
    this.closing = interval;
    this.early = early;
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

  /** Writes at most `rows` rows and empties them in the interval's content. True when all are written: then `finish`. */
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

  /** The report of what was written, and the interval, whose content is empty now. */
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
    };
    const forHistory = {
      times: this.times.take(),
      sparse: this.sparse.take(),
      sparseOffsets: this.sparseOffsets.take(),
    };
    const { startMs, endMs } = interval;
    const { early, sent, received, lost } = this;
    return {
      interval,
      report: { startMs, endMs, early, sent, received, lost, ...columns, forHistory },
      transfer: [...Object.values(columns), ...Object.values(forHistory)].map((column) => column.buffer),
    };
  }

  private writeRow(counts: IntervalAccumulator, stream: number): void {
    const outcomes = new OutcomeNumbers();
    const { rtt } = this;
    const prefix = this.prefixes[stream];
    counts.readRow(stream, rtt);
    const first = stream * this.sourcePorts;
    for (let path = first; path < first + this.sourcePorts; path++) {
      counts.readPath(path, this.path);
      if (this.path.empty) continue;
      addPath(this.path, outcomes, rtt);
      if (prefix !== undefined) this.writePath(path);
    }
    if (prefix === undefined) {
      this.orphans += outcomes.sent;
      this.orphansOther += outcomes.late + outcomes.duplicates + outcomes.sendErrors;
      return;
    }
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
    this.rows.ascii(rowJson(outcomes, rtt));
    this.rowOffsets.push(this.rows.length + COMMA.length);

    pushCounters(this.rowCounters, outcomes);
    this.rowRttSumsNs.push(rtt.count * rtt.firstNs + rtt.sumNs);
    for (let bucket = 0; bucket < RTT_BUCKETS; bucket++) this.rowRttBuckets.push(buckets[bucket]);
  }

  private writePath(number: number): void {
    const { path, pathRttNs } = this;
    this.paths.push(number);
    pushCounters(this.pathCounters, path);
    pathRttNs.push(path.minNs);
    pathRttNs.push(path.rtts === 0 ? 0 : path.sumNs / path.rtts);
    pathRttNs.push(path.maxNs);
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
  // The last is p999, which only histograms tell a history.
  for (let i = 0; i < 3; i++) column.push(any ? rtt.percentilesNs[i] : Number.NaN);
}

/** In the order of `PATH_COLUMNS`. */
function pushCounters(column: WordColumn, numbers: Readonly<Record<PathColumn, number>>): void {
  column.push(numbers.sent);
  column.push(numbers.received);
  column.push(numbers.lost);
  column.push(numbers.unreachable);
  column.push(numbers.localDrops);
  column.push(numbers.late);
  column.push(numbers.duplicates);
  column.push(numbers.reordered);
  column.push(numbers.sendErrors);
}
