/**
 * The most recent intervals of all collectors, as the bytes that `/v1/results` and `/v1/stream` answer with; the bytes
 * are bounded.
 *
 * The cursor is an arrival number, not a time: intervals of many collectors that end together arrive one after the
 * other, some of them minutes late, and a reader with a time as its cursor would miss those. The number grows by one
 * with every interval. It starts at random, or above the last known number of an earlier process: so a cursor of an
 * earlier process is never valid here, whatever the clock was in between. Invariants: no number is given to two
 * intervals, and no interval is skipped without `gap`.
 */

import { Breather } from '../../base/yielding.js';
import { drawCursorStart } from '../../stats/cursorStart.js';
import { type CollectedInterval, oneByOne } from '../results/types.js';
import { type RecentInterval, RecentRows, RecentRowsTools } from './recentRows.js';

/** An earlier process may have used this many numbers more than it saved. */
const UNKNOWN_NUMBERS = 1_000_000;

export class RecentResults {
  private readonly mostBytes: number;
  private held: RecentInterval[] = [];
  private heldBytes = 0;
  private last: number;
  /** Cursor of the newest interval that was dropped; at first, of everything before this process. */
  private dropped: number;
  private readonly listeners = new Set<() => void>();
  /** By collector: how far its clock is ahead of the steady clock of this process at its last interval, ms. */
  private readonly offsets = new Map<string, number>();
  private readonly tools = new RecentRowsTools();

  /** `earlierEnd`: the last known number of an earlier process; 0: unknown. */
  constructor(mostBytes: number, earlierEnd = 0) {
    this.mostBytes = mostBytes;
    this.last = earlierEnd === 0 ? drawCursorStart() : earlierEnd + UNKNOWN_NUMBERS;
    this.dropped = this.last;
  }

  /** Resolves when the interval can be asked for. One larger than all the memory is counted as dropped at once. */
  async add(interval: CollectedInterval): Promise<void> {
    const writing = this.begin(interval);
    const breather = new Breather();
    for (const row of oneByOne(interval.rows)) {
      if (breather.due) await breather.breathe();
      writing.add(row);
    }
    this.take(writing);
  }

  /**
   * How far the times of an interval are ahead of its collector's present clock, ms: the sum of the clock's steps since
   * then. 0 without steps.
   */
  clockAheadMs({ collector, report }: Pick<RecentInterval, 'collector' | 'report'>): number {
    return report.aheadMs - (this.offsets.get(collector) ?? report.aheadMs);
  }

  /**
   * For the code that reads the rows anyway: the rows of this interval are written as they are added, in order, and are
   * available when complete.
   */
  begin(interval: CollectedInterval): RecentRows {
    this.offsets.set(interval.collector, (interval.aheadMs ?? 0) - (interval.clockAheadMs ?? 0));
    return new RecentRows(interval, this.tools);
  }

  take(rows: RecentRows): void {
    const made = rows.finish();
    // The number and its interval become visible in one step: a reader that knows the number must not miss the
    // interval.
    this.last += 1;
    this.held.push({ ...made, cursor: this.last });
    this.heldBytes += made.bytes;
    let out = 0;
    while (this.heldBytes > this.mostBytes) {
      this.dropped = this.held[out].cursor;
      this.heldBytes -= this.held[out].bytes;
      out += 1;
    }
    if (out > 0) this.held = this.held.slice(out);
    for (const listener of this.listeners) listener();
  }

  /** All intervals in memory, oldest first. */
  all(): readonly RecentInterval[] {
    return this.held;
  }

  get bytes(): number {
    return this.heldBytes;
  }

  /** The newest cursor: a reader that starts with it gets only intervals that come later. */
  get end(): number {
    return this.last;
  }

  /** The cursor before the oldest interval in memory: a reader that starts with it gets all of them. */
  get oldest(): number {
    return this.held[0]?.cursor ?? 0;
  }

  /**
   * All intervals after `cursor`, oldest first; `gap`: some of them were dropped, or the cursor is not from this
   * scraper.
   */
  after(cursor: number): { readonly intervals: readonly RecentInterval[]; readonly gap: boolean } {
    // A number that was never given out is from another process: it says nothing about the intervals that the reader
    // has.
    const foreign = cursor > this.last;
    const from = foreign ? 0 : cursor;
    let index = this.held.length;
    while (index > 0 && this.held[index - 1].cursor > from) index -= 1;
    return { intervals: this.held.slice(index), gap: foreign || (cursor > 0 && cursor < this.dropped) };
  }

  /** Calls `listener` when there is something new; the result ends that. */
  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
