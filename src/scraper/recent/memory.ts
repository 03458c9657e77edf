/**
 * The scraper's memory of all collectors: the history behind the matrix, and the most recent intervals. Independent of
 * the delivery to databases, with which it shares the capacity for answers. Delivery never waits for it for long: when
 * more comes than it can take in, the surplus is left out here, and counted.
 */

import type { Logger } from 'pino';
import type { MemoryCounter } from '../../contract/scraperStatus.js';
import { MatrixHistory } from '../../history/history.js';
import { TakenByCollector } from '../../history/seenIntervals.js';
import type { CollectedInterval } from '../results/types.js';
import { MatrixFeed } from './matrixFeed.js';
import { RecentResults } from './recent.js';

/** Share of the memory for the intervals that came last; the rest is the history's. */
const RECENT_SHARE = 0.25;
/**
 * New intervals are left out when more than this many rows wait for longer than this: about half of the capacity for
 * answers.
 */
const MOST_WAITING_ROWS = 5_000;
const MOST_WAIT_MS = 5_000;
/** At most one log line about a collector's histograms in this time. */
const TELL_AGAIN_MS = 600_000;

const LEFT_OUT =
  'intervals come faster than the matrix takes them in: some are missing in it (the databases get all of them); does the scraper have a core of its own?';

interface MemoryOptions {
  readonly hours: number;
  readonly memoryBytes: number;
  readonly logger: Logger;
  /** Epoch ms, without steps: `SteadyClock.nowMs`. */
  readonly now?: () => number;
  /** `SteadyClock.aheadMs` of the same clock. */
  readonly clockAheadMs?: () => number;
  /** `recent.end` of an earlier process; default 0: unknown. */
  readonly earlierEnd?: number;
  /** Called with the bytes that the history released. */
  readonly letGo?: (bytes: number) => void;
}

export class ScraperMemory {
  readonly history: MatrixHistory;
  readonly recent: RecentResults;
  /** Intervals that were left out because too many waited. */
  leftOut = 0;
  /** Intervals that came again; the history is not asked. */
  duplicates = 0;
  private readonly feed: MatrixFeed;
  private readonly logger: Logger;
  private readonly now: () => number;
  private readonly taken = new TakenByCollector();
  private readonly toldMs = new Map<string, number>();
  private waitingRows = 0;
  /** Oldest first. */
  private readonly waiting = new Set<{ readonly sinceMs: number }>();

  constructor({
    hours,
    memoryBytes,
    logger,
    now = Date.now,
    clockAheadMs = () => 0,
    earlierEnd = 0,
    letGo = () => {},
  }: MemoryOptions) {
    const horizonMs = hours * 3_600_000;
    this.logger = logger;
    this.now = now;
    this.history = new MatrixHistory({
      horizonMs,
      memoryBytes: memoryBytes * (1 - RECENT_SHARE),
      now,
      clockAheadMs,
      letGo,
    });
    this.recent = new RecentResults(memoryBytes * RECENT_SHARE, earlierEnd);
    this.feed = new MatrixFeed((problem, row, { collector }) => this.unreadable(problem, collector, row.target));
  }

  /** Histograms that could not be read. */
  get unreadableHistograms(): number {
    return this.feed.unreadable;
  }

  /** Intervals and histograms that the matrix does not show, by reason. */
  counters(): Readonly<Record<MemoryCounter, number>> {
    const { duplicates, leftOut, unreadableHistograms } = this;
    return { ...this.history.refused, duplicates, leftOut, unreadableHistograms };
  }

  /**
   * Takes an interval in, yielding to the event loop; an interval that was fetched before is counted and skipped.
   * Resolves when done; never rejects.
   */
  async take(interval: CollectedInterval): Promise<void> {
    if (!this.isNew(interval)) {
      this.duplicates += 1;
      return;
    }
    const rows = interval.rows.length;
    const [oldest] = this.waiting;
    if (
      oldest !== undefined &&
      this.waitingRows + rows > MOST_WAITING_ROWS &&
      this.now() - oldest.sinceMs > MOST_WAIT_MS
    ) {
      this.leftOut += 1;
      if (this.mayTell('')) this.logger.warn({ leftOut: this.leftOut }, LEFT_OUT);
      return;
    }
    const one = { sinceMs: this.now() };
    this.waitingRows += rows;
    this.waiting.add(one);
    try {
      await this.takeIn(interval);
    } catch (error) {
      this.logger.error({ err: error, collector: interval.collector }, 'an interval is missing in the matrix');
    } finally {
      this.waitingRows -= rows;
      this.waiting.delete(one);
    }
  }

  /** Rows are read once for both. */
  private async takeIn(interval: CollectedInterval): Promise<void> {
    const recent = this.recent.begin(interval);
    await this.history.add(this.feed.interval(interval, (row) => recent.add(row)));
    // A history that refuses the interval, for its age or the collector's clock, did not read its rows.
    if (recent.length === interval.rows.length) this.recent.take(recent);
    else await this.recent.add(interval);
  }

  /** Resolves when all accepted intervals are in. */
  async settled(): Promise<void> {
    while (this.waiting.size > 0) await new Promise((resolve) => setImmediate(resolve));
  }

  private isNew(interval: CollectedInterval): boolean {
    return this.taken.take(interval, this.now() - this.history.horizonMs);
  }

  /** Whether `what` may be logged again by now. */
  private mayTell(what: string): boolean {
    const now = this.now();
    if (now - (this.toldMs.get(what) ?? Number.NEGATIVE_INFINITY) < TELL_AGAIN_MS) return false;
    this.toldMs.set(what, now);
    return true;
  }

  private unreadable(problem: string, collector: string, target: string): void {
    if (!this.mayTell(collector)) return;
    this.logger.warn(
      { collector, target, problem },
      'a histogram cannot be read: percentiles of the matrix leave its row out; do both run the same version?',
    );
  }
}
