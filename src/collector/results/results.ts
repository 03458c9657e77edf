/**
 * Finished intervals in memory: the last `retention` of them, and the cursor over them. It keeps bytes and never parses
 * them.
 */

import { CLOCK_NOISE_MS, type SteadyClock } from '../../base/steadyClock.js';
import type { Group, Target, TrafficClass } from '../../config/types.js';
import { drawCursorStart, LEAST_CURSOR } from '../../stats/cursorStart.js';
import type { IntervalReport } from '../../threads/messages.js';

/** The identity of a row; filters apply to it. */
export interface StreamInfo {
  readonly id: number;
  readonly group: Group;
  readonly target: Target;
  readonly class: TrafficClass;
  /** The local address that the system chooses towards this target. */
  readonly source: string;
}

/** An interval that the aggregator finished, and the descriptions of its rows. */
interface FinishedInterval {
  readonly report: IntervalReport;
  /** In the order of `report.streams`. */
  readonly infos: readonly StreamInfo[];
}

/** The identity of an interval: `incarnation`, `clockEpoch` and `endMs` together. */
export interface IntervalPlace {
  /**
   * A random number, the same while each process continues exactly where the one before ended; cursors began after it.
   */
  readonly incarnation: number;
  /** One more than that of the interval closed before it. */
  readonly cursor: number;
  readonly endMs: number;
  /** Grows by one when `endMs` is not after that of the interval closed before: the wall clock was set back. */
  readonly clockEpoch: number;
}

/** A finished interval with its identity. */
export interface StoredInterval extends FinishedInterval, Omit<IntervalPlace, 'endMs'> {
  /** Cursor of the interval that this one follows without a gap; 0 for the first of a process. */
  readonly follows: number;
}

/** A page of intervals. */
export interface ResultsPage {
  readonly intervals: readonly StoredInterval[];
  /** Cursor of the last interval of the page, else the cursor that was asked with. */
  readonly next: number;
  /** Cursor of the oldest interval in memory; 0 without intervals. */
  readonly oldest: number;
  /**
   * Intervals after the cursor were dropped, or the cursor is unknown: it is of another incarnation, and all intervals
   * in memory follow.
   */
  readonly gap: boolean;
}

/** The state that outlives the process. */
export interface HeldResults {
  readonly intervals: readonly StoredInterval[];
  /** Cursor of the newest interval that is not among them; 0 without one. */
  readonly droppedCursor: number;
}

/** Rows and histograms that outlive it, at most. */
const MOST_KEPT_BYTES = 16 * 2 ** 20;

/** The paths of older intervals are dropped above this: 8 MiB an interval with 10,000 targets on 16 source ports. */
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

/** How far its times are ahead of the present wall clock, ms; 0: they are right, as far as known. */
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

/** Where a reader is. */
interface ReaderPlace {
  /** It has all intervals up to this one. */
  readonly cursor: number;
  /** The reader lacks intervals that were dropped, or its position is unknown. */
  readonly gap: boolean;
}

export class ResultsStore {
  private readonly retention: number;
  private readonly held: StoredInterval[] = [];
  private droppedCursor = 0;
  /** Intervals up to this one are kept without their paths. */
  private pathlessCursor = 0;
  /** There is an interval of this process. */
  private measured = false;
  /** Where the newest interval is. */
  private last: IntervalPlace;
  private readonly listeners = new Set<(interval: StoredInterval) => void>();

  /** `start`: cursors are greater than this. */
  constructor(retention: number, start = drawCursorStart()) {
    this.retention = retention;
    this.last = { incarnation: start, cursor: start, endMs: 0, clockEpoch: 0 };
  }

  add(finished: FinishedInterval): StoredInterval {
    const { last } = this;
    const { endMs } = finished.report;
    this.last = {
      incarnation: last.incarnation,
      cursor: last.cursor + 1,
      endMs,
      clockEpoch: endMs > last.endMs ? last.clockEpoch : last.clockEpoch + 1,
    };
    const { incarnation, cursor, clockEpoch } = this.last;
    const interval = { ...finished, incarnation, cursor, clockEpoch, follows: this.measured ? last.cursor : 0 };
    this.measured = true;
    this.held.push(interval);
    while (this.held.length > this.retention) this.droppedCursor = this.held.shift()?.cursor ?? this.droppedCursor;
    this.trimPaths();
    for (const listener of this.listeners) listener(interval);
    return interval;
  }

