/**
 * Counters of one writer for status and metrics: accepted, deferred and rejected intervals. Also logs them, once per
 * outage and minute.
 */

import type { Logger } from 'pino';
import { messageOf } from '../../base/errors.js';
import type { CollectedInterval, Written } from '../results/types.js';
import { WriteLater } from '../writers/retryableError.js';

const MAX_REASONS = 10;
const REPEAT_MS = 60_000;

export class WriteCounters {
  points = 0;
  intervals = 0;
  batches = 0;
  retries = 0;
  rejected = 0;
  rejectedReasons: string[] = [];
  lastSuccessMs: number | null = null;
  lastError: string | null = null;
  writeLagMs: number | null = null;
  /** Start of the current outage by `performance.now()`; Infinity while the writer is up. */
  downSinceMs = Number.POSITIVE_INFINITY;
  private toldMs = Number.NEGATIVE_INFINITY;
  /** Status, or text where there was no answer, of the failure that the log has last. */
  private toldKind = '';
  /** Intervals that the sink replaced by another one with the same end. */
  overwritten = 0;
  private toldOverwrittenMs = Number.NEGATIVE_INFINITY;
  private readonly logger: Logger;

  constructor(logger: Logger) {
    this.logger = logger;
  }

  /** An interval replaces an earlier one. */
  overwrites({ collector, endMs, clockEpoch }: CollectedInterval): void {
    this.overwritten++;
    const now = performance.now();
    if (now - this.toldOverwrittenMs < REPEAT_MS) return;
    this.toldOverwrittenMs = now;
    this.logger.warn(
      { collector, end: new Date(endMs).toISOString(), clockEpoch, overwritten: this.overwritten },
      'two intervals of a collector end at the same time, for its clock was set back; the database keeps the one that was measured last',
    );
  }

  get up(): boolean {
    return this.downSinceMs === Number.POSITIVE_INFINITY;
  }

  succeeded(written: Written, intervals: readonly CollectedInterval[], inSpool: number): void {
    const now = Date.now();
    if (!this.up) {
      this.logger.info(
        { afterMs: Math.round(performance.now() - this.downSinceMs), spoolIntervals: inSpool },
        'the writer is back',
      );
      this.downSinceMs = Number.POSITIVE_INFINITY;
      this.lastError = null;
    }
    this.points += written.points;
    this.rejected += written.rejected;
    this.intervals += intervals.length;
    this.batches++;
    this.lastSuccessMs = now;
    this.writeLagMs = now - Math.max(...intervals.map(({ endMs, aheadMs = 0 }) => endMs - aheadMs));
    if (written.rejected === 0) return;
    const { rejected, reasons } = written;
    this.logger.warn({ rejected, reasons }, 'points were refused for what they are; all others were written');
    const others = this.rejectedReasons.filter((reason) => !reasons.includes(reason));
    this.rejectedReasons = [...others, ...reasons].slice(-MAX_REASONS);
  }

  failed(error: unknown, retryInMs: number): void {
    const now = performance.now();
    const reason = messageOf(error);
    const first = this.up;
    if (first) this.downSinceMs = now;
    this.retries++;
    // A body may be another with every answer; the status is not.
    const kind = error instanceof WriteLater && error.status !== undefined ? String(error.status) : reason;
    if (first || kind !== this.toldKind || now - this.toldMs >= REPEAT_MS) {
      this.toldMs = now;
      this.toldKind = kind;
      const stack = error instanceof WriteLater || !(error instanceof Error) ? undefined : error.stack;
      this.logger.warn(
        { error: reason, retryInMs: Math.round(retryInMs), sinceMs: Math.round(now - this.downSinceMs), stack },
        'writer unavailable; points are spooled and retried',
      );
    }
    this.lastError = reason;
  }
}
