/** Finished intervals in memory: the last `retention` of them, and the cursor over them. It keeps bytes; it never parses them. */

import type { Group, Target, TrafficClass } from '../config/types.js';
import { CLOCK_NOISE_MS, type SteadyClock } from '../stats/steadyClock.js';
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

/** What the aggregator finished, and whose its rows are. */
export interface FinishedInterval {
  readonly report: IntervalReport;
  /** Beside `report.streams`. */
  readonly infos: readonly StreamInfo[];
}

/** A finished interval in its place. `endMs` and `clockEpoch` together name it. */
export interface StoredInterval extends FinishedInterval {
  /** Greater than that of every interval closed before it. It is `endMs`, but after the wall clock was set back: then it counts on from the last one. */
  readonly cursor: number;
  /** Cursor of the interval that this one goes on from without a pause; 0 for the first of a process. */
  readonly follows: number;
  /** Grows by one when `endMs` is not after that of the interval closed before: the wall clock was set back. */
  readonly clockEpoch: number;
}

/** The place of an interval. */
export interface IntervalPlace {
  readonly cursor: number;
  readonly endMs: number;
  readonly clockEpoch: number;
}

/** A page of intervals. */
export interface ResultsPage {
  readonly intervals: readonly StoredInterval[];
  /** Cursor of the last interval of the page, else the cursor that was asked with. */
  readonly next: number;
  /** Cursor of the oldest interval held; 0 when none is. */
  readonly oldest: number;
  /** Intervals after the cursor are no longer held, or the cursor is unknown: it is one of an earlier process, and all that is held is new. */
  readonly gap: boolean;
}

/** What outlives the process. */
export interface HeldResults {
  readonly intervals: readonly StoredInterval[];
  /** Cursor of the newest interval that is not among them; 0: there was none. */
  readonly droppedCursor: number;
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

/** Its end by `SteadyClock.nowMs`. */
export const steadyEndMs = ({ report }: FinishedInterval): number => report.endMs - report.clockStepMs;

/** How far its times are ahead of the wall clock as it is now, ms; 0: they are right, as far as is known. */
export function aheadOf(
  { report }: { readonly report: Pick<IntervalReport, 'clockStepMs'> },
  clock: Pick<SteadyClock, 'aheadMs'>,
): number {
  const aheadMs = report.clockStepMs - clock.aheadMs();
  return Math.abs(aheadMs) < CLOCK_NOISE_MS ? 0 : aheadMs;
}

/** Without its paths, and with its times fixed that much later. */
function withStep(interval: StoredInterval, byMs: number): StoredInterval {
  const { report } = interval;
  return { ...interval, report: { ...report, ...PATHLESS, clockStepMs: report.clockStepMs + byMs } };
}

export class ResultsStore {
  private readonly retention: number;
  private readonly held: StoredInterval[] = [];
  private droppedCursor = 0;
  /** Intervals up to this one are held without their paths. */
  private pathlessCursor = 0;
  /** There is an interval of this process. */
  private measured = false;
  /** Where the newest interval is; zeros before the first. */
  private last: IntervalPlace = { cursor: 0, endMs: 0, clockEpoch: 0 };
  private readonly listeners = new Set<(interval: StoredInterval) => void>();

  constructor(retention: number) {
    this.retention = retention;
  }

  add(finished: FinishedInterval): StoredInterval {
    const { last } = this;
    const { endMs } = finished.report;
    this.last = {
      cursor: Math.max(endMs, last.cursor + 1),
      endMs,
      clockEpoch: endMs > last.endMs ? last.clockEpoch : last.clockEpoch + 1,
    };
    const { cursor, clockEpoch } = this.last;
    const interval = { ...finished, cursor, clockEpoch, follows: this.measured ? last.cursor : 0 };
    this.measured = true;
    this.held.push(interval);
    while (this.held.length > this.retention) this.droppedCursor = this.held.shift()?.cursor ?? this.droppedCursor;
    this.trimPaths();
    for (const listener of this.listeners) listener(interval);
    return interval;
  }

  /** The first interval after the cursor whose paths are held; `gap`: those of one before it are not. */
  pathsAfter(cursor: number): { readonly interval: StoredInterval | undefined; readonly gap: boolean } {
    const known = this.known(cursor);
    const from = Math.max(known, this.pathlessCursor);
    return {
      interval: this.held.find((interval) => interval.cursor > from),
      gap: known !== cursor || (cursor > 0 && cursor < Math.max(this.pathlessCursor, this.droppedCursor)),
    };
  }