  /** The first interval after the cursor whose paths are in memory; `gap`: the paths of an earlier one are not. */
  pathsAfter(cursor: number): { readonly interval: StoredInterval | undefined; readonly gap: boolean } {
    const { cursor: known, gap } = this.placeOf(cursor);
    const from = Math.max(known, this.pathlessCursor);
    return {
      interval: this.held.find((interval) => interval.cursor > from),
      gap: gap || (cursor > 0 && known < this.pathlessCursor),
    };
  }

  /** Drops the paths of the oldest intervals while the total is too large; the newest keeps its own. */
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
   * Continues an earlier process from `place`, with its intervals; call it before the first interval of this one.
   * Without `place` it is unknown how far that process came: then its intervals get cursors of this one. `nowMs` is the
   * wall clock: an interval that ends later was measured under a clock that was ahead by at least the difference.
   */
  restore(place: IntervalPlace | undefined, kept: HeldResults | undefined, nowMs: number): void {
    const { intervals = [], droppedCursor = 0 } = kept ?? {};
    const aheadMs = Math.max(0, ...intervals.map(({ report }) => report.endMs - report.clockStepMs - nowMs));
    if (place !== undefined) this.last = place;
    for (const one of intervals) {
      if (place === undefined) this.last = { ...this.last, cursor: this.last.cursor + 1 };
      const where = place === undefined ? { cursor: this.last.cursor, follows: 0 } : {};
      this.held.push({ ...withStep(one, aheadMs), ...where });
    }
    if (place !== undefined)
      this.droppedCursor = intervals.at(-1)?.cursor === place.cursor ? droppedCursor : place.cursor;
    this.pathlessCursor = this.last.cursor;
  }

  /**
   * The newest intervals, without their paths, as many as are not too large to outlive the process. `aheadMs`: all that
   * the wall clock was stepped by in this process, from which the next one counts steps.
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

  /** Identity of the last interval, of this process or one before; before the first, its cursor is the start of all. */
  get newest(): IntervalPlace {
    return this.last;
  }

  /**
   * The interval that contains `ms`, or the first after it, with paths in memory; undefined without one. `ms` is
   * without steps: epoch ms minus `SteadyClock.aheadMs`.
   */
  pathsAt(ms: number): StoredInterval | undefined {
    return this.held.find((one) => one.cursor > this.pathlessCursor && steadyEndMs(one) >= ms);
  }

  /** All intervals in memory, oldest first. */
  all(): readonly StoredInterval[] {
    return this.held;
  }

  /** Intervals after `cursor`, oldest first, at most `limit`. */
  after(cursor: number, limit: number): ResultsPage {
    const { cursor: known, gap } = this.placeOf(cursor);
    const intervals = this.held.filter((interval) => interval.cursor > known).slice(0, limit);
    return { intervals, next: intervals.at(-1)?.cursor ?? known, oldest: this.held[0]?.cursor ?? 0, gap };
  }

  /**
   * The first interval after `cursor`, undefined before it exists; `gap`: one between them was dropped, or the cursor
   * is unknown.
   */
  firstAfter(cursor: number): { readonly interval: StoredInterval | undefined; readonly gap: boolean } {
    const { cursor: known, gap } = this.placeOf(cursor);
    let index = this.held.length;
    // From the end: readers that follow the newest intervals are found at once.
    while (index > 0 && this.held[index - 1].cursor > known) index -= 1;
    return { interval: this.held[index], gap };
  }

  /** Calls `listener` with every interval from now on; the result ends that. */
  subscribe(listener: (interval: StoredInterval) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /**
   * A cursor of another incarnation says nothing of the intervals that its reader has: then all intervals in memory
   * follow a gap, as soon as there are any. The same is true of a time beyond the newest interval: it came from a clock
   * that was ahead.
   */
  private placeOf(cursor: number): ReaderPlace {
    const { last, held } = this;
    if (cursor === 0) return { cursor, gap: false };
    const [oldest] = held;
    if (cursor >= LEAST_CURSOR) {
      const known = cursor >= last.incarnation && cursor <= last.cursor;
      if (known) return { cursor, gap: cursor < this.droppedCursor };
    } else if (cursor <= last.endMs) {
      const index = held.findIndex(({ report }) => report.endMs > cursor);
      // Whether an earlier process measured then is not known.
      const gap = cursor < (oldest?.report.startMs ?? last.endMs);
      return { cursor: index === -1 ? last.cursor : held[index].cursor - 1, gap };
    }
    return oldest === undefined ? { cursor, gap: false } : { cursor: 0, gap: true };
  }
}
