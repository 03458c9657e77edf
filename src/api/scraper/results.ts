/**
 * `GET /v1/results` and `/v1/stream` of a scraper: the intervals of all collectors in the order in which they came, by
 * a cursor that loses none.
 */

import type { FastifyInstance } from 'fastify';
import type { RecentResults } from '../../scraper/recent/recent.js';
import type { RecentInterval } from '../../scraper/recent/recentRows.js';
import type { AccessOptions } from '../server/access.js';
import type { EventStreams } from '../server/eventStreams.js';
import { rowFilter } from '../shared/filter.js';
import { streamRoute } from '../shared/follow.js';
import { PAGE_BYTES, pageBody } from '../shared/results.js';
import { AllResultsQuery, AllResultsSchema, AllStreamQuery } from './resultSchemas.js';

/** Registers the route. `pageBytes` is the size of an answer before filters, for tests. */
export function allResultsRoute(app: FastifyInstance, recent: RecentResults, pageBytes = PAGE_BYTES): void {
  const schema = {
    operationId: 'getResults',
    summary: 'Finished intervals of all collectors after a cursor',
    tags: ['results'],
    querystring: AllResultsQuery,
    response: { 200: AllResultsSchema },
  };
  app.get<{ Querystring: AllResultsQuery }>('/v1/results', { schema }, (request, reply) => {
    const { after = 0, limit = Number.MAX_SAFE_INTEGER, histograms, collector } = request.query;
    const held = recent.after(after);
    const { page, next } = fitting(held.intervals, collector, limit, pageBytes, histograms === '1');
    // Everything up to the end was examined, including intervals of other collectors.
    const head = {
      collector: null,
      intervalMs: null,
      next: next ?? (held.gap ? recent.end : Math.max(after, held.intervals.at(-1)?.cursor ?? 0)),
      oldest: recent.oldest,
      gap: held.gap,
    };
    return reply
      .type('application/json; charset=utf-8')
      .send(
        pageBody(head, page, rowFilter(request.query), histograms === '1', (interval) => placeOf(interval, recent)),
      );
  });
}

/** Whole intervals up to `pageBytes`, at least one; `next`: the cursor to continue from, undefined at the end. */
function fitting(
  intervals: readonly RecentInterval[],
  collector: string | undefined,
  limit: number,
  pageBytes: number,
  withHistograms: boolean,
): { readonly page: readonly RecentInterval[]; readonly next: number | undefined } {
  const page: RecentInterval[] = [];
  let bytes = 0;
  for (const interval of intervals) {
    if (collector !== undefined && interval.collector !== collector) continue;
    const { rows, histograms } = interval.report;
    bytes += rows.byteLength + (withHistograms ? histograms.byteLength : 0);
    if (page.length === limit || (page.length > 0 && bytes > pageBytes)) return { page, next: page.at(-1)?.cursor };
    page.push(interval);
  }
  return { page, next: undefined };
}

function placeOf(interval: RecentInterval, recent: RecentResults): string {
  const { collector, intervalMs, cursor, report } = interval;
  const { clockEpoch } = report;
  const clockAheadMs = recent.clockAheadMs(interval);
  return `${JSON.stringify({ collector, intervalMs, cursor, clockEpoch, clockAheadMs }).slice(1, -1)},`;
}

export function allStreamRoute(
  app: FastifyInstance,
  recent: RecentResults,
  streams: EventStreams,
  access: AccessOptions,
): void {
  streamRoute<RecentInterval, AllStreamQuery>(
    app,
    {
      collector: null,
      firstAfter(cursor, { collector }) {
        const { intervals, gap } = recent.after(cursor);
        const interval = intervals.find((one) => collector === undefined || one.collector === collector);
        return { interval, gap, seen: intervals.at(-1)?.cursor ?? cursor };
      },
      subscribe: (listener) => recent.subscribe(listener),
      newestCursor: () => recent.end,
      of: ({ collector, intervalMs }) => ({ collector, intervalMs }),
      place: (interval) => placeOf(interval, recent),
    },
    streams,
    access,
    STREAM_WORDS,
  );
}

const STREAM_WORDS = {
  summary: 'Intervals of all collectors as server-sent events, as they come',
  description: `An event "interval" for each interval; its id is its cursor, its data {"collector", "intervalMs", "interval"} with an element of "intervals" of /v1/results.
An event "gap" with {"collector", "after", "oldest"} says that intervals after the cursor are no longer held, or that the cursor is of an earlier process; "oldest" is the cursor of the next one that is sent.`,
  querystring: AllStreamQuery,
  server: 'scraper',
} as const;
