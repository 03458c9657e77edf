/** What is known of one collector: counters, times and gaps, for status and metrics. It decides nothing. */

import type { CollectorAddress } from '../config/scraper/types.js';
import type { CollectorState, Gap } from './service.js';

const LAST_GAPS = 10;
/** An interval more than the one that may be on its way. */
const BEHIND_INTERVALS = 2;

export class CollectorRecord {
  name: string | null = null;
  intervalMs: number | null = null;
  /** End of the last interval that is safe; 0 before the first. */
  cursor = 0;
  lastSuccessMs: number | null = null;
  /** The collector's clock less this host's. */
  aheadMs: number | null = null;
  /** From the end of an interval until it is ready. */
  settleMs = 0;
  intervals = 0;
  rows = 0;
  polls = 0;
  errors = 0;
  lastError: string | null = null;
  resets = 0;
  gaps = 0;
  lostIntervals = 0;
  nextAtMs: number | null = null;
  private readonly address: CollectorAddress;
  private lastGaps: readonly Gap[] = [];

  constructor(address: CollectorAddress) {
    this.address = address;
  }

  /** The result is the gap as it is shown. */
  gap(fromMs: number, toMs: number, reason: Gap['reason'], nowMs: number): Gap {
    const gap = { from: isoTime(fromMs), to: isoTime(toMs), reason, at: isoTime(nowMs) };
    this.gaps += 1;
    this.lostIntervals += Math.max(1, Math.round((toMs - fromMs) / (this.intervalMs ?? toMs - fromMs)));
    this.lastGaps = [...this.lastGaps, gap].slice(-LAST_GAPS);
    return gap;
  }

  /** Finished intervals that are not fetched yet, by the collector's clock. */
  lag(nowMs: number): number | null {
    if (this.intervalMs === null || this.cursor === 0) return null;
    const theirsMs = nowMs + (this.aheadMs ?? 0);
    return Math.max(0, Math.floor((theirsMs - this.settleMs - this.cursor) / this.intervalMs));
  }

  state(nowMs: number, troubles: readonly string[] | null): CollectorState {
    const lagIntervals = this.lag(nowMs);
    const behind = lagIntervals !== null && lagIntervals > BEHIND_INTERVALS;
    const up = behind ? 'behind' : 'up';
    return {
      url: this.address.url,
      name: this.name,
      kind: this.address.kind,
      state: this.lastError !== null ? 'down' : this.lastSuccessMs === null ? 'starting' : up,
      intervalMs: this.intervalMs,
      lastSuccess: this.lastSuccessMs === null ? null : isoTime(this.lastSuccessMs),
      lastEnd: this.cursor === 0 ? null : isoTime(this.cursor),
      lagIntervals,
      clockAheadMs: this.aheadMs,
      intervals: this.intervals,
      rows: this.rows,
      polls: this.polls,
      errors: this.errors,
      lastError: this.lastError,
      resets: this.resets,
      gaps: this.gaps,
      lostIntervals: this.lostIntervals,
      lastGaps: this.lastGaps,
      troubles,
      nextAt: this.nextAtMs === null ? null : isoTime(this.nextAtMs),
    };
  }
}

export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
