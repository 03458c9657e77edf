/** Shapes of the answers that the page reads; the API's own document is at /openapi.json. */

import type { Answering, OutcomeCount } from '../../stats/outcome.js';
import type { Explained } from '../../stats/reasons.js';

/** The newest data of an answer; nulls without any. */
export interface Newest {
  readonly ageMs: number | null;
  /** The age from which on they are stale. */
  readonly staleAfterMs: number | null;
}

export interface MatrixAnswer {
  readonly window: {
    readonly startMs: number;
    readonly endMs: number;
    readonly coveredMs: number;
    readonly askedMs: number;
  };
  readonly newest: Newest;
  readonly metric: string;
  readonly unit: string;
  readonly rowTags: readonly string[];
  readonly columnTags: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly columns: readonly (readonly string[])[];
  readonly cells: MatrixColumns;
}

/**
 * Cells in columns: element `i` of each column belongs to the same cell. Columns that were not requested are absent.
 */
export interface MatrixColumns extends Partial<Readonly<Record<OutcomeCount, readonly number[]>>> {
  readonly row: readonly number[];
  readonly column: readonly number[];
  readonly value: readonly (number | null)[];
  readonly ageMs?: readonly number[];
  readonly stale?: readonly boolean[];
  readonly samples?: readonly number[];
  readonly series?: readonly number[];
  readonly silentSeries?: readonly number[];
  readonly unmeasuredSeries?: readonly number[];
  readonly state?: readonly Answering[];
  /** Always there for a cell without an answer. */
  readonly reason?: readonly (string | null)[];
}

/** All round trips of a series as one histogram. */
interface Merged {
  readonly startMs: number;
  readonly endMs: number;
  readonly samples: number;
  readonly rttUs: Readonly<Record<'p50' | 'p90' | 'p99' | 'p999' | 'max', number>>;
  readonly hdr: string;
}

export interface HistorySeries extends Readonly<Record<OutcomeCount, readonly (number | null)[]>> {
  readonly collector: string;
  readonly group: string;
  readonly source: string;
  readonly target: string;
  readonly port: number;
  readonly class: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly intervalMs: number;
  readonly ageMs: number;
  readonly stale: boolean;
  /** By its newest intervals, with `to` by the newest ones before that. */
  readonly state: Answering;
  readonly reason: string | null;
  /** Requested with `histograms`; null: no histogram is available. */
  readonly merged?: Merged | null;
  readonly p50: readonly (number | null)[];
  readonly p90: readonly (number | null)[];
  readonly p99: readonly (number | null)[];
  readonly max: readonly (number | null)[];
}
export interface HistoryAnswer {
  readonly startMs: readonly number[];
  readonly endMs: readonly number[];
  readonly total: number;
  readonly series: readonly HistorySeries[];
}

export interface PathRow extends Explained {
  readonly collector?: string | null;
  readonly group: string;
  readonly source: string;
  readonly sourcePort: number | null;
  readonly port: number;
  readonly class: string;
  readonly dscp?: number;
  /** null: the loss is unknown (`lossShare`). */
  readonly lossPct: number | null;
  readonly rttUs: { readonly min: number; readonly mean: number; readonly max: number } | null;
  readonly lostForward?: number;
  readonly lostReverse?: number;
  readonly lostUnknown?: number;
  readonly dscpForward?: number | null;
  readonly dscpReverse?: number | null;
  readonly remarked?: number;
}
export interface PathsAnswer {
  readonly start?: string | null;
  readonly end: string | null;
  readonly endMs?: number | null;
  /** Cursor of the interval at its collector; two may end at the same time after a step of its clock. */
  readonly cursor?: number | null;
  /** How far its times are ahead of the clock of the service, ms. */
  readonly clockAheadMs?: number | null;
  /** Only from a scraper. */
  readonly collectors?: readonly {
    readonly collector: string | null;
    readonly start: string | null;
    readonly endMs: number | null;
    readonly cursor?: number | null;
    readonly clockAheadMs?: number | null;
    readonly total: number;
    readonly error: string | null;
  }[];
  readonly total: number;
  readonly paths: readonly PathRow[];
}

