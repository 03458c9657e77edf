/** The HTTP interface of a collector, ready to listen or to be injected into. It asks a `CollectorService`; it measures nothing itself. */

import helmet from '@fastify/helmet';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyServerOptions,
  LogController,
} from 'fastify';
import type { CollectorService } from '../collector/service.js';
import { type AccessOptions, accessHook } from './access.js';
import { refuseBrokenRequest, sendProblem, useProblemDocuments } from './errors.js';
import type { EventStreamOptions } from './eventStream.js';
import { EventStreams } from './eventStreams.js';
import { groupRoutes } from './groups.js';
import { healthRoutes } from './health.js';
import { readJsonBodies } from './jsonBody.js';
import { limitRate } from './limit.js';
import { llamaRoutes } from './llama.js';
import { logRequests, requestId } from './log.js';
import { metricsRoute } from './metrics/route.js';
import { watchRoutes } from './nowhere.js';
import { documentApi, openApiRoute } from './openapi.js';
import { pathsRoute } from './paths.js';
import { type Reload, reloadRoute } from './reload.js';
import { resultsRoute } from './results.js';
import { statusRoute } from './status.js';
import { streamRoute } from './stream.js';
import type { TlsOptions } from './tls.js';

export interface ApiOptions extends AccessOptions {
  /** A pino logger; without one nothing is logged. */
  readonly logger?: FastifyBaseLogger;
  /** Most bytes of a request body; 16 MiB when not given: a group of some 100,000 targets. */
  readonly bodyLimitBytes?: number;
  /** Reads the config file again; without it there is no `POST /v1/reload`. */
  readonly reload?: Reload;
  /** Most bytes of rows in an answer with results; see `PAGE_BYTES`. */
  readonly pageBytes?: number;
  /** How readers of `/v1/stream` are kept and given up, for tests. */
  readonly streams?: EventStreamOptions;
  /** Most requests a second of one client; no limit when not given, or 0. */
  readonly rateLimit?: number;
  /** HTTPS; plain HTTP when not given. */
  readonly tls?: TlsOptions;
}

const BODY_LIMIT_BYTES = 16 * 2 ** 20;
/** A client that takes longer to send its request is not one; the answer may take as long as it likes. */
const REQUEST_TIMEOUT_MS = 60_000;
/** A group name has 64 characters at most; each may be percent-encoded. */
const MAX_PARAM_LENGTH = 3 * 64;

export function buildApi(service: CollectorService, options: ApiOptions = {}): FastifyInstance {
  const app = Fastify({
    ...(options.logger === undefined ? {} : { loggerInstance: options.logger }),
    ...(options.tls === undefined ? {} : { https: options.tls }),
    bodyLimit: options.bodyLimitBytes ?? BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: requestId,
    // A reader that stalls in the middle of an answer must not keep the process from ending.
    forceCloseConnections: true,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    ajv: { customOptions: { allErrors: true, removeAdditional: false, useDefaults: true, coerceTypes: true } },
    frameworkErrors: (error, request, reply) => sendProblem(error, request, reply),
    clientErrorHandler: refuseBrokenRequest,
  } as FastifyServerOptions) as FastifyInstance;
  // The schemas of answers are documentation, held against the answers by tests; they must not drop a field in silence.
  app.setSerializerCompiler(() => JSON.stringify);
  app.removeContentTypeParser('text/plain');
  readJsonBodies(app);
  useProblemDocuments(app);
  logRequests(app);
  const refuse = watchRoutes(app);
  protect(app, options, refuse);
  documentApi(app, options.tokens);
  // Plugins see only the routes that come after them.
  app.after((error) => {
    if (error) throw error;
    routes(app, service, options);
  });
  return app;
}

function routes(app: FastifyInstance, service: CollectorService, options: ApiOptions): void {
  const streams = new EventStreams(app, service.config.api.maxStreams, 'api.maxStreams', options.streams);
  statusRoute(app, service);
  resultsRoute(app, service, options.pageBytes);
  streamRoute(app, service, streams, options);
  pathsRoute(app, service);
  groupRoutes(app, service);
  if (options.reload !== undefined) reloadRoute(app, options.reload);
  healthRoutes(app, service);
  metricsRoute(app, service, streams);
  llamaRoutes(app, service);
  openApiRoute(app);
}

/** What stands before every route, also before those that do not exist: headers, then the limit, then who may do what, then `refuse`. */
function protect(app: FastifyInstance, options: ApiOptions, refuse: ReturnType<typeof watchRoutes>): void {
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('cache-control', 'no-store');
  });
  app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        baseUri: ["'self'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
        imgSrc: ["'self'", 'data:'],
        objectSrc: ["'none'"],
        scriptSrc: ["'self'"],
        // Swagger UI styles its elements as it draws them.
        styleSrc: ["'self'", "'unsafe-inline'"],
      },
    },
    // For browsers that do not know frame-ancestors.
    xFrameOptions: { action: 'deny' },
    // It would hold for every port of this host name, also for those that speak plain HTTP.
    strictTransportSecurity: false,
  });
  if (options.rateLimit) limitRate(app, options.rateLimit);
  app.after((error) => {
    if (error) throw error;
    app.addHook('onRequest', accessHook(options));
    // Before a body is read, which nobody would want.
    app.addHook('onRequest', async (request, reply) => {
      if (request.is404) refuse(request, reply);
    });
  });
}
