/** `GET /v1/results` and `/v1/stream` of a scraper: the intervals of all collectors in the order in which they came, by a cursor that loses none. */

import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { Breather } from '../../base/yielding.js';
import { LlamaError } from '../../errors.js';
import type { RecentResults } from '../../scraper/recent.js';
import type { RecentInterval } from '../../scraper/recentRows.js';
import { type AccessOptions, mayStillRead } from '../access.js';
import { bodyOf } from '../bodies.js';
import { EVENT_STREAM_TYPE } from '../eventStream.js';
import type { EventStreams } from '../eventStreams.js';
import { type RowFilter, rowFilter } from '../filter.js';
import { type Followed, follow } from '../follow.js';
import { intervalBody, PAGE_BYTES } from '../results.js';
import { StreamHeaders } from '../schemas.js';
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
    // Everything up to the end was looked at, also what another collector sent.
    const head = {
      collector: null,
      intervalMs: null,
      next: next ?? (held.gap ? recent.end : Math.max(after, held.intervals.at(-1)?.cursor ?? 0)),
      oldest: recent.oldest,
      gap: held.gap,
    };
    return reply
      .type('application/json; charset=utf-8')
      .send(bodyOf(pageBody(head, page, rowFilter(request.query), histograms === '1', recent)));
  });
}

/** Whole intervals up to `pageBytes`, at least one; `next`: where to go on, undefined when that is the end. */
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

async function* pageBody(
  head: object,
  intervals: readonly RecentInterval[],
  filter: RowFilter | undefined,
  withHistograms: boolean,
  recent: RecentResults,
): AsyncGenerator<Buffer> {
  const breather = new Breather();
  yield Buffer.from(`${JSON.stringify(head).slice(0, -1)},"intervals":[`);
  for (const [index, interval] of intervals.entries()) {
    if (index > 0) yield Buffer.from(',');
    yield* intervalBody(interval, filter, withHistograms, breather, headOf(interval, recent));
    await breather.breathe();
  }
  yield Buffer.from(']}');
}

function headOf(interval: RecentInterval, recent: RecentResults): string {
  const { collector, intervalMs, cursor, report } = interval;
  const { clockEpoch } = report;
  const clockAheadMs = recent.clockAheadMs(interval);
  return `${JSON.stringify({ collector, intervalMs, cursor, clockEpoch, clockAheadMs }).slice(1, -1)},`;
}

type StreamRequest = FastifyRequest<{ Querystring: AllStreamQuery; Headers: StreamHeaders }>;

export function allStreamRoute(
  app: FastifyInstance,
  recent: RecentResults,
  streams: EventStreams,
  access: AccessOptions,
): void {
  app.get<{ Querystring: AllStreamQuery; Headers: StreamHeaders }>(
    '/v1/stream',
    { schema: STREAM_SCHEMA },
    (request, reply) => {
      const cursor = cursorOf(request, recent);
      // Fastify answers HEAD by the same handler, and would read the body to its end, which does not come.
      if (request.method === 'HEAD') return reply.type(EVENT_STREAM_TYPE).send();
      const stream = streams.begin(reply);
      const reader = {
        stream,
        cursor,
        limit: request.query.limit,
        allowed: () => mayStillRead(access, request),
        missed: () => {
          streams.gaps += 1;
        },
      };
      follow(reader, followed(recent, request.query)).catch((error) =>
        request.log.error({ client: request.ip, path: '/v1/stream', err: error }, 'a stream failed'),
      );
      return reply.send(stream.body);
    },
  );
}

/** Where the reader was: `Last-Event-ID` is newer than the query, which a browser repeats as it was when it comes back. */
function cursorOf({ headers, query }: StreamRequest, recent: RecentResults): number {
  const id = headers['last-event-id'];
  if (id === undefined || id === '') return query.after ?? recent.end;
  if (/^\d{1,15}$/.test(id)) return Number(id);
  const message = `found ${JSON.stringify(id.slice(0, 100))} in the header Last-Event-ID, expected the id of an event of this stream: its cursor`;
  throw new LlamaError('LLAMA_REQUEST_INVALID', message, { problems: [{ path: '/headers/last-event-id', message }] });
}

function followed(recent: RecentResults, query: AllStreamQuery): Followed<RecentInterval> {
  const filter = rowFilter(query);
  const breather = new Breather();
  return {
    firstAfter(cursor) {
      const { intervals, gap } = recent.after(cursor);
      const { collector } = query;
      const interval = intervals.find((one) => collector === undefined || one.collector === collector);
      return { interval, gap, seen: intervals.at(-1)?.cursor ?? cursor };
    },
    subscribe: (listener) => recent.subscribe(listener),
    cursorOf: ({ cursor }) => cursor,
    gap: (after, next) => JSON.stringify({ collector: null, after, oldest: next.cursor }),
    async *data(interval) {
      const { collector, intervalMs } = interval;
      yield Buffer.from(`${JSON.stringify({ collector, intervalMs }).slice(0, -1)},"interval":`);
      yield* intervalBody(
        interval,
        filter,
        query.histograms === '1',
        breather,
        headOf(interval, recent),
        query.results !== '0',
      );
      yield Buffer.from('}');
    },
  };
}

const STREAM_SCHEMA = {
  operationId: 'getStream',
  summary: 'Intervals of all collectors as server-sent events, as they come',
  description: `An event "interval" for each interval; its id is its cursor, its data {"collector", "intervalMs", "interval"} with an element of "intervals" of /v1/results.
An event "gap" with {"collector", "after", "oldest"} says that intervals after the cursor are no longer held; "oldest" is the cursor of the next one that is sent.`,
  tags: ['results'],
  querystring: AllStreamQuery,
  headers: StreamHeaders,
  problems: ['LLAMA_STREAMS_FULL'] as const,
  response: {
    200: {
      description: 'events, until the reader or the scraper ends',
      content: {
        [EVENT_STREAM_TYPE]: { schema: Type.String({ description: 'events as the HTML standard has them' }) },
      },
    },
  },
};
