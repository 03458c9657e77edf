/**
 * The answer of `GET /v1/results` as bytes in, checked intervals out. Pure. Any error in it is an error of that
 * collector: later code does not check again. A partly readable answer is rejected whole, because the missing part
 * would be lost silently.
 */

import { isUtf8 } from 'node:buffer';
import { isRecord, kindOf } from '../../config/files/problems.js';
import { JsonWalk } from './jsonWalk.js';
import { type Lease, RowBytes, RowIndex } from './rowBytes.js';
import type { CheckedFields } from './rowPattern.js';
import { RowShapes } from './rowShape.js';
import type { CollectedInterval } from './types.js';

/** The answer of a collector of any kind. */
export interface Page {
  /** The collector's own name. */
  readonly collector: string;
  readonly intervalMs: number;
  /** Its wall clock when it answered, epoch ms; undefined when it reports none. */
  readonly nowMs?: number;
  /** Oldest first; each comes after the cursor that was asked with, unless there is a gap. */
  readonly intervals: readonly CollectedInterval[];
  /** End of the newest interval, where the collector reports it: Dropbox's has one only. */
  readonly newest?: number;
  /**
   * The collector says that intervals after the cursor are gone, or that it does not know the cursor: then these are
   * all it has.
   */
  readonly gap: boolean;
}

/** Ten times the largest limit of a request. Each interval takes memory, even an empty one. */
const MOST_INTERVALS = 1000;

/**
 * The rows stay in `bytes` for the duration of `lease`. Throws Error that says what was found, where, and what was
 * expected.
 */
export function readResults(bytes: Buffer, after: number, lease?: Lease): Page {
  const { collector, intervalMs, nowMs, next = after, gap, intervals } = readAnswer(bytes, lease);
  // A scraper answers for many.
  if (collector === null && intervalMs === null)
    throw new Error(
      'found the results of a llama scraper, expected those of a llama collector; list its collectors instead',
    );
  if (typeof collector !== 'string' || collector === '') throw wrong('/collector', collector, 'a name');
  if (!isCount(intervalMs) || intervalMs === 0) throw wrong('/intervalMs', intervalMs, 'milliseconds');
  if (!isCount(next)) throw wrong('/next', next, 'a cursor');
  if (nowMs !== undefined && !isCount(nowMs)) throw wrong('/nowMs', nowMs, 'epoch milliseconds');
  if (typeof gap !== 'boolean') throw wrong('/gap', gap, 'true or false');
  if (!Array.isArray(intervals)) throw wrong('/intervals', intervals, 'a list');
  let last = gap ? 0 : after;
  const read = intervals.map((interval: unknown, index): CollectedInterval => {
    const place = `/intervals/${index}`;
    if (!isRecord(interval)) throw wrong(place, interval, 'an interval');
    const { start, endMs, results, cursor = endMs, follows = 0 } = interval;
    const { incarnation, clockEpoch = 0, clockAheadMs = 0 } = interval;
    if (!isCount(endMs)) throw wrong(`${place}/endMs`, endMs, 'epoch milliseconds');
    if (!isCount(cursor) || cursor <= last)
      throw wrong(`${place}/cursor`, cursor, `a number above ${last}, for intervals come in order`);
    if (!isCount(follows)) throw wrong(`${place}/follows`, follows, 'a cursor');
    if (incarnation !== undefined && !isCount(incarnation))
      throw wrong(`${place}/incarnation`, incarnation, 'a number');
    if (!isCount(clockEpoch)) throw wrong(`${place}/clockEpoch`, clockEpoch, 'a count');
    if (!Number.isSafeInteger(clockAheadMs)) throw wrong(`${place}/clockAheadMs`, clockAheadMs, 'milliseconds');
    last = cursor;
    const startMs = typeof start === 'string' ? Date.parse(start) : Number.NaN;
    if (!(startMs < endMs)) throw wrong(`${place}/start`, start, `a time before ${new Date(endMs).toISOString()}`);
    if (!(results instanceof RowBytes)) throw wrong(`${place}/results`, results, 'a list');
    const where = { cursor, follows, incarnation, clockEpoch, clockAheadMs: clockAheadMs as number };
    return { collector, intervalMs, startMs, endMs, ...where, rows: results };
  });
  return { collector, intervalMs, ...(nowMs === undefined ? {} : { nowMs }), intervals: read, gap };
}

