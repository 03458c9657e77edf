/**
 * `GET /v1/stream` of a collector. Intervals that a reader has not received yet are kept only in the results store,
 * which is bounded.
 */

import type { FastifyInstance } from 'fastify';
import type { StoredInterval } from '../../collector/results/results.js';
import type { CollectorService } from '../../collector/service.js';
import type { AccessOptions } from '../server/access.js';
import type { EventStreams } from '../server/eventStreams.js';
import { StreamQuery } from '../server/schemas.js';
import { streamRoute } from '../shared/follow.js';
import { placeJson } from '../shared/results.js';

export function collectorStreamRoute(
  app: FastifyInstance,
  { results, config, clock }: CollectorService,
  streams: EventStreams,
  access: AccessOptions,
): void {
  const { name: collector, intervalMs } = config.collector;
  streamRoute<StoredInterval, StreamQuery>(
    app,
    {
      collector,
      firstAfter: (cursor) => results.firstAfter(cursor),
      subscribe: (listener) => results.subscribe(listener),
      newestCursor: () => results.newest.cursor,
      of: () => ({ collector, intervalMs }),
      place: (interval) => placeJson(interval, clock),
    },
    streams,
    access,
    WORDS,
  );
}

const WORDS = {
  summary: 'Finished intervals as server-sent events',
  description: `An event "interval" for each finished interval; its id is its cursor, its data {"collector", "intervalMs", "interval"} with an element of "intervals" of /v1/results.
An event "gap" with {"collector", "after", "oldest"} says that intervals after the cursor are no longer held; or that the cursor is unknown, for it is of an earlier process: then all that is held follows; "oldest" is the cursor of the next one that is sent.`,
  querystring: StreamQuery,
  server: 'collector',
} as const;
