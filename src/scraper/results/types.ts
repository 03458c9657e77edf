/**
 * The data that pass through the scraper: finished intervals of collectors, from the poller to the writers and into the
 * matrix.
 *
 * collector -> poller -> delivery -> writers (each behind a queue and a spool) -> databases
 *                     -> matrix history -> /v1/matrix, /v1/results
 */

import type { SendErrorReason, TooBigReason, UnreachableReason } from '../../stats/reasons.js';

/**
 * One result, with the fields of `GET /v1/results`. A field that a collector of another kind does not report is null,
 * never invented; a name that it does not report (`group`, `class`) is empty.
 */
export interface ResultRow {
  readonly group: string;
  readonly protocol: string;
  readonly source: string;
  readonly target: string;
  /** 0: not reported. */
  readonly port: number;
  readonly class: string;
  readonly dscp: number | null;
  readonly tags: Readonly<Record<string, string>>;
  readonly sent: number;
  readonly received: number;
  readonly lost: number;
  readonly unreachable: number;
  /** 100 (lost + unreachable) / sent; null when no probe says anything about loss (`lossShare`). */
  readonly lossPct: number | null;
  readonly late: number | null;
  readonly duplicates: number | null;
  readonly reordered: number | null;
  readonly sendErrors: number | null;
  readonly localDrops: number;
  /** Probes larger than the MTU of a link of the path; absent from collectors that do not report it. */
  readonly tooBig?: number | null;
  /** The smallest MTU reported for a probe that was too big; null or absent without a report. */
  readonly mtu?: number | null;
  /**
   * Reasons of refused sends, ICMP errors that came back, and senders of "too big" errors; null or absent when there
   * were none.
   */
  readonly sendErrorsBy?: readonly SendErrorReason[] | null;
  readonly unreachableBy?: readonly UnreachableReason[] | null;
  readonly tooBigBy?: readonly TooBigReason[] | null;
  /** µs; null without a reply. */
  readonly rttUs: RttUs | null;
  readonly residenceUs: number | null;
  readonly jitterUs: number | null;
  /** Loss by direction; absent from collectors that do not report it. */
  readonly lostForward?: number | null;
  readonly lostReverse?: number | null;
  readonly lostUnknown?: number | null;
  readonly remarked?: number | null;
  readonly ceMarks?: number | null;
  readonly hopChanges?: number | null;
  readonly forwardUs?: OneWayUs | null;
  readonly reverseUs?: OneWayUs | null;
  /** The text of an HdrHistogram V2 in nanoseconds (`src/stats/hdrText.ts`); null or absent without one. */
  readonly hdr?: string | null;
}

/** Delay in one direction, in µs; `relative`: to the least that was seen lately. */
export interface OneWayUs {
  readonly mean: number;
  readonly relative: boolean;
}

/** Round trips in µs. From a collector that reports the mean only, the rest is null. */
export interface RttUs {
  readonly min: number | null;
  readonly mean: number;
  readonly stddev: number | null;
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p99: number | null;
  readonly p999: number | null;
  readonly max: number | null;
}

/** Rows, iterated any number of times; each iteration may create new objects. */
export interface Rows extends Iterable<ResultRow> {
  readonly length: number;
  /**
   * Iterates in half the time: all rows are one object. Read it field by field before the next row; never keep or
   * spread it.
   */
  oneByOne?(): Iterable<ResultRow>;
  /**
   * Extends the lease of lent rows: they can be iterated until the returned function is called. For readers that need
   * them longer than their caller promised.
   */
  hold?(): () => void;
}

export const oneByOne = (rows: Rows): Iterable<ResultRow> => rows.oneByOne?.() ?? rows;

/**
 * A finished interval of one collector. `collector`, `clockEpoch` and `endMs` together name it behind the poller, which
 * counts epochs over all incarnations: the same interval fetched again is the same.
 */
export interface CollectedInterval {
  /** The collector's own name. */
  readonly collector: string;
  readonly intervalMs: number;
  /** Epoch milliseconds. */
  readonly startMs: number;
  readonly endMs: number;
  /** Its cursor at the collector; `endMs` where the collector reports none. */
  readonly cursor?: number;
  /**
   * Cursor of the interval that this one follows without a gap; 0: it is the first of a process, or the collector does
   * not report it.
   */
  readonly follows?: number;
  /**
   * A random number of the collector: a new one after a start that did not continue where the process before ended.
   * Absent when the collector reports none.
   */
  readonly incarnation?: number | undefined;
  /** Grows when the collector's clock was set back over time already reported; 0 when not given. */
  readonly clockEpoch?: number;
  /**
   * How far its times are ahead of the collector's clock at the moment of fetching, ms: the sum of the clock's steps
   * since then. Default 0.
   */
  readonly clockAheadMs?: number;
  /** How far its times are ahead of the steady clock of this process, ms (`SteadyClock`); default 0. */
  readonly aheadMs?: number;
  readonly rows: Rows;
}

/** The outcome of a batch that a sink accepted. */
export interface Written {
  readonly points: number;
  /**
   * Points that the sink refused for their content; to send them again would not help. The first reasons are for the
   * operator.
   */
  readonly rejected: number;
  readonly reasons: readonly string[];
}

/** A sink of results. To add one: implement this in a file of `writers/`, and name it in `createWriter`. */
export interface Writer {
  /** For logs and metrics, unique within a config: `influx2 http://127.0.0.1:8086 llama`. */
  readonly name: string;
  /**
   * Writes whole intervals. Resolves when the sink acknowledged them; to write the same again must do no harm. Rejects
   * when the sink is unavailable or asks to retry later (the delivery retries), never because of a single bad point.
   */
  write(intervals: readonly CollectedInterval[], signal: AbortSignal): Promise<Written>;
  close(): Promise<void>;
}

/** Where pollers deliver the intervals they fetched. */
export interface Delivery {
  /**
   * Resolves when the interval is safe with every writer: acknowledged by it, on disk in its spool, or lost and named
   * because the spool is full (counted and logged). Only then may the collector's cursor move past it. Rejects only
   * when the scraper ends. It keeps a lease on the rows while it needs them.
   */
  deliver(interval: CollectedInterval): Promise<void>;
}
