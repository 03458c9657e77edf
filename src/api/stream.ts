/**
 * `GET /v1/stream`: every finished interval as a server-sent event, as soon as it is finished. What a reader has yet to get lies in the
 * results store alone, which is bounded: a reader who falls behind by more than that is told of the gap and goes on with what is held.
 */

import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { Breather } from '../base/yielding.js';
import type { ResultsStore, StoredInterval } from '../collector/results.js';
import type { CollectorService } from '../collector/service.js';
import { LlamaError } from '../errors.js';
import { type AccessOptions, mayStillRead } from './access.js';
import { EVENT_STREAM_TYPE } from './eventStream.js';
import type { EventStreams } from './eventStreams.js';
import { type RowFilter, rowFilter } from './filter.js';
import { type Followed, follow, type Reader } from './follow.js';
import { intervalBody, placeJson } from './results.js';
import { StreamHeaders, StreamQuery } from './schemas.js';

/** Before every interval, but not 0, which asks for all that is held and so misses nothing. */
const BEGINNING = 1;

type Request = FastifyRequest<{ Querystring: StreamQuery; Headers: StreamHeaders }>;

export function streamRoute(
  app: FastifyInstance,
  service: CollectorService,
  streams: EventStreams,
  access: AccessOptions,
): void {
  app.get<{ Querystring: StreamQuery; Headers: StreamHeaders }>('/v1/stream', { schema: SCHEMA }, (request, reply) => {
    const cursor = cursorOf(request, service.results);
    // Before anything is sent: a filter that nothing can fit is an error.
    const filter = rowFilter(request.query);
    // Fastify answers HEAD by the same handler, and would read the body to its end, which does not come.
    if (request.method === 'HEAD') return reply.type(EVENT_STREAM_TYPE).send();
    const stream = streams.begin(reply);
    const reader: Reader = {
      stream,
      cursor,
      limit: request.query.limit,
      allowed: () => mayStillRead(access, request),
      missed: () => {
        streams.gaps += 1;
      },
    };
    follow(reader, followed(service, request.query, filter)).catch((error) =>
      request.log.error({ client: request.ip, path: '/v1/stream', err: error }, 'a stream failed'),
    );
    return reply.send(stream.body);
  });
}

/** Where the reader was: `Last-Event-ID` is newer than the query, which a browser repeats as it was when it comes back. */
function cursorOf({ headers, query }: Request, results: ResultsStore): number {
  const id = headers['last-event-id'];
  if (id !== undefined && id !== '') {
    if (/^\d{1,15}$/.test(id)) return Number(id);
    const message = `found ${JSON.stringify(id.slice(0, 100))} in the header Last-Event-ID, expected the id of an event of this stream: a cursor`;
    throw new LlamaError('LLAMA_REQUEST_INVALID', message, {
      problems: [{ path: '/headers/last-event-id', message }],
    });
  }
  return query.after ?? (results.newestCursor || BEGINNING);
}

/** A collector's own intervals. */
function followed(
  { results, config, clock }: CollectorService,
  query: StreamQuery,
  filter: RowFilter | undefined,
): Followed<StoredInterval> {
  const { name, intervalMs } = config.collector;
  const head = Buffer.from(`{"collector":${JSON.stringify(name)},"intervalMs":${intervalMs},"interval":`);
  const breather = new Breather();
  return {
    firstAfter: (cursor) => results.firstAfter(cursor),
    subscribe: (listener) => results.subscribe(listener),
    cursorOf: ({ cursor }) => cursor,
    gap: (after, { cursor }) => JSON.stringify({ collector: name, after, oldest: cursor }),
    async *data(interval) {
      yield head;
      const withHistograms = query.histograms === '1';
      const place = placeJson(interval, clock);
      yield* intervalBody(interval, filter, withHistograms, breather, place, query.results !== '0');
      yield Buffer.from('}');
    },
  };
}

const SCHEMA = {
  operationId: 'getStream',
  summary: 'Finished intervals as server-sent events',
  description: `An event "interval" for each finished interval; its id is its cursor, its data {"collector", "intervalMs", "interval"} with an element of "intervals" of /v1/results.
An event "gap" with {"collector", "after", "oldest"} says that intervals after the cursor are no longer held; or that the cursor is unknown (one of an earlier process, from before the clock was set back); "oldest" is the cursor of the next one that is sent.`,
  tags: ['results'],
  querystring: StreamQuery,
  headers: StreamHeaders,
  problems: ['LLAMA_STREAMS_FULL'] as const,
  response: {
    200: {
      description: 'events, until the reader or the collector ends',
      content: {
        [EVENT_STREAM_TYPE]: { schema: Type.String({ description: 'events as the HTML standard has them' }) },
      },
    },
  },
};
