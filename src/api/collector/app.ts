/**
 * The HTTP interface of a collector, ready to listen or for injected requests. It calls a `CollectorService` and
 * measures nothing itself.
 */

import type { FastifyInstance } from 'fastify';
import type { CollectorService } from '../../collector/service.js';
import type { EventStreamOptions } from '../server/eventStream.js';
import { EventStreams } from '../server/eventStreams.js';
import type { ApiDescription } from '../server/openapi.js';
import { NoQuery, StatusSchema } from '../server/schemas.js';
import { type BaseOptions, baseApp } from '../server/server.js';
import { collectorHealth, healthRoutes } from '../shared/health.js';
import { historyRoute } from '../shared/history.js';
import { matrixRoute } from '../shared/matrix.js';
import { type Reload, reloadRoute } from '../shared/reload.js';
import { resultsRoute } from '../shared/results.js';
import { llamaRoutes } from './dropbox.js';
import { groupRoutes } from './groups.js';
import { metricsRoute } from './metrics/route.js';
import { pathsRoute } from './paths.js';
import { renewRoute } from './renew.js';
import { collectorStreamRoute } from './stream.js';

export interface ApiOptions extends BaseOptions {
  /** Reads the config file again; without it there is no `POST /v1/reload`. */
  readonly reload?: Reload;
  /** Most bytes of rows in an answer with results; see `PAGE_BYTES`. */
  readonly pageBytes?: number;
  /** Timing of readers of `/v1/stream`, for tests. */
  readonly streams?: EventStreamOptions;
}

const ABOUT: ApiDescription = {
  title: 'LLAMA collector',
  description: `Loss and latency of a network, as this collector measures them.

Times are ISO 8601 in UTC, or epoch milliseconds where the name ends in Ms; latencies are microseconds. Errors are problem documents
(RFC 9457) with a stable code. Changes need the token of api.tokenFile. Without that option, only the collector's own host may change anything, unless api.writes is token.`,
  tags: [
    { name: 'results', description: 'Results of the measurement' },
    { name: 'groups', description: 'Groups of targets' },
    { name: 'service', description: 'State of the collector' },
  ],
  section: 'api',
};

export function buildApi(service: CollectorService, options: ApiOptions = {}): FastifyInstance {
  return baseApp(options, ABOUT, (app) => {
    const streams = new EventStreams(app, service.config.api.maxStreams, 'api.maxStreams', options.streams);
    statusRoute(app, service);
    resultsRoute(app, service, options.pageBytes);
    collectorStreamRoute(app, service, streams, options);
    pathsRoute(app, service);
    matrixRoute(app, service.history);
    historyRoute(app, service.history);
    groupRoutes(app, service);
    renewRoute(app, service);
    if (options.reload !== undefined) reloadRoute(app, options.reload);
    healthRoutes(app, collectorHealth(service));
    metricsRoute(app, service, streams);
    llamaRoutes(app, service);
  });
}

/** `GET /v1/status`: what the collector is doing, and every counter, per worker and in sum. */
function statusRoute(app: FastifyInstance, service: CollectorService): void {
  app.get(
    '/v1/status',
    {
      schema: {
        operationId: 'getStatus',
        summary: 'Threads, counters and warnings',
        tags: ['service'],
        querystring: NoQuery,
        response: { 200: StatusSchema },
        problems: ['LLAMA_NOT_READY'],
      },
    },
    () => service.status(),
  );
}
