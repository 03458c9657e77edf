/**
 * The paths of all collectors, requested on demand: one path for each source port is too much to keep. The number of
 * concurrent requests is bounded, and each has a timeout. An error of one collector does not hide the paths of the
 * others.
 */

import { messageOf } from '../../base/errors.js';
import type { Breather } from '../../base/yielding.js';
import { isRecord } from '../../config/files/problems.js';
import type { CollectorKind } from '../../contract/scraperStatus.js';
import { failureRank } from '../../stats/outcome.js';
import { isCount, parseJson, wrong } from '../results/answer.js';

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

/** Collectors that are asked at a time. */
const CONCURRENCY = 16;
/** A collector that takes longer is left out, and reported as such. */
const TIMEOUT_MS = 5_000;
/** Far above the largest answer that the greatest limit allows. */
const MOST_BYTES = 16 * 2 ** 20;

interface PathsOfCollector {
  readonly collector: string | null;
  readonly url: string;
  readonly start: string | null;
  readonly end: string | null;
  readonly endMs: number | null;
  /** The interval's cursor at its collector. */
  readonly cursor: number | null;
  /** How far its times are ahead of this host's clock, ms. */
  readonly clockAheadMs: number | null;
  readonly gap: boolean;
  /** Paths that match. */
  readonly total: number;
  /** Why it is left out; null when it is not. */
  readonly error: string | null;
}

/** A path as the collector reported it, with its sort keys. */
interface CollectorPath {
  readonly collector: string | null;
  readonly path: Readonly<Record<string, unknown>>;
  readonly badness: number;
  readonly meanUs: number;
}

export interface AllPaths {
  readonly collectors: readonly PathsOfCollector[];
  /** Worst first: by share of failed probes (`failureRank`), then by mean round trip. */
  readonly paths: readonly CollectorPath[];
}

/** `query` is that of `/v1/paths`, with a limit: no more are shown of all together than of each. */
export async function allPaths(
  collectors: readonly ReachableCollector[],
  query: URLSearchParams,
  limit: number,
  breather: Breather,
  timeoutMs = TIMEOUT_MS,
): Promise<AllPaths> {
  const told: PathsOfCollector[] = [];
  let worst: readonly CollectorPath[] = [];
  const waiting = [...collectors.entries()];
  async function askOnes(): Promise<void> {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [index, collector] = next;
      const answer = await ask(collector, query, timeoutMs);
      told[index] = answer.of;
      worst = merge(worst, answer.paths, limit);
      if (breather.dueNow) await breather.breathe();
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, askOnes));
  return { collectors: told, paths: worst };
}

interface Answer {
  readonly of: PathsOfCollector;
  readonly paths: readonly CollectorPath[];
}

/** Never rejects. */
async function ask(collector: ReachableCollector, query: URLSearchParams, timeoutMs: number): Promise<Answer> {
  const { name, url, kind, clockAheadMs } = collector;
  const of: PathsOfCollector = {
    ...{ collector: name, url, start: null, end: null, endMs: null, cursor: null, clockAheadMs: null },
    ...{ gap: false, total: 0, error: null },
  };
  if (kind === 'llama') return { of: { ...of, error: "Dropbox's LLAMA does not tell paths" }, paths: [] };
  const late = AbortSignal.timeout(timeoutMs);
  try {
    const { body, bytes } = await collector.get(`/v1/paths?${onItsClock(query, clockAheadMs)}`, late);
    if (bytes > MOST_BYTES) throw new Error(`found an answer of ${bytes} bytes, expected at most ${MOST_BYTES}`);
    return read(body, of, clockAheadMs);
  } catch (error) {
    const why = late.aborted ? `no answer within ${timeoutMs} ms` : messageOf(error);
    return { of: { ...of, error: why }, paths: [] };
  }
}

/** A moment is requested by this host's clock, and looked up by the collector's. */
function onItsClock(query: URLSearchParams, clockAheadMs: number): URLSearchParams {
  const at = query.get('at');
  if (at === null || clockAheadMs === 0) return query;
  const own = new URLSearchParams(query);
  own.set('at', String(Math.max(0, Number(at) + clockAheadMs)));
  return own;
}

/** @throws Error that says what was found and what was expected */
function read(body: string, of: PathsOfCollector, clockAheadMs: number): Answer {
  const answer = parseJson(body);
  if (!isRecord(answer)) throw wrong('', answer, 'the object of GET /v1/paths');
  const { start, end, endMs, cursor, gap, total, paths } = answer;
  const ownAheadMs = Number.isSafeInteger(answer.clockAheadMs) ? (answer.clockAheadMs as number) : 0;
  if (!Array.isArray(paths)) throw wrong('/paths', paths, 'a list');
  if (!isCount(total)) throw wrong('/total', total, 'a count');
  const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);
  return {
    of: {
      ...{ ...of, start: text(start), end: text(end), endMs: isCount(endMs) ? endMs : null },
      ...{ cursor: isCount(cursor) ? cursor : null, clockAheadMs: isCount(endMs) ? ownAheadMs + clockAheadMs : null },
      ...{ gap: gap === true, total },
    },
    paths: paths.map((path: unknown, index): CollectorPath => {
      const place = `/paths/${index}`;
      if (!isRecord(path)) throw wrong(place, path, 'a path');
      const { received, lost, unreachable, tooBig = 0, sendErrors = 0, rttUs } = path;
      if (!isCount(received) || !isCount(lost) || !isCount(unreachable) || !isCount(tooBig) || !isCount(sendErrors))
        throw wrong(place, path, 'a path with its counts');
      const mean = isRecord(rttUs) ? rttUs.mean : 0;
      return {
        collector: of.collector,
        path,
        badness: failureRank(received, lost + unreachable + tooBig + sendErrors),
        meanUs: typeof mean === 'number' ? mean : 0,
      };
    }),
  };
}

const compare = (a: CollectorPath, b: CollectorPath): number => b.badness - a.badness || b.meanUs - a.meanUs;

/** Two lists that are sorted, as one. A collector that does not sort is sorted here. */
function merge(a: readonly CollectorPath[], b: readonly CollectorPath[], limit: number): CollectorPath[] {
  const sorted = b.every((path, i) => i === 0 || compare(b[i - 1], path) <= 0) ? b : b.toSorted(compare);
  const merged: CollectorPath[] = [];
  for (let i = 0, j = 0; merged.length < limit && (i < a.length || j < sorted.length); ) {
    const first = j >= sorted.length || (i < a.length && compare(a[i], sorted[j]) <= 0);
    merged.push(first ? a[i++] : sorted[j++]);
  }
  return merged;
}
