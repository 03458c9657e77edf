/**
 * `GET /v1/stream` of a collector or scraper: every finished interval as a server-sent event, at the reader's pace. The
 * next interval is looked up when there is capacity for it, not before. A reader that falls too far behind is told of
 * the gap, and continues with the oldest interval in memory.
 */

import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type TObject, Type } from 'typebox';
import { LlamaError } from '../../base/errors.js';
import { Breather } from '../../base/yielding.js';
import { type AccessOptions, mayStillRead } from '../server/access.js';
import { EVENT_STREAM_TYPE, type EventStream } from '../server/eventStream.js';
import type { EventStreams } from '../server/eventStreams.js';
import { StreamHeaders, type StreamQuery } from '../server/schemas.js';
import { rowFilter } from './filter.js';
import { intervalBody, type WrittenInterval } from './results.js';

/** An interval with its cursor. */
type Placed = WrittenInterval & { readonly cursor: number };

interface Found<Interval> {
  readonly interval: Interval | undefined;
  /** An interval between the cursor and this one was dropped. */
  readonly gap: boolean;
  /** The cursor to continue from when no interval in between matches this reader's query. */
  readonly seen?: number;
}

/** A source of intervals, with a cursor over them. */
interface StreamSource<Interval extends Placed, Query extends StreamQuery> {
  /** The first interval after a cursor that the query asks for. */
  firstAfter(cursor: number, query: Query): Found<Interval>;
  /** Calls `listener` when there is something new; the result ends that. */
  subscribe(listener: () => void): () => void;
  /** The cursor of a reader that gives none. */
  newestCursor(): number;
  /** The identity at the beginning of an interval's event. */
  of(interval: Interval): { readonly collector: string; readonly intervalMs: number };
  /** The fields that an interval begins with, and a comma. */
  place(interval: Interval): string;
  /** The collector of every interval; null when each has its own. */
  readonly collector: string | null;
}

interface StreamWords {
  readonly summary: string;
  readonly description: string;
  readonly querystring: TObject;
  /** The server, which may end the stream besides the reader. */
  readonly server: 'collector' | 'scraper';
}

export function streamRoute<Interval extends Placed, Query extends StreamQuery>(
  app: FastifyInstance,
  source: StreamSource<Interval, Query>,
  streams: EventStreams,
  access: AccessOptions,
  words: StreamWords,
): void {
  type Route = { Querystring: Query; Headers: StreamHeaders };
  app.get<Route>('/v1/stream', { schema: schemaOf(words) }, (request, reply) => {
    const query = request.query as Query;
    const cursor = lastEventId(request.headers as StreamHeaders) ?? query.after ?? source.newestCursor();
    // Before anything is sent: a filter that can never match is an error.
    const data = eventData(source, query);
    // Fastify answers HEAD by the same handler, and would read the body to its end, which does not come.
    if (request.method === 'HEAD') return reply.type(EVENT_STREAM_TYPE).send();
    const stream = streams.begin(reply);
    const reader: Reader<Interval> = {
      stream,
      cursor,
      limit: query.limit,
      firstAfter: (after) => source.firstAfter(after, query),
      data,
      allowed: () => mayStillRead(access, request as FastifyRequest),
      missed: () => {
        streams.gaps += 1;
      },
    };
    follow(reader, source).catch((error) =>
      request.log.error({ client: request.ip, path: '/v1/stream', err: error }, 'a stream failed'),
    );
    return reply.send(stream.body);
  });
}

/** `Last-Event-ID` is newer than the query, which a browser repeats as it was when it comes back. */
function lastEventId(headers: StreamHeaders): number | undefined {
  const id = headers['last-event-id'];
  if (id === undefined || id === '') return undefined;
  if (/^\d{1,16}$/.test(id)) return Number(id);
  const message = `found ${JSON.stringify(id.slice(0, 100))} in the header Last-Event-ID, expected the id of an event of this stream: its cursor`;
  throw new LlamaError('LLAMA_REQUEST_INVALID', message, { problems: [{ path: '/headers/last-event-id', message }] });
}

/** The data of an event. @throws LlamaError as `rowFilter` */
function eventData<Interval extends Placed, Query extends StreamQuery>(
  source: StreamSource<Interval, Query>,
  query: Query,
): (interval: Interval) => AsyncGenerator<Buffer> {
  const filter = rowFilter(query);
  const [withHistograms, withRows] = [query.histograms === '1', query.results !== '0'];
  const breather = new Breather();
  return async function* data(interval) {
    yield Buffer.from(`${JSON.stringify(source.of(interval)).slice(0, -1)},"interval":`);
    yield* intervalBody(interval, filter, withHistograms, breather, source.place(interval), withRows);
    yield Buffer.from('}');
  };
}

interface Reader<Interval> {
  readonly stream: EventStream;
  /** Cursor of the last interval that it has. */
  readonly cursor: number;
  /** Most intervals. */
  readonly limit: number | undefined;
  readonly firstAfter: (cursor: number) => Found<Interval>;
  readonly data: (interval: Interval) => AsyncGenerator<Buffer>;
  /** Whether it may have another interval. */
  readonly allowed: () => boolean;
  /** Called with every gap that the reader is told of. */
  readonly missed: () => void;
}

/** Resolves when the stream is over. */
async function follow<Interval extends Placed>(
  reader: Reader<Interval>,
  { collector, subscribe }: Pick<StreamSource<Interval, StreamQuery>, 'collector' | 'subscribe'>,
): Promise<void> {
  const { stream } = reader;
  let wake = (): void => {};
  const unsubscribe = subscribe(() => wake());
  void stream.closed.then(() => wake());
  try {
    let { cursor } = reader;
    let left = reader.limit ?? Number.POSITIVE_INFINITY;
    while (stream.open && left > 0) {
      const { interval, gap, seen } = reader.firstAfter(cursor);
      if (interval === undefined) {
        if (!gap) cursor = seen ?? cursor;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      if (!reader.allowed()) break;
      if (gap) {
        reader.missed();
        const data = JSON.stringify({ collector, after: cursor, oldest: interval.cursor });
        await stream.send({ event: 'gap', data });
      }
      await stream.send({ event: 'interval', id: interval.cursor, data: reader.data(interval) });
      cursor = interval.cursor;
      left -= 1;
    }
  } finally {
    unsubscribe();
    stream.end();
  }
}

function schemaOf({ summary, description, querystring, server }: StreamWords) {
  return {
    operationId: 'getStream',
    summary,
    description,
    tags: ['results'],
    querystring,
    headers: StreamHeaders,
    problems: ['LLAMA_STREAMS_FULL'] as const,
    response: {
      200: {
        description: `events, until the reader or the ${server} ends`,
        content: {
          [EVENT_STREAM_TYPE]: { schema: Type.String({ description: 'events as the HTML standard has them' }) },
        },
      },
    },
  };
}
