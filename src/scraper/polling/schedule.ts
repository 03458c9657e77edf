/**
 * When a collector is asked next. Pure; the clocks are passed in.
 *
 * An interval is ready some time after its end (its last probes have to time out). That time is learned: after a
 * request in vain, the next one comes later. The scraper's clock serves as a stop-watch only: ends of intervals are
 * compared with the collector's own clock, from the Date header of its answers. No wait is longer than an interval,
 * whatever the clocks do meanwhile.
 */

/** A share of the interval over which the requests to the collectors are spread. */
const SPREAD = 0.2;
const MOST_SPREAD_MS = 5_000;
const FIRST_SETTLE_MS = 500;
/** Share of the learned time that is kept after each answer that was ready at once, so that the time can fall again. */
const FORGETTING = 0.98;
const LEAST_RETRY_MS = 100;
const FIRST_BACKOFF_MS = 1_000;
const LONGEST_BACKOFF_MS = 60_000;
/** A collector keeps some tens of intervals: it must be asked again before they are gone. */
const LONGEST_BACKOFF_INTERVALS = 3;

export class Schedule {
  /** Length of the collector's intervals; 1 s until it is known. */
  intervalMs = 1_000;
  /** From the end of an interval until it is ready. */
  settleMs: number;
  private readonly leastSettleMs: number;
  private readonly share: number;
  private readonly random: () => number;
  private emptyInARow = 0;
  private failuresInARow = 0;

  /** `key` decides the collector's phase among the others; it is the same after a restart. */
  constructor(key: string, random: () => number, leastSettleMs = LEAST_RETRY_MS) {
    this.leastSettleMs = leastSettleMs;
    this.settleMs = Math.max(FIRST_SETTLE_MS, leastSettleMs);
    this.share = shareOf(key);
    this.random = random;
  }

  private get spreadMs(): number {
    return this.share * Math.min(this.intervalMs * SPREAD, MOST_SPREAD_MS);
  }

  /** Before the first question: so that a start does not ask all at once. */
  first(): number {
    return this.share * FIRST_BACKOFF_MS;
  }

  /**
   * After an answer whose newest interval ended at `endMs`; `nowMs` is the collector's clock, undefined when it does
   * not report one.
   */
  afterIntervals(endMs: number, nowMs: number | undefined): number {
    if (this.emptyInARow === 0) this.settleMs = Math.max(this.leastSettleMs, this.settleMs * FORGETTING);
    else if (nowMs !== undefined) this.learn(nowMs - endMs - this.spreadMs);
    this.emptyInARow = 0;
    this.failuresInARow = 0;
    if (nowMs === undefined) return this.intervalMs;
    const dueMs = endMs + this.intervalMs + this.settleMs + this.spreadMs;
    return Math.min(Math.max(0, dueMs - nowMs), this.intervalMs + this.spreadMs);
  }

  /** After an answer without an interval. */
  afterNothing(): number {
    this.failuresInARow = 0;
    const firstMs = Math.max(LEAST_RETRY_MS, this.intervalMs / 10);
    const waitMs = Math.min(this.intervalMs, firstMs * 2 ** Math.min(this.emptyInARow, 10));
    this.emptyInARow += 1;
    return this.jittered(waitMs);
  }

  /** After an error; `leastMs` comes from the collector (Retry-After). */
  afterError(leastMs = 0): number {
    const mostMs = Math.min(
      LONGEST_BACKOFF_MS,
      Math.max(FIRST_BACKOFF_MS, LONGEST_BACKOFF_INTERVALS * this.intervalMs),
    );
    const waitMs = Math.min(mostMs, FIRST_BACKOFF_MS * 2 ** Math.min(this.failuresInARow, 10));
    this.failuresInARow += 1;
    return Math.max(Math.min(leastMs, LONGEST_BACKOFF_MS), this.jittered(waitMs));
  }

  /** One late interval must not delay all later ones: after a pause a collector continues with its old phase. */
  private learn(readyMs: number): void {
    const mostMs = Math.min(this.intervalMs, this.settleMs + this.intervalMs * SPREAD);
    this.settleMs = Math.max(this.settleMs, Math.min(readyMs, mostMs));
  }

  /** Between half and all of it. */
  private jittered(ms: number): number {
    return ms * (1 - 0.5 * this.random());
  }
}

/** FNV-1a, as a share of one: evenly spread even for URLs that differ in one digit, after the last mixing. */
function shareOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
