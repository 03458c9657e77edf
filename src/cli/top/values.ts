/** Values as text, and their severity. A small loss is never rounded to none, nor a large one to all. */

import type { Metric } from '../../history/matrix.js';
import { type Answering, type LossCounts, lossShare } from '../../stats/outcome.js';
import { formatPct, formatUs } from '../shared/rows.js';
import type { Style } from './text.js';

const BAD_LOSS_PCT = 1;
/**
 * A time is judged against the median of all cells: by a factor, and by µs above it, so that noise of microseconds
 * counts as normal.
 */
const WARN = { times: 2, aboveUs: 100 };
const BAD = { times: 5, aboveUs: 1_000 };
const STALE_INTERVALS = 2.5;

export const isLoss = (metric: Metric): boolean => metric === 'loss';

/** In percent; null: the loss is unknown. */
export function lossPct(counts: LossCounts): number | null {
  const share = lossShare(counts);
  return share === null ? null : 100 * share;
}

/** By severity: not measured is worse than all lost, and no answer is as bad as all lost, whatever its loss. */
export function lossRank(pct: number | null, state: Answering): number {
  if (state === 'unmeasured') return Number.POSITIVE_INFINITY;
  return state === 'answers' ? (pct ?? 0) : 100;
}

/** In percent, without the sign; `-`: unknown. */
export function lossText(pct: number | null): string {
  if (pct === null) return '-';
  const text = formatPct(pct).replace(' %', '');
  if (text === '0' && pct > 0) return '<0.0001';
  if (text === '100' && pct < 100) return '>99.9999';
  return text;
}

export const timeText = (us: number): string => formatUs(us).replace(' ', '');

export function lossStyle(pct: number | null): Style {
  if (pct === null) return 'bad';
  if (pct === 0) return 'plain';
  return pct < BAD_LOSS_PCT ? 'warn' : 'bad';
}

export function timeStyle(us: number, medianUs: number): Style {
  const above = (limit: typeof WARN): boolean => us >= medianUs * limit.times && us - medianUs >= limit.aboveUs;
  if (above(BAD)) return 'bad';
  return above(WARN) ? 'warn' : 'plain';
}

/** For people who see no colour. */
export const markOf = (style: Style): string => ({ bad: '!', warn: '+' })[style as string] ?? ' ';

/** The middle of the values; 0 without values. */
export function median(values: readonly (number | null)[]): number {
  const before = medians.get(values);
  if (before !== undefined) return before;
  const sorted = Float64Array.from(values.filter((value) => value !== null)).sort();
  const middle = sorted.length === 0 ? 0 : sorted[Math.floor(sorted.length / 2)];
  medians.set(values, middle);
  return middle;
}

/** The same picture is drawn again and again. */
const medians = new WeakMap<readonly (number | null)[], number>();

/**
 * Whether data that were `ageMs` old when they were fetched, `sinceMs` ago, are too old now to be called the present.
 */
export function isStale(stale: boolean, ageMs: number, sinceMs: number, intervalMs: number | null): boolean {
  return stale || (intervalMs !== null && sinceMs > 0 && ageMs + sinceMs > STALE_INTERVALS * intervalMs);
}

/** A stretch of time for people: `0s`, `45s`, `3m20s`, `2h05m`. */
export function agoText(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1_000));
  if (s < 60) return `${s}s`;
  const two = (value: number): string => String(value).padStart(2, '0');
  if (s < 3_600) return `${Math.floor(s / 60)}m${two(s % 60)}s`;
  return `${Math.floor(s / 3_600)}h${two(Math.floor((s % 3_600) / 60))}m`;
}
