/** Finished intervals in memory: the last `retention` of them, and the cursor over them. It keeps bytes; it never parses them. */

import type { Group, Target, TrafficClass } from '../config/types.js';
import type { IntervalReport } from './messages.js';

/** What a row is about; the filter works on this. */
export interface StreamInfo {
  readonly id: number;
  readonly group: Group;
  readonly target: Target;
  readonly class: TrafficClass;
  /** The local address that the system chooses towards this target. */
  readonly source: string;
}

export interface StoredInterval {
  readonly report: IntervalReport;
  /** Beside `report.streams`. */
  readonly infos: readonly StreamInfo[];
}

/** A page of intervals. */
export interface ResultsPage {
  readonly intervals: readonly StoredInterval[];
  /** `endMs` of the last interval of the page, else the cursor that was asked with. */
  readonly next: number;
  /** `endMs` of the oldest interval held; 0 when none is. */
  readonly oldest: number;
  /** Intervals after the cursor are no longer held. */
  readonly gap: boolean;
}

/** What outlives the process. */
export interface HeldResults {
  readonly intervals: readonly StoredInterval[];
  /** End of the newest interval that is not among them; 0: there was none. */
  readonly droppedEndMs: number;
}

/** Rows and histograms that outlive it, at most. */
const MOST_KEPT_BYTES = 16 * 2 ** 20;

/** The paths of older intervals are let go when they take more: 8 MiB an interval with 10,000 targets on 16 source ports. */
const MOST_PATH_BYTES = 64 * 2 ** 20;

const PATHLESS = {
  paths: new Uint32Array(0),
  pathCounters: new Uint32Array(0),
  pathRttNs: new Float32Array(0),
  pathDelayNs: new Float32Array(0),
  pathTraits: new Uint8Array(0),
  pathReasons: new Uint32Array(0),
};

export class ResultsStore {
  private readonly retention: number;
  private readonly held: StoredInterval[] = [];
  private droppedEndMs = 0;
  /** Intervals up to this one are held without their paths. */
  private pathlessEndMs = 0;
  /** There is an interval of this process. */
  private measured = false;
  private readonly listeners = new Set<(interval: StoredInterval) => void>();

  constructor(retention: number) {
    this.retention = retention;
  }

  add(interval: StoredInterval): void {
    this.measured = true;
    this.held.push(interval);
    while (this.held.length > this.retention) this.droppedEndMs = this.held.shift()?.report.endMs ?? this.droppedEndMs;
    this.trimPaths();
    for (const listener of this.listeners) listener(interval);
  }

  /** The first interval after the cursor whose paths are held; `gap`: those of one before it are not. */
  pathsAfter(cursor: number): { readonly interval: StoredInterval | undefined; readonly gap: boolean } {
    const from = Math.max(cursor, this.pathlessEndMs);
    return {
      interval: this.held.find((interval) => interval.report.endMs > from),
      gap: cursor > 0 && cursor < Math.max(this.pathlessEndMs, this.droppedEndMs),
    };
  }

  /** Takes the paths off the oldest intervals while all of them take too much; the newest keeps its own. */
  private trimPaths(): void {
    let bytes = 0;
    for (let i = this.held.length - 1; i >= 0; i--) {
      const { report, infos } = this.held[i];
      if (report.endMs <= this.pathlessEndMs) return;
      bytes += report.paths.byteLength + report.pathCounters.byteLength + report.pathRttNs.byteLength;
      bytes += report.pathDelayNs.byteLength + report.pathTraits.byteLength;
      bytes += report.pathReasons.byteLength;
      if (bytes <= MOST_PATH_BYTES || i === this.held.length - 1) continue;
      this.pathlessEndMs = Math.max(this.pathlessEndMs, report.endMs);
      this.held[i] = { report: { ...report, ...PATHLESS }, infos };
    }
  }

  /** Holds what an earlier process did; to be called before the first interval of this one. */
  restore({ intervals, droppedEndMs }: HeldResults): void {
    this.held.push(...intervals);
    this.droppedEndMs = droppedEndMs;
    this.pathlessEndMs = this.newestEndMs;
  }

  /** The newest intervals, without their paths, as many as are not too large to outlive the process. */
  toKeep(): HeldResults {
    let from = this.held.length;
    for (let bytes = 0; from > 0; from--) {
      const { rows, histograms } = this.held[from - 1].report;
      bytes += rows.byteLength + histograms.byteLength;
      if (bytes > MOST_KEPT_BYTES && from < this.held.length) break;
    }
    const intervals = this.held.slice(from).map(({ report, infos }) => ({ report: { ...report, ...PATHLESS }, infos }));
    return { intervals, droppedEndMs: this.held[from - 1]?.report.endMs ?? this.droppedEndMs };
  }

  /** The last interval of this process. */
  get latest(): StoredInterval | undefined {
    return this.measured ? this.held.at(-1) : undefined;
  }

  /** End of the last interval that is held, whosever; 0 when there is none. */
  get newestEndMs(): number {
    return this.held.at(-1)?.report.endMs ?? 0;
  }

  /** Intervals that end after `cursor` (epoch ms), oldest first, at most `limit`. */
  after(cursor: number, limit: number): ResultsPage {
    const intervals = this.held.filter((interval) => interval.report.endMs > cursor).slice(0, limit);
    return {
      intervals,
      next: intervals.at(-1)?.report.endMs ?? cursor,
      oldest: this.held[0]?.report.endMs ?? 0,
      gap: cursor > 0 && cursor < this.droppedEndMs,
    };
  }

  /** The first interval that ends after `cursor` (epoch ms), undefined while there is none; `gap`: one between them is no longer held. */
  firstAfter(cursor: number): { readonly interval: StoredInterval | undefined; readonly gap: boolean } {
    let index = this.held.length;
    // From the end: those who follow as intervals are finished are there at once.
    while (index > 0 && this.held[index - 1].report.endMs > cursor) index -= 1;
    return { interval: this.held[index], gap: cursor > 0 && cursor < this.droppedEndMs };
  }

  /** Calls `listener` with every interval from now on; the result ends that. */
  subscribe(listener: (interval: StoredInterval) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
