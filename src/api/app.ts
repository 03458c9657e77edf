/** The HTTP interface of a collector, ready to listen or to be injected into. It asks a `CollectorService`; it measures nothing itself. */

import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import type { CollectorService } from '../collector/service.js';
import { refuseBrokenRequest, sendProblem, useProblemDocuments } from './errors.js';
import { groupRoutes } from './groups.js';
import { healthRoutes } from './health.js';
import { pathsRoute } from './paths.js';
import { type Reload, reloadRoute } from './reload.js';
import { resultsRoute } from './results.js';
import { statusRoute } from './status.js';

export interface ApiOptions {
  /** A pino logger; without one nothing is logged. */
  readonly logger?: FastifyBaseLogger;
  /** Most bytes of a request body; 16 MiB when not given: a group of some 100,000 targets. */
  readonly bodyLimitBytes?: number;
  /** Reads the config file again; without it there is no `POST /v1/reload`. */
  readonly reload?: Reload;
  /** Most bytes of rows in an answer with results; see `PAGE_BYTES`. */
  readonly pageBytes?: number;
}

const BODY_LIMIT_BYTES = 16 * 2 ** 20;
/** A group name has 64 characters at most; each may be percent-encoded. */
const MAX_PARAM_LENGTH = 3 * 64;

export function buildApi(service: CollectorService, options: ApiOptions = {}): FastifyInstance {
  const app = Fastify({
    ...(options.logger === undefined ? {} : { loggerInstance: options.logger }),
    bodyLimit: options.bodyLimitBytes ?? BODY_LIMIT_BYTES,
    logController: new LogController({ disableRequestLogging: true }),
    // A reader that stalls in the middle of an answer must not keep the process from ending.
    forceCloseConnections: true,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    ajv: { customOptions: { allErrors: true, removeAdditional: false, useDefaults: true, coerceTypes: true } },
    frameworkErrors: (error, request, reply) => sendProblem(error, request, reply),
    clientErrorHandler: refuseBrokenRequest,
  });
  app.removeContentTypeParser('text/plain');
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff');
  });
  useProblemDocuments(app);
  statusRoute(app, service);
  resultsRoute(app, service, options.pageBytes);
  pathsRoute(app, service);
  groupRoutes(app, service);
  if (options.reload !== undefined) reloadRoute(app, options.reload);
  healthRoutes(app, service);
  return app;
}
