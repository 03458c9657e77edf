/**
 * Adapts a fetched interval to the history: histograms are decoded from their texts row by row, as the history asks for
 * the rows.
 */

import { usToNs } from '../../base/units.js';
import type { HistoryInterval, HistoryRow } from '../../history/types.js';
import { HdrTextReader } from '../../stats/hdrRead.js';
import { MAX_SPARSE_BYTES, writeEntry } from '../../stats/histogramSum.js';
import { reasonOf } from '../../stats/outcome.js';
import { type CollectedInterval, oneByOne, type ResultRow } from '../results/types.js';

export class MatrixFeed {
  /** Histograms that could not be read: their rows count, without percentiles over several intervals. */
  unreadable = 0;
  private readonly reader = new HdrTextReader();
  private readonly sparse = new Uint8Array(MAX_SPARSE_BYTES);
  private readonly told: (problem: string, row: ResultRow, interval: CollectedInterval) => void;

  /** `told` is called for every histogram that cannot be decoded. */
  constructor(told: (problem: string, row: ResultRow, interval: CollectedInterval) => void) {
    this.told = told;
  }

  /**
   * The rows can be iterated once, and one interval at a time: they share the memory that histograms are decoded into.
   * `seen` is called with each row that is iterated.
   */
  interval(interval: CollectedInterval, seen: (row: ResultRow) => void): HistoryInterval {
    const { collector, clockEpoch = 0, intervalMs, startMs, endMs, aheadMs = 0 } = interval;
    return { collector, clockEpoch, intervalMs, startMs, endMs, aheadMs, rows: this.rowsOf(interval, seen) };
  }

  private *rowsOf(interval: CollectedInterval, seen: (row: ResultRow) => void): Generator<HistoryRow> {
    for (const row of oneByOne(interval.rows)) {
      seen(row);
      const { group, source, target, port, class: className, tags, sent, received, lost, unreachable, rttUs } = row;
      const histogram = rttUs === null ? null : this.histogramOf(row, interval);
      // Written out: made by spreading, these objects took a sixth of all the scraper's time.
      yield {
        group,
        source,
        target,
        port,
        class: className,
        tags,
        sent,
        received,
        lost,
        unreachable,
        tooBig: row.tooBig ?? 0,
        sendErrors: row.sendErrors ?? 0,
        localDrops: row.localDrops ?? 0,
        reason: received === sent && received > 0 && !row.sendErrors ? null : reasonOf(row),
        samples: histogram === null ? (rttUs === null ? 0 : received) : this.reader.total,
        minNs: ns(rttUs?.min),
        meanNs: ns(rttUs?.mean),
        maxNs: ns(rttUs?.max),
        jitterNs: ns(row.jitterUs),
        p50Ns: ns(rttUs?.p50),
        p90Ns: ns(rttUs?.p90),
        p99Ns: ns(rttUs?.p99),
        histogram,
      };
    }
  }

  private histogramOf(row: ResultRow, interval: CollectedInterval): Uint8Array | null {
    if (!row.hdr) return null;
    const { reader, sparse } = this;
    const problem = reader.read(row.hdr) ?? (reader.total === 0 ? 'it is empty, but there are round trips' : null);
    if (problem !== null) {
      this.unreadable += 1;
      this.told(problem, row, interval);
      return null;
    }
    let end = 0;
    let before = -1;
    for (let i = 0; i < reader.length; i++) {
      end = writeEntry(sparse, end, reader.indexes[i] - before, reader.counts[i]);
      before = reader.indexes[i];
    }
    sparse[end++] = 0;
    return sparse.subarray(0, end);
  }
}

const ns = (us: number | null | undefined): number => (us === null || us === undefined ? Number.NaN : usToNs(us));
