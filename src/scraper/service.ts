/** The interface between the API and a scraper (`src/api` and `src/scraper`). */

import type { CollectorKind, ScraperConfig } from '../config/scraper/types.js';
import type { WriterStatus } from '../config/scraper/writerConfig.js';
import type { CollectedInterval } from './results/types.js';
import type { MemoryCounter } from './troubles.js';

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

/** A collector that can be asked on behalf of a reader. */
export interface ReachableCollector {
  readonly url: string;
  readonly kind: CollectorKind;
  /** Its own name; null before its first answer. */
  readonly name: string | null;
  /** By how much its clock is ahead of this host's, ms; 0 while they agree to two seconds. */
  readonly clockAheadMs: number;
  /**
   * A GET of a path of its API, with the query; status 200, or it rejects with an error whose message is for people.
   */
  get(path: string, signal: AbortSignal): Promise<{ readonly body: string; readonly bytes: number }>;
}

export interface ScraperService {
  readonly config: ScraperConfig;
  status(): ScraperStatus;
  /** The collectors that are polled now. */
  collectors(): readonly ReachableCollector[];
  /**
   * Calls `listener` once with every interval fetched from now on, until the returned function is called. A listener
   * must not throw. One that needs the rows for longer returns a promise that settles when it is done; the capacity for
   * such rows is small.
   */
  onInterval(listener: (interval: CollectedInterval) => void | Promise<void>): () => void;
}
