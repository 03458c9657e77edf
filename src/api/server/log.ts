/** Logs one line for each requested change, and for each failure of ours. Reading requests are not logged. */

import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { onlyReads } from './access.js';
import { pathOf, problemOf } from './errors.js';

/** Characters that are safe in a log and in a URN: no spaces, no line ends, no quotes. */
const SANE_ID = /^[A-Za-z0-9._:-]{1,64}$/;
const ID_HEADER = 'x-request-id';
/** They answer 503 by design, and are requested every few seconds. */
const HEALTH = new Set(['/healthz', '/readyz']);

/** The caller's own id when it is sane, so that it can be followed from program to program; else a new one. */
export function requestId(request: Pick<IncomingMessage, 'headers'>): string {
  const given = request.headers[ID_HEADER];
  return typeof given === 'string' && SANE_ID.test(given) ? given : randomUUID();
}

export function logRequests(app: FastifyInstance): void {
  app.addHook('onRequest', async (request, reply) => {
    reply.header(ID_HEADER, request.id);
  });
  app.addHook('onResponse', async (request, reply) => {
    const problem = problemOf(request);
    const failed = reply.statusCode >= 500 && !HEALTH.has(request.routeOptions.url ?? '');
    // An internal error was logged with its stack when it happened. A client over a limit must not fill the disk
    // instead.
    if (problem === 'LLAMA_INTERNAL' || problem === 'LLAMA_RATE_LIMIT' || problem === 'LLAMA_STREAMS_FULL') return;
    if (!failed && onlyReads(request.method)) return;
    const line = {
      client: request.ip,
      method: request.method,
      path: pathOf(request),
      status: reply.statusCode,
      ...(problem === undefined ? {} : { code: problem }),
      ms: Math.round(reply.elapsedTime),
    };
    if (failed) request.log.error(line, 'request failed');
    else request.log.info(line, problem === undefined ? 'changed' : 'change refused');
  });
}
