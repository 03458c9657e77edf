/** The state of one collector for status and metrics: counters, times and gaps. It decides nothing. */

import type { CollectorAddress } from '../../config/scraper/types.js';
import type { CollectorState, Gap } from '../../contract/scraperStatus.js';

const LAST_GAPS = 10;
/** An interval more than the one that may be on its way. */
const BEHIND_INTERVALS = 2;

export class CollectorRecord {
  name: string | null = null;
  intervalMs: number | null = null;
  /** End of the last safe interval; 0 before the first. */
  cursor = 0;
  /** End of the last interval that is safe, epoch ms, by the collector's clock of then; 0: not known. */
  endMs = 0;
  /** How far that is ahead of the steady clock of this process, ms; 0 while the clocks agree. */
  endAheadMs = 0;
  lastSuccessMs: number | null = null;
  /** The collector's clock less the steady clock of this process. */
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

  /** An interval is safe. */
  moved(cursor: number, endMs: number, endAheadMs: number): void {
    this.cursor = cursor;
    this.endMs = endMs;
    this.endAheadMs = endAheadMs;
  }

  /** The result is the gap as it is shown. */
  gap(fromMs: number, toMs: number, reason: Gap['reason'], nowMs: number): Gap {
    const gap = { from: isoTime(fromMs), to: isoTime(toMs), reason, at: isoTime(nowMs) };
    this.gaps += 1;
    this.lostIntervals += Math.max(1, Math.round((toMs - fromMs) / (this.intervalMs ?? toMs - fromMs)));
    this.lastGaps = [...this.lastGaps, gap].slice(-LAST_GAPS);
    return gap;
  }

  /** Finished intervals that are not fetched yet. */
  lag(nowMs: number): number | null {
    if (this.intervalMs === null || this.endMs === 0) return null;
    // Clocks that agree may still be a second apart, which is a lot for short intervals.
    const apartMs = this.endAheadMs === 0 ? (this.aheadMs ?? 0) : 0;
    const ageMs = nowMs + apartMs - (this.endMs - this.endAheadMs);
    return Math.max(0, Math.floor((ageMs - this.settleMs) / this.intervalMs));
  }

  /** `nowMs` is the steady clock, `clockAheadMs` the wall clock less it: times are shown by that. */
  state(nowMs: number, clockAheadMs: number, troubles: readonly string[] | null): CollectorState {
    const shown = (ms: number): string => isoTime(ms + clockAheadMs);
    const lagIntervals = this.lag(nowMs);
    const behind = lagIntervals !== null && lagIntervals > BEHIND_INTERVALS;
    const up = behind ? 'behind' : 'up';
    return {
      url: this.address.url,
      name: this.name,
      kind: this.address.kind,
      state: this.lastError !== null ? 'down' : this.lastSuccessMs === null ? 'starting' : up,
      intervalMs: this.intervalMs,
      lastSuccess: this.lastSuccessMs === null ? null : shown(this.lastSuccessMs),
      lastEnd: this.endMs === 0 ? null : shown(this.endMs - this.endAheadMs),
      lagIntervals,
      clockAheadMs: this.aheadMs === null ? null : this.aheadMs - clockAheadMs,
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
      nextAt: this.nextAtMs === null ? null : shown(this.nextAtMs),
    };
  }
}

export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
