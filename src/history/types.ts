/** The input of a history: finished intervals, whether fetched or measured here. */

import type { OutcomeCounts } from '../stats/outcome.js';

/** The identity of a row, without its numbers. Together with the collector it names a series; the tags may change. */
export interface SeriesName {
  readonly group: string;
  readonly source: string;
  readonly target: string;
  readonly port: number;
  readonly class: string;
  readonly tags: Readonly<Record<string, string>>;
}

/** Numbers of a row, and of a series in a slot. Times are ns, NaN where they are not known. */
export interface Numbers extends OutcomeCounts {
  /** Round trips that the times are of. */
  readonly samples: number;
  readonly minNs: number;
  readonly meanNs: number;
  readonly maxNs: number;
  readonly jitterNs: number;
  readonly p50Ns: number;
  readonly p90Ns: number;
  readonly p99Ns: number;
}

export interface HistoryRow extends SeriesName, Numbers {
  /**
   * Why probes of the interval have no answer, in words for a person; null when all have one, or only the counts are
   * known.
   */
  readonly reason: string | null;
  /** All samples, in the sparse form of `src/stats/histogramSum.ts`; null without samples, or when they are unknown. */
  readonly histogram: Uint8Array | null;
}

/** A finished interval of one collector; `collector`, `clockEpoch` and `endMs` name it. */
export interface HistoryInterval {
  readonly collector: string;
  /** Counts how often the collector's clock was set back; 0 when not given. */
  readonly clockEpoch?: number;
  readonly intervalMs: number;
  readonly startMs: number;
  readonly endMs: number;
  /** How far its times are ahead of the history's clock, ms; default 0. */
  readonly aheadMs?: number;
  /** Iterated one by one; a row, and its histogram, must stay valid only until the next one is requested. */
  readonly rows: Iterable<HistoryRow>;
}
