/** Result rows for people: the JSON of finished intervals as objects, and tables of them. */

import type { SendErrorReason, TooBigReason, UnreachableReason } from '../../stats/reasons.js';
import type { IntervalReport } from '../../threads/messages.js';

/** A result, as in `GET /v1/results`. */
export interface ResultRow {
  readonly group: string;
  readonly protocol: string;
  readonly source: string;
  readonly target: string;
  readonly port: number;
  readonly class: string;
  readonly sent: number;
  readonly received: number;
  readonly lost: number;
  readonly unreachable: number;
  /** null: the loss is unknown (`lossShare`). */
  readonly lossPct: number | null;
  readonly late: number;
  readonly duplicates: number;
  readonly reordered: number;
  readonly sendErrors: number;
  readonly localDrops: number;
  readonly tooBig: number;
  /** The smallest MTU reported for a probe that was too big; null without a report. */
  readonly mtu: number | null;
  readonly sendErrorsBy: readonly SendErrorReason[] | null;
  readonly unreachableBy: readonly UnreachableReason[] | null;
  readonly tooBigBy: readonly TooBigReason[] | null;
  readonly rttUs: {
    readonly min: number;
    readonly mean: number;
    readonly stddev: number;
    readonly p50: number;
    readonly p90: number;
    readonly p99: number;
    readonly p999: number;
    readonly max: number;
  } | null;
  readonly residenceUs: number | null;
  readonly jitterUs: number | null;
  readonly lostForward: number;
  readonly lostReverse: number;
  readonly lostUnknown: number;
  readonly forwardUs: OneWayDelay | null;
  readonly reverseUs: OneWayDelay | null;
  readonly dscpForward: number | null;
  readonly dscpReverse: number | null;
  readonly remarked: number;
  readonly ceMarks: number;
  readonly hopsForward: number | null;
  readonly hopsReverse: number | null;
  readonly hopChanges: number;
}

/** Delay in one direction, in microseconds. */
interface OneWayDelay {
  readonly min: number;
  readonly mean: number;
  readonly max: number;
  readonly variation: number | null;
  /** To the least that was seen lately. */
  readonly relative: boolean;
}

export function resultRows(report: IntervalReport): ResultRow[] {
  return JSON.parse(`[${Buffer.from(report.rows).toString()}]`) as ResultRow[];
}

/** The histogram text of row `i`; empty without replies. */
export function histogramText(report: IntervalReport, i: number): string {
  return Buffer.from(report.histograms.subarray(report.histogramOffsets[i], report.histogramOffsets[i + 1])).toString();
}

/** Three significant digits, without an exponent: a number from 999.5 up is written whole. */
function threeDigits(value: number): string {
  return value >= 999.5 ? String(Math.round(value)) : value.toPrecision(3);
}

/** Microseconds with three significant digits and the unit that reads best. */
export function formatUs(us: number): string {
  if (us === 0) return '0 us';
  if (us < 999.5) return `${threeDigits(us)} us`;
  if (us < 999_500) return `${threeDigits(us / 1_000)} ms`;
  return `${threeDigits(us / 1_000_000)} s`;
}

/**
 * A share in percent, with three digits; more where three would round nearly all to all. A result has four decimals at
 * most. `-`: unknown.
 */
export function formatPct(pct: number | null): string {
  if (pct === null) return '-';
  const asIs = pct === 0 || pct === 100 || pct > 99 || pct < 0.01;
  return `${asIs ? String(Number(pct.toFixed(4))) : threeDigits(pct)} %`;
}

/** Columns as wide as their widest cell; the first is flush left, the others flush right. */
export function textTable(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows
    .map((row) =>
      row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))).join('  '),
    )
    .map((line) => `${line.trimEnd()}\n`)
    .join('');
}