export interface ResultRow extends Omit<PathRow, 'sourcePort' | 'rttUs'> {
  readonly protocol: string;
  readonly dscp: number;
  readonly tags: Readonly<Record<string, string>>;
  readonly late: number;
  readonly duplicates: number;
  readonly reordered: number;
  readonly rttUs: Readonly<Record<string, number>> | null;
  readonly residenceUs: number | null;
  readonly jitterUs: number | null;
}
export interface ResultsAnswer {
  readonly next: number;
  readonly intervals: readonly {
    readonly collector?: string;
    readonly endMs: number;
    readonly clockAheadMs?: number;
    readonly results: readonly ResultRow[];
  }[];
}

interface ThreadStatus {
  readonly thread: string;
  readonly state: string;
  readonly restarts: number;
  readonly lastError: string | null;
}
/** The result of a probe from a fresh source port to a target that answers none of its paths. */
export interface FreshProbe {
  readonly group: string;
  /** `ADDRESS:PORT`, or the address for icmp. */
  readonly target: string;
  readonly answered: boolean;
  readonly at: string;
}
interface CollectorStatus {
  readonly name: string;
  readonly version: string;
  readonly state: string;
  readonly uptimeMs: number;
  readonly groups: number;
  readonly targets: number;
  readonly paths: number;
  readonly probesPerSecond: number;
  readonly totals: Readonly<Record<string, number>>;
  readonly workers: readonly ThreadStatus[];
  readonly aggregator: ThreadStatus;
  readonly freshProbes: readonly FreshProbe[];
  readonly warnings: readonly string[];
}
/** The status of a scraper: its collectors, and its writers. */
interface ScraperStatus {
  readonly version: string;
  readonly uptimeMs: number;
  readonly collectors: readonly {
    readonly url: string;
    readonly name: string | null;
    readonly state: string;
    readonly lastEnd: string | null;
    readonly lastSuccess: string | null;
    readonly intervalMs: number | null;
    readonly lagIntervals: number | null;
    readonly gaps: number;
    readonly errors: number;
    readonly lastError: string | null;
    /** Troubles that it reports of itself; null: it does not report them. */
    readonly troubles: readonly string[] | null;
  }[];
  readonly writers: readonly {
    readonly name: string;
    readonly up: boolean;
    readonly queued: number;
    readonly spoolIntervals: number;
    readonly lastError: string | null;
  }[];
  readonly warnings: readonly string[];
}
export type Status = CollectorStatus | ScraperStatus;
export const isScraper = (status: Status): status is ScraperStatus => 'collectors' in status;

interface GroupSummary {
  readonly name: string;
  readonly origin: string;
  readonly hidesFile?: boolean;
  readonly protocol: string;
  readonly port: number;
  readonly period: string;
  readonly timeout: string;
  readonly classes: readonly (string | number)[];
  readonly source?: string;
  readonly targets: number;
  readonly paths: number;
  readonly probesPerSecond: number;
}
export interface GroupListAnswer {
  readonly groups: readonly GroupSummary[];
  readonly notInForce: readonly { readonly name: string; readonly notInForce: string }[];
  readonly removed: readonly string[];
}

interface PlanFigures {
  readonly targets: number;
  readonly paths: number;
  readonly probesPerSecond: number;
  readonly bytesPerSecond: number;
  readonly memoryBytes: number;
}
export interface DryRun {
  readonly name: string;
  readonly action: string;
  readonly restarts: boolean;
  readonly targets: {
    readonly added: number;
    readonly removed: number;
    readonly kept: number;
    readonly retagged: number;
  };
  readonly paths: { readonly added: number; readonly removed: number; readonly kept: number };
  readonly group: PlanFigures;
  readonly total: PlanFigures;
  readonly budget: { readonly probesPerSecond: number; readonly memoryBytes: number };
  readonly threads: number;
}
