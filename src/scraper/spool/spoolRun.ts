/** Records on their way into a spool's segment: written one by one, synced together, and answered then. */

import type { RecordName } from './spoolRecord.js';
import type { Segment } from './spoolSegment.js';

/** The position of an interval in the spool. */
export interface SpoolEntry {
  readonly segment: Segment;
  readonly offset: number;
  readonly length: number;
  readonly name: RecordName;
}

export interface Appending {
  readonly record: Buffer;
  readonly done: (entry: SpoolEntry | 'lost') => void;
  readonly failed: (error: unknown) => void;
}

/** Records written to one segment and not yet synced. */
export class Run {
  bytes = 0;
  private readonly records: { appending: Appending; entry: SpoolEntry }[] = [];

  add(appending: Appending, entry: SpoolEntry): void {
    this.records.push({ appending, entry });
    this.bytes += entry.length;
  }

  async commit(): Promise<void> {
    const segment = this.records[0]?.entry.segment;
    if (segment === undefined) return;
    await segment.sync(segment.bytes + this.bytes, this.records.length);
    this.bytes = 0;
    for (const { appending, entry } of this.records.splice(0)) {
      segment.held.add(entry.offset);
      appending.done(entry);
    }
  }

  fail(error: unknown): void {
    for (const { appending } of this.records.splice(0)) appending.failed(error);
  }
}
