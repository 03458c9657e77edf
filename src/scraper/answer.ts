/**
 * The answer of `GET /v1/results` as text in, checked intervals out. Pure. Whatever is wrong in it is an error of that collector: nothing
 * behind this checks again, and a half-read answer is none, for what it leaves out would be lost without a word.
 */

import { found, isRecord } from '../config/problems.js';
import type { CollectedInterval, ResultRow } from './types.js';

/** What a collector said, whatever its kind. */
export interface Page {
  /** The collector's own name. */
  readonly collector: string;
  readonly intervalMs: number;
  /** Oldest first; each ends after the cursor that was asked with. */
  readonly intervals: readonly CollectedInterval[];
  /** `endMs` of the oldest interval that it holds; 0 when it holds none. */
  readonly oldest: number;
  /** That of the newest, where the collector tells: Dropbox's holds one only. */
  readonly newest?: number;
  /** It says itself that intervals after the cursor are gone. */
  readonly gap: boolean;
}

/** @throws Error that says what was found, where, and what was expected */
export function readResults(text: string, after: number): Page {
  const answer = parseJson(text);
  if (!isRecord(answer)) throw wrong('', answer, 'the object of GET /v1/results');
  const { collector, intervalMs, oldest, gap, intervals } = answer;
  if (typeof collector !== 'string' || collector === '') throw wrong('/collector', collector, 'a name');
  if (!isCount(intervalMs) || intervalMs === 0) throw wrong('/intervalMs', intervalMs, 'milliseconds');
  if (!isCount(oldest)) throw wrong('/oldest', oldest, 'epoch milliseconds');
  if (typeof gap !== 'boolean') throw wrong('/gap', gap, 'true or false');
  if (!Array.isArray(intervals)) throw wrong('/intervals', intervals, 'a list');
  let lastEndMs = after;
  const read = intervals.map((interval: unknown, index): CollectedInterval => {
    const place = `/intervals/${index}`;
    if (!isRecord(interval)) throw wrong(place, interval, 'an interval');
    const { start, endMs, results } = interval;
    if (!isCount(endMs) || endMs <= lastEndMs)
      throw wrong(`${place}/endMs`, endMs, `epoch milliseconds after ${lastEndMs}, for intervals come in order`);
    lastEndMs = endMs;
    const startMs = typeof start === 'string' ? Date.parse(start) : Number.NaN;
    if (!(startMs < endMs)) throw wrong(`${place}/start`, start, `a time before ${new Date(endMs).toISOString()}`);
    if (!Array.isArray(results)) throw wrong(`${place}/results`, results, 'a list');
    for (let row = 0; row < results.length; row++) checkRow(results[row], place, row);
    return { collector, intervalMs, startMs, endMs, rows: results as ResultRow[] };
  });
  return { collector, intervalMs, intervals: read, oldest, gap };
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`found text that is not JSON, expected the answer of a collector: ${why}`, { cause });
  }
}

export const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isNumber = (value: unknown): boolean => typeof value === 'number' && Number.isFinite(value);
const isNumberOrNull = (value: unknown): boolean => value === null || isNumber(value);

export function wrong(place: string, value: unknown, expected: string): Error {
  return new Error(`found ${found(value)} at ${place === '' ? 'the top' : place}, expected ${expected}`);
}

const TEXTS = ['group', 'protocol', 'source', 'target', 'class'] as const;
const COUNTS = [
  ...['port', 'dscp', 'sent', 'received', 'lost', 'unreachable'],
  ...['late', 'duplicates', 'reordered', 'sendErrors', 'localDrops'],
];
const RTTS = ['min', 'mean', 'stddev', 'p50', 'p90', 'p99', 'p999', 'max'];

/** Hot: every row of every collector comes by. Half a microsecond a row beside four for JSON.parse. */
function checkRow(row: unknown, interval: string, index: number): void {
  const place = (field: string): string => `${interval}/results/${index}${field}`;
  if (!isRecord(row)) throw wrong(place(''), row, 'a row');
  for (const name of TEXTS) if (typeof row[name] !== 'string') throw wrong(place(`/${name}`), row[name], 'text');
  for (const name of COUNTS) if (!isCount(row[name])) throw wrong(place(`/${name}`), row[name], 'a count');
  if (!isNumber(row.lossPct)) throw wrong(place('/lossPct'), row.lossPct, 'a number');
  if (!isNumberOrNull(row.residenceUs)) throw wrong(place('/residenceUs'), row.residenceUs, 'a number or null');
  if (!isNumberOrNull(row.jitterUs)) throw wrong(place('/jitterUs'), row.jitterUs, 'a number or null');
  checkTags(row.tags, place('/tags'));
  const { rttUs, hdr } = row;
  if (rttUs !== null) {
    if (!isRecord(rttUs)) throw wrong(place('/rttUs'), rttUs, 'an object or null');
    for (const name of RTTS) if (!isNumber(rttUs[name])) throw wrong(place(`/rttUs/${name}`), rttUs[name], 'a number');
  }
  if (hdr !== undefined && hdr !== null && typeof hdr !== 'string') throw wrong(place('/hdr'), hdr, 'text or null');
}

/** @throws Error unless `tags` is a map, text to text */
export function checkTags(tags: unknown, place: string): asserts tags is Readonly<Record<string, string>> {
  if (!isRecord(tags)) throw wrong(place, tags, 'a map, text to text');
  for (const name in tags) if (typeof tags[name] !== 'string') throw wrong(`${place}/${name}`, tags[name], 'text');
}
