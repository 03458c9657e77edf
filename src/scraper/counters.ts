/** What one writer took, put off and refused, for status and metrics; and the log lines that say so, once per outage and minute. */

import type { Logger } from 'pino';
import type { CollectedInterval, Written } from './types.js';
import { WriteLater } from './writers/later.js';

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
  /** When the first of the failures was that last until now; infinity while there is none. */
  downSinceMs = Number.POSITIVE_INFINITY;
  private toldMs = 0;
  private readonly logger: Logger;

  constructor(logger: Logger) {
    this.logger = logger;
  }

  get up(): boolean {
    return this.downSinceMs === Number.POSITIVE_INFINITY;
  }

  succeeded(written: Written, intervals: readonly CollectedInterval[], inSpool: number): void {
    const now = Date.now();
    if (!this.up) {
      this.logger.info({ afterMs: now - this.downSinceMs, spoolIntervals: inSpool }, 'the writer is back');
      this.downSinceMs = Number.POSITIVE_INFINITY;
      this.lastError = null;
    }
    this.points += written.points;
    this.rejected += written.rejected;
    this.intervals += intervals.length;
    this.batches++;
    this.lastSuccessMs = now;
    this.writeLagMs = now - Math.max(...intervals.map(({ endMs }) => endMs));
    if (written.rejected === 0) return;
    const { rejected, reasons } = written;
    this.logger.warn({ rejected, reasons }, 'points were refused for what they are; all others were written');
    const others = this.rejectedReasons.filter((reason) => !reasons.includes(reason));
    this.rejectedReasons = [...others, ...reasons].slice(-MAX_REASONS);
  }

  failed(error: unknown, retryInMs: number): void {
    const now = Date.now();
    const reason = error instanceof Error ? error.message : String(error);
    const first = this.up;
    if (first) this.downSinceMs = now;
    this.retries++;
    if (first || reason !== this.lastError || now - this.toldMs >= REPEAT_MS) {
      this.toldMs = now;
      const stack = error instanceof WriteLater || !(error instanceof Error) ? undefined : error.stack;
      this.logger.warn(
        { error: reason, retryInMs: Math.round(retryInMs), sinceMs: now - this.downSinceMs, stack },
        'the writer does not take points; they are kept and written later',
      );
    }
    this.lastError = reason;
  }
}