/** The answer as JSON.parse would give it, but for the lists of results, which are checked and left as bytes. */
function readAnswer(sent: Buffer, lease: Lease | undefined): Record<string, unknown> {
  // Invalid UTF-8 is decoded as Node.js decodes it, here and by the readers that the bytes are passed on to.
  const bytes = isUtf8(sent) ? sent : Buffer.from(sent.toString());
  const walk = new JsonWalk(bytes);
  const shapes = new RowShapes(CHECKED);
  return asJson(() => {
    const from = walk.skipSpace(0);
    if (!walk.isMap(from)) throw wrong('', walk.value(from, bytes.length), 'the object of GET /v1/results');
    const { map, end } = readMap(walk, from, (name, at) =>
      name === 'intervals' ? readIntervals(walk, at) : undefined,
    );
    const last = walk.skipSpace(end);
    if (last < bytes.length) throw walk.unexpected(last);
    return map;
  });

  function readIntervals(walk: JsonWalk, at: number): Value | undefined {
    if (!walk.isList(at)) return undefined;
    const value: unknown[] = [];
    const end = walk.values(at, (from) => {
      if (value.length === MOST_INTERVALS)
        throw new Error(
          `found more than ${MOST_INTERVALS} intervals at /intervals, expected as many as were asked for`,
        );
      const place = `/intervals/${value.length}`;
      const interval = walk.isMap(from)
        ? readMap(walk, from, (name, at) => (name === 'results' ? readRows(walk, at, place) : undefined))
        : undefined;
      const end = interval?.end ?? walk.endOf(from);
      value.push(interval?.map ?? walk.value(from, end));
      return end;
    });
    return { value, end };
  }

  function readRows(walk: JsonWalk, at: number, interval: string): Value | undefined {
    if (!walk.isList(at)) return undefined;
    const index = new RowIndex(shapes);
    const end = walk.values(at, (from) => {
      const known = shapes.endOf(bytes, from);
      if (known !== -1) {
        index.addKnown(from, known);
        return known;
      }
      const end = walk.endOf(from);
      checkRow(walk.value(from, end), interval, index.rows);
      shapes.learn(bytes.subarray(from, end));
      index.add(from, end);
      return end;
    });
    return { value: new RowBytes(bytes, index.finish(), lease), end };
  }
}

interface Value {
  readonly value: unknown;
  readonly end: number;
}

/**
 * A map whose members are parsed, except the members that `other` reads. The last one of a duplicate name counts, as in
 * `JSON.parse`.
 */
function readMap(
  walk: JsonWalk,
  from: number,
  other: (name: string, at: number) => Value | undefined,
): { readonly map: Record<string, unknown>; readonly end: number } {
  const map = new Map<string, unknown>();
  const end = walk.members(from, (name, at) => {
    const read = other(name, at);
    const end = read?.end ?? walk.endOf(at);
    map.set(name, read === undefined ? walk.value(at, end) : read.value);
    return end;
  });
  return { map: Object.fromEntries(map), end };
}

export function parseJson(text: string): unknown {
  return asJson(() => JSON.parse(text) as unknown);
}

function asJson<Result>(read: () => Result): Result {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    // The parser's message quotes the text.
    throw new Error('found text that is not JSON, expected the answer of a collector');
  }
}

export const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isNumber = (value: unknown): boolean => typeof value === 'number' && Number.isFinite(value);
const isNumberOrNull = (value: unknown): boolean => value === null || isNumber(value);

export function wrong(place: string, value: unknown, expected: string): Error {
  return new Error(`found ${kindOf(value)} at ${place === '' ? 'the top' : place}, expected ${expected}`);
}

const TEXTS = ['group', 'protocol', 'source', 'target', 'class'] as const;
const COUNTS = [
  ...['port', 'dscp', 'sent', 'received', 'lost', 'unreachable'],
  ...['late', 'duplicates', 'reordered', 'sendErrors', 'localDrops'],
];
const RTTS = ['min', 'mean', 'stddev', 'p50', 'p90', 'p99', 'p999', 'max'];
/** The checks of `checkRow`, in the terms of shapes. */
export const CHECKED: CheckedFields = {
  counts: new Set(COUNTS),
  numbers: new Set(RTTS),
  nullable: new Set(['rttUs', 'hdr']),
};

/** Checks the kinds of the values only. Rows of a known shape skip this. */
function checkRow(row: unknown, interval: string, index: number): void {
  const place = (field: string): string => `${interval}/results/${index}${field}`;
  if (!isRecord(row)) throw wrong(place(''), row, 'a row');
  for (const name of TEXTS) if (typeof row[name] !== 'string') throw wrong(place(`/${name}`), row[name], 'text');
  for (const name of COUNTS) if (!isCount(row[name])) throw wrong(place(`/${name}`), row[name], 'a count');
  if (!isNumberOrNull(row.lossPct)) throw wrong(place('/lossPct'), row.lossPct, 'a number or null');
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
