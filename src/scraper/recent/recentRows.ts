/**
 * An interval as the bytes that `/v1/results` and `/v1/stream` answer with, written row by row by the code that reads
 * the rows anyway. It keeps copies of exact length. The columns it is written into, and the descriptions of its rows,
 * are shared with the next intervals.
 */

import { ByteColumn, WordColumn } from '../../base/columns.js';
import { RowBytes } from '../results/rowBytes.js';
import type { CollectedInterval, ResultRow } from '../results/types.js';

/** Per row in addition to its bytes: its position and its description. */
const ROW_OVERHEAD_BYTES = 64;
const INTERVAL_OVERHEAD_BYTES = 512;
const MOST_INFOS = 20_000;

/** The same shape as a collector's stored interval, for the same code answers with both. */
export interface RecentInterval {
  readonly cursor: number;
  readonly collector: string;
  readonly intervalMs: number;
  readonly report: {
    readonly startMs: number;
    readonly endMs: number;
    readonly clockEpoch: number;
    /** How far its times are ahead of the steady clock of this process, ms. */
    readonly aheadMs: number;
    readonly rows: Uint8Array;
    readonly rowOffsets: Uint32Array;
    readonly histograms: Uint8Array;
    readonly histogramOffsets: Uint32Array;
  };
  /** One description per row. */
  readonly infos: readonly RowInfo[];
  readonly bytes: number;
}

interface RowInfo {
  readonly group: { readonly name: string };
  readonly target: { readonly address: string };
  readonly class: { readonly name: string };
}

class Columns {
  readonly rows = new ByteColumn();
  readonly rowOffsets = new WordColumn();
  readonly histograms = new ByteColumn();
  readonly histogramOffsets = new WordColumn();
}

/** Shared by all intervals that are being written. */
export class RecentRowsTools {
  /** Columns that are not in use: as many as were ever in use at once. */
  readonly spare: Columns[] = [];
  private readonly infos = new Map<string, RowInfo>();

  /** The same rows come with every interval and from many collectors, so their description is kept once. */
  info({ group, target, class: className }: ResultRow): RowInfo {
    const key = `${group}\n${className}\n${target}`;
    let info = this.infos.get(key);
    if (info === undefined) {
      // Descriptions in use stay alive until their intervals are dropped.
      if (this.infos.size === MOST_INFOS) this.infos.clear();
      info = { group: { name: group }, target: { address: target }, class: { name: className } };
      this.infos.set(key, info);
    }
    return info;
  }
}

export class RecentRows {
  private readonly interval: CollectedInterval;
  private readonly tools: RecentRowsTools;
  private readonly sent: RowBytes | undefined;
  /** The common beginning of all rows. */
  private readonly begin: string;
  private readonly beginBytes: Buffer;
  private readonly infos: RowInfo[] = [];
  private columns: Columns | undefined;

  constructor(interval: CollectedInterval, tools: RecentRowsTools) {
    this.interval = interval;
    this.tools = tools;
    this.sent = interval.rows instanceof RowBytes ? interval.rows : undefined;
    this.begin = `{"collector":${JSON.stringify(interval.collector)},`;
    this.beginBytes = Buffer.from(this.begin);
  }

  /** Rows that were added. */
  get length(): number {
    return this.infos.length;
  }

  add(row: ResultRow): void {
    const { rows, rowOffsets, histograms, histogramOffsets } = this.opened();
    const { infos } = this;
    if (infos.length > 0) rows.ascii(',');
    const own = this.sent?.withoutHistogram(infos.length);
    if (own === undefined) rows.raw(Buffer.from(this.begin + withoutHistogram(row).slice(1)));
    else {
      rows.raw(this.beginBytes);
      rows.raw(own);
      rows.ascii('}');
    }
    rowOffsets.push(rows.length + 1);
    if (row.hdr) histograms.raw(Buffer.from(row.hdr));
    histogramOffsets.push(histograms.length);
    infos.push(this.tools.info(row));
  }

  finish(): Omit<RecentInterval, 'cursor'> {
    const { infos } = this;
    const { collector, intervalMs, startMs, endMs, clockEpoch = 0, aheadMs = 0 } = this.interval;
    const columns = this.opened();
    const { rows, rowOffsets, histograms, histogramOffsets } = columns;
    const bytes = INTERVAL_OVERHEAD_BYTES + rows.length + histograms.length + infos.length * ROW_OVERHEAD_BYTES;
    const report = {
      ...{ startMs, endMs, clockEpoch, aheadMs },
      rows: rows.take(),
      rowOffsets: rowOffsets.take(),
      histograms: histograms.take(),
      histogramOffsets: histogramOffsets.take(),
    };
    this.columns = undefined;
    this.tools.spare.push(columns);
    return { collector, intervalMs, report, infos, bytes };
  }

  private opened(): Columns {
    if (this.columns === undefined) {
      this.columns = this.tools.spare.pop() ?? new Columns();
      this.columns.rowOffsets.push(0);
      this.columns.histogramOffsets.push(0);
    }
    return this.columns;
  }
}

function withoutHistogram({ hdr: _, ...row }: ResultRow): string {
  return JSON.stringify(row);
}
