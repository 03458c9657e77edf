/**
 * The common part of every HTTP interface: the server's limits, problem documents, headers, the limit of requests,
 * tokens, the log and the OpenAPI document. A service adds only its routes.
 */

import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyServerOptions,
  LogController,
} from 'fastify';
import { LlamaError } from '../../base/errors.js';
import { MS_PER_S } from '../../base/units.js';
import { type AccessOptions, accessHook, sectionOf } from './access.js';
import { refuseBrokenRequest, sendProblem, useProblemDocuments } from './errors.js';
import { readJsonBodies } from './jsonBody.js';
import { logRequests, requestId } from './log.js';
import { manualRoutes } from './manual.js';
import { watchRoutes } from './notFound.js';
import { type ApiDescription, documentApi, openApiRoute } from './openapi.js';
import { pageRoutes } from './page.js';
import type { TlsOptions } from './tls.js';
import type { ApiSection } from './tokens.js';

export interface BaseOptions extends AccessOptions {
  /** A pino logger; without one nothing is logged. */
  readonly logger?: FastifyBaseLogger;
  /** Most bytes of a request body; 16 MiB when not given: a group of some 100,000 targets. */
  readonly bodyLimitBytes?: number;
  /** Most requests a second of one client; no limit when not given, or 0. */
  readonly rateLimit?: number;
  /** HTTPS; plain HTTP when not given. */
  readonly tls?: TlsOptions;
}

const BODY_LIMIT_BYTES = 16 * 2 ** 20;
/** A client that takes longer to send its request is disconnected; the answer may take longer. */
const REQUEST_TIMEOUT_MS = 60_000;
/** A group name has 64 characters at most; each may be percent-encoded. */
const MAX_PARAM_LENGTH = 3 * 64;

/**
 * An app with everything but the routes, ready to listen or for injected requests. `about` describes it in its
 * documentation.
 */
export function baseApp(
  options: BaseOptions,
  about: ApiDescription,
  routes: (app: FastifyInstance) => void,
): FastifyInstance {
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
  // The schemas of answers are documentation, and tests check the answers against them; they must not drop a field
  // silently.
  app.setSerializerCompiler(() => JSON.stringify);
  app.removeContentTypeParser('text/plain');
  readJsonBodies(app);
  useProblemDocuments(app);
  logRequests(app);
  const refuse = watchRoutes(app);
  protect(app, options, refuse);
  documentApi(app, about, options.tokens);
  // Plugins see only the routes that come after them.
  app.after((error) => {
    if (error) throw error;
    routes(app);
    openApiRoute(app);
    pageRoutes(app);
    manualRoutes(app);
  });
  return app;
}

/** Whether a request is for the API's documentation. */
const isDocs = ({ url }: { readonly url?: string | undefined }): boolean =>
  url === '/docs' || url?.startsWith('/docs/') === true;

/** Hooks before every route, also for unknown paths: headers, then the limit, then access control, then `refuse`. */
function protect(app: FastifyInstance, options: BaseOptions, refuse: ReturnType<typeof watchRoutes>): void {
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
        imgSrc: ["'self'", (request) => (isDocs(request) ? 'data:' : "'self'")],
        objectSrc: ["'none'"],
        scriptSrc: ["'self'"],
        // Swagger UI styles its elements as it draws them.
        styleSrc: ["'self'", (request) => (isDocs(request) ? "'unsafe-inline'" : "'self'")],
        workerSrc: ["'self'"],
      },
    },
    // For browsers that do not know frame-ancestors.
    xFrameOptions: { action: 'deny' },
    // It would apply to every port of this host name, also to those with plain HTTP.
    strictTransportSecurity: false,
  });
  if (options.rateLimit) limitRate(app, options.rateLimit, sectionOf(options));
  app.after((error) => {
    if (error) throw error;
    app.addHook('onRequest', accessHook(options));
    // Before the body is read: it is not needed.
    app.addHook('onRequest', async (request, reply) => {
      if (request.is404) refuse(request, reply);
    });
  });
}

/** A service manager must see that the process lives, whatever the load. */
const EXEMPT = '/healthz';

/**
 * A hook that answers more than `perSecond` requests of one address (IPv6: one /64) with `LLAMA_RATE_LIMIT` (429) and
 * Retry-After, so that one reader cannot take the API from the others. Measuring does not depend on it: it has its own
 * threads.
 */
function limitRate(app: FastifyInstance, perSecond: number, section: ApiSection): void {
  // Not by the plugin's own hook: that one is per route, would come after the check of tokens, and so would not slow
  // down guessing.
  app.register(rateLimit, { global: false, max: perSecond, timeWindow: MS_PER_S });
  app.after((error) => {
    if (error) throw error;
    const check = app.createRateLimit();
    app.addHook('onRequest', async (request, reply) => {
      if (request.routeOptions.url === EXEMPT) return;
      const state = await check(request);
      if (state.isAllowed || !state.isExceeded) return;
      reply.header('retry-after', Math.max(1, state.ttlInSeconds));
      throw new LlamaError(
        'LLAMA_RATE_LIMIT',
        `found more than ${perSecond} requests in a second from ${request.ip}, expected fewer (${section}.rateLimit); wait as long as the header Retry-After says`,
      );
    });
  });
}
