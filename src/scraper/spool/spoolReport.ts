/** Counts and logs by name the intervals that a spool could not keep or read. No loss is silent. */

import type { Logger } from 'pino';
import type { RecordName } from './spoolRecord.js';

const NAMES_PER_LINE = 100;

export class SpoolReport {
  /** Intervals dropped because the spool was full. */
  lostIntervals = 0;
  damagedRecords = 0;
  /** Number of times that the disk refused intervals. */
  errors = 0;
  private readonly dir: string;
  private readonly logger: Logger;

  constructor(dir: string, logger: Logger) {
    this.dir = dir;
    this.logger = logger;
  }

  damaged(file: string, records: number): void {
    this.damagedRecords += records;
    this.logger.error({ file, records }, 'a damaged part of the spool was left out; the rest is read');
  }

  lost(names: readonly RecordName[]): void {
    this.lostIntervals += names.length;
    for (let from = 0; from < names.length; from += NAMES_PER_LINE) {
      const intervals = names.slice(from, from + NAMES_PER_LINE).map(intervalName);
      this.logger.error({ dir: this.dir, intervals }, 'the spool is full: these intervals are lost to this writer');
    }
  }
}

/** `host-a 2026-11-21T10:00:00.000Z–2026-11-21T10:00:10.000Z` */
function intervalName({ collector, startMs, endMs }: RecordName): string {
  return `${collector} ${new Date(startMs).toISOString()}–${new Date(endMs).toISOString()}`;
}