  /** Takes the paths off the oldest intervals while all of them take too much; the newest keeps its own. */
  private trimPaths(): void {
    let bytes = 0;
    for (let i = this.held.length - 1; i >= 0; i--) {
      const { report, cursor } = this.held[i];
      if (cursor <= this.pathlessCursor) return;
      bytes += report.paths.byteLength + report.pathCounters.byteLength + report.pathRttNs.byteLength;
      bytes += report.pathDelayNs.byteLength + report.pathTraits.byteLength;
      bytes += report.pathReasons.byteLength;
      if (bytes <= MOST_PATH_BYTES || i === this.held.length - 1) continue;
      this.pathlessCursor = Math.max(this.pathlessCursor, cursor);
      this.held[i] = { ...this.held[i], report: { ...report, ...PATHLESS } };
    }
  }

  /**
   * Holds the intervals of an earlier process, and goes on after them; to be called before the first interval of this one. `nowMs` is the wall
   * clock: what ends after it was measured under a clock that was ahead, by as much at least.
   */
  restore({ intervals, droppedCursor }: HeldResults, nowMs: number): void {
    const aheadMs = Math.max(0, ...intervals.map(({ report }) => report.endMs - report.clockStepMs - nowMs));
    this.held.push(...intervals.map((one) => withStep(one, aheadMs)));
    this.droppedCursor = droppedCursor;
    const newest = intervals.at(-1);
    if (newest !== undefined)
      this.goOnAfter({ cursor: newest.cursor, endMs: newest.report.endMs, clockEpoch: newest.clockEpoch });
    this.pathlessCursor = this.newestCursor;
  }

  /** The next interval comes after `place`. */
  goOnAfter(place: IntervalPlace): void {
    if (place.cursor >= this.last.cursor) this.last = place;
  }

  /**
   * The newest intervals, without their paths, as many as are not too large to outlive the process. `aheadMs`: all that the wall clock was
   * stepped by in this process, from which the next one counts steps.
   */
  toKeep(aheadMs = 0): HeldResults {
    let from = this.held.length;
    for (let bytes = 0; from > 0; from--) {
      const { rows, histograms } = this.held[from - 1].report;
      bytes += rows.byteLength + histograms.byteLength;
      if (bytes > MOST_KEPT_BYTES && from < this.held.length) break;
    }
    const intervals = this.held.slice(from).map((one) => withStep(one, -aheadMs));
    return { intervals, droppedCursor: this.held[from - 1]?.cursor ?? this.droppedCursor };
  }

  /** The last interval of this process. */
  get latest(): StoredInterval | undefined {
    return this.measured ? this.held.at(-1) : undefined;
  }

  /** Where the last interval is; zeros when there is none. */
  get newest(): IntervalPlace {
    return this.last;
  }

  /** Cursor of the last interval that was finished, in this process or in one before; 0 when there is none. */
  get newestCursor(): number {
    return this.last.cursor;
  }

  /**
   * The interval that `ms` is in, or the first after it, whose paths are held; undefined when there is none. `ms` is without steps: epoch ms less
   * `SteadyClock.aheadMs`.
   */
  pathsAt(ms: number): StoredInterval | undefined {
    return this.held.find((one) => one.cursor > this.pathlessCursor && steadyEndMs(one) >= ms);
  }

  /** All that is held, oldest first. */
  all(): readonly StoredInterval[] {
    return this.held;
  }

  /** Intervals after `cursor`, oldest first, at most `limit`. */
  after(cursor: number, limit: number): ResultsPage {
    const known = this.known(cursor);
    const intervals = this.held.filter((interval) => interval.cursor > known).slice(0, limit);
    return {
      intervals,
      next: intervals.at(-1)?.cursor ?? known,
      oldest: this.held[0]?.cursor ?? 0,
      gap: known !== cursor || (cursor > 0 && cursor < this.droppedCursor),
    };
  }

  /** The first interval after `cursor`, undefined while there is none; `gap`: one between them is no longer held, or the cursor is unknown. */
  firstAfter(cursor: number): { readonly interval: StoredInterval | undefined; readonly gap: boolean } {
    const known = this.known(cursor);
    let index = this.held.length;
    // From the end: those who follow as intervals are finished are there at once.
    while (index > 0 && this.held[index - 1].cursor > known) index -= 1;
    return {
      interval: this.held[index],
      gap: known !== cursor || (cursor > 0 && cursor < this.droppedCursor),
    };
  }

  /** Calls `listener` with every interval from now on; the result ends that. */
  subscribe(listener: (interval: StoredInterval) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /**
   * A cursor beyond the newest interval was given out by an earlier process, of which nothing was kept, when the wall clock was ahead of
   * what it is now. Its reader has nothing of what is held: 0.
   */
  private known(cursor: number): number {
    return this.last.cursor > 0 && cursor > this.last.cursor ? 0 : cursor;
  }
}
