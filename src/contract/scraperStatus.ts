/** The status of a scraper, as `/v1/status` gives it, and the report of a reload. */

import type { COUNTER_READERS } from '../counters/readers.js';

/** `llama`: one of Dropbox's LLAMA in Go, asked by its `/influxdata`. `collector`: `llama collector`. */
export type CollectorKind = 'collector' | 'llama';

/** Intervals of a collector that are lost for good. */
export interface Gap {
  readonly from: string;
  readonly to: string;
  /**
   * `notHeld`: the collector let them go before they were fetched. `notMeasured`: there were none, or they went with a
   * restart of the collector.
   */
  readonly reason: 'notHeld' | 'notMeasured';
  /** When it was found. */
  readonly at: string;
}

export interface CollectorState {
  readonly url: string;
  /** Its own name; null before its first answer. */
  readonly name: string | null;
  readonly kind: CollectorKind;
  /** `starting`: not asked yet. `down`: the last question failed. `behind`: intervals wait to be fetched. */
  readonly state: 'starting' | 'up' | 'behind' | 'down';
  readonly intervalMs: number | null;
  /** ISO 8601: when it last gave a good answer; null before the first. */
  readonly lastSuccess: string | null;
  /**
   * ISO 8601, by this host's clock: end of the last interval that is safe with every writer; null when there is none.
   */
  readonly lastEnd: string | null;
  /** Finished intervals that are not fetched yet; null before its first answer. */
  readonly lagIntervals: number | null;
  /**
   * By how much its clock is ahead of this host's, ms; of Dropbox's LLAMA to half a second; null when it does not tell.
   */
  readonly clockAheadMs: number | null;
  readonly intervals: number;
  readonly rows: number;
  readonly polls: number;
  readonly errors: number;
  /** Why the last question failed; null when it did not. */
  readonly lastError: string | null;
  /** How often the collector turned out to have restarted, or another collector to answer. */
  readonly resets: number;
  readonly gaps: number;
  /** Intervals in all gaps. */
  readonly lostIntervals: number;
  /** The last ten. */
  readonly lastGaps: readonly Gap[];
  /**
   * Troubles that the collector reports of itself in its last answer: empty when healthy, null when it does not report
   * any.
   */
  readonly troubles: readonly string[] | null;
  /** ISO 8601; null while it is being asked. */
  readonly nextAt: string | null;
}

/** How the source of the collectors does; null when they are listed. */
export interface CollectorSourceState {
  readonly source: 'file' | 'http' | 'dns';
  readonly collectors: number;
  readonly updatedAt: string | null;
  readonly ageMs: number | null;
  readonly error: string | null;
  readonly warnings: readonly string[];
  readonly nextAt: string | null;
}

/** How one writer is doing, for status and metrics. Counters count from the start of the process. */
export interface WriterStatus {
  readonly name: string;
  readonly kind: 'influx2' | 'influx1' | 'file';
  /** Whether the last write was acknowledged; true before the first. */
  readonly up: boolean;
  /** Points that the sink acknowledged. */
  readonly points: number;
  readonly intervals: number;
  /** Writes that it acknowledged; one may contain several intervals. */
  readonly batches: number;
  /** Writes that were put off, and tried again. */
  readonly retries: number;
  /** Points that it refused for their content. */
  readonly rejected: number;
  /** The last reasons, newest last, at most ten. */
  readonly rejectedReasons: readonly string[];
  /**
   * Intervals that the database replaced by another one with the same end, measured after the collector's clock was set
   * back.
   */
  readonly overwritten: number;
  /** Intervals dropped, and named in the log, because the spool was full. */
  readonly lostIntervals: number;
  /** Records of the spool that were damaged, and left out. */
  readonly damagedRecords: number;
  /** Intervals that wait in memory, and their rows. */
  readonly queued: number;
  readonly queuedRows: number;
  readonly spoolBytes: number;
  readonly spoolIntervals: number;
  /** Times that the spool could not be written: a full or read-only disk. */
  readonly spoolErrors: number;
  /** Epoch ms of the last acknowledged write; null before the first. */
  readonly lastSuccessMs: number | null;
  /** Why the last write failed; null since the last that did not. */
  readonly lastError: string | null;
  /** Between the end of an interval and its acknowledgement, of the last one written, ms; null before the first. */
  readonly writeLagMs: number | null;
}

/** Counters of the data in memory for the matrix and `/v1/results`. */
export type MemoryCounter = keyof typeof COUNTER_READERS.history | keyof typeof COUNTER_READERS.scraper;

export interface ScraperStatus {
  readonly version: string;
  readonly startedAt: string;
  readonly uptimeMs: number;
  readonly state: 'running' | 'stopping';
  readonly collectors: readonly CollectorState[];
  readonly source: CollectorSourceState | null;
  readonly writers: readonly WriterStatus[];
  /** Data that the matrix and `/v1/results` do not show, by reason; null where nothing is kept in memory. */
  readonly matrix: Readonly<Record<MemoryCounter, number>> | null;
  /** Conditions that need a person; empty when healthy. */
  readonly warnings: readonly string[];
}

/** What a reload did: URLs of collectors, and names of options. */
export interface ScraperReloadReport {
  readonly added: readonly string[];
  /** Asked otherwise now: kind, token. */
  readonly changed: readonly string[];
  readonly removed: readonly string[];
  /** Other changes since the start, which take effect at the next start. */
  readonly restart: readonly string[];
}
