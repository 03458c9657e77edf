/** `--status`: the reflector's counters over HTTP, read-only. */

import type { Server } from 'node:http';
import Fastify, { type FastifyInstance } from 'fastify';
import { LlamaError } from '../base/errors.js';
import { type Endpoint, formatEndpoint } from '../net/endpoint.js';
import { listenHttp } from '../net/listenHttp.js';
import { interfaceIndex, type LocalAddress, whyNotLocal } from '../net/localAddress.js';
import { listenerWarnings } from './listenerWatch.js';
import { reflectorMetrics } from './metrics.js';
import type { ReflectorStatus } from './reflector.js';

const INTERFACE_PERIOD_MS = 1_000;
const PROBLEM_JSON = 'application/problem+json';

/**
 * `GET /` and `/v1/status` (JSON), `/metrics` (Prometheus), `/healthz` (200 when every thread runs, otherwise 503),
 * `/readyz` (200 when it also listens on every address, otherwise 503 with the reasons).
 */
export function statusApp(status: () => ReflectorStatus): FastifyInstance {
  const app = Fastify({ logger: false, forceCloseConnections: true });
  const metrics = reflectorMetrics(status);
  app.get('/', status);
  app.get('/v1/status', status);
  app.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.metrics()));
  app.get('/healthz', (_request, reply) => {
    const healthy = status().workers.every(({ state }) => state === 'running');
    return reply
      .code(healthy ? 200 : 503)
      .type('text/plain')
      .send(healthy ? 'ok' : 'a thread is not running');
  });
  app.get('/readyz', (_request, reply) => {
    const { state, workers, listeners } = status();
    const reasons = [
      ...(state === 'running' ? [] : [`the reflector is ${state}`]),
      ...(workers.every((worker) => worker.state === 'running') ? [] : ['a thread is not running']),
      ...listenerWarnings(listeners),
    ];
    return reply
      .code(reasons.length === 0 ? 200 : 503)
      .type('text/plain')
      .send(reasons.length === 0 ? 'ready' : reasons.join('\n'));
  });
  app.setNotFoundHandler((request, reply) => {
    const {
      code,
      status: httpStatus,
      message,
    } = new LlamaError(
      'LLAMA_NOT_FOUND',
      `${request.url} is not here; there are /v1/status, /metrics, /healthz and /readyz`,
    );
    return reply.code(httpStatus).type(PROBLEM_JSON).send({
      type: 'about:blank',
      title: 'There is nothing at this address',
      status: httpStatus,
      code,
      detail: message,
    });
  });
  return app;
}

/**
 * Serves `statusApp` and returns its address. A server on a link-local address listens again when its interface was
 * recreated. Rejects with `LLAMA_ADDRESS_IN_USE` or `LLAMA_SYSTEM_CALL`.
 */
export async function serveStatus(
  endpoint: Endpoint,
  status: () => ReflectorStatus,
): Promise<{ readonly app: FastifyInstance; readonly endpoint: Endpoint }> {
  const app = statusApp(status);
  const { address: literal, zone } = endpoint;
  const host = zone === undefined ? literal : `${literal}%${zone}`;
  let watch: NodeJS.Timeout | undefined;
  app.addHook('onClose', async () => clearInterval(watch));
  try {
    await listenHttp(app, host, endpoint.port);
  } catch (error) {
    await app.close();
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    const text = `--status ${formatEndpoint(endpoint)}: listen: ${code}: end the program that holds the port (ss -ltnp shows it), or choose another`;
    throw code === 'EADDRINUSE'
      ? new LlamaError('LLAMA_ADDRESS_IN_USE', text, { cause: error })
      : new LlamaError('LLAMA_SYSTEM_CALL', `--status ${formatEndpoint(endpoint)}: listen: ${code}`, { cause: error });
  }
  const address = app.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : endpoint.port;
  if (zone !== undefined) watch = followInterface(app.server, endpoint, host, port);
  return { app, endpoint: { ...endpoint, port } };
}

/**
 * A server is bound to the index of its interface. A recreated interface has another index, and the server gets no
 * error.
 */
function followInterface(server: Server, local: LocalAddress, host: string, port: number): NodeJS.Timeout {
  let index = interfaceIndex(local);
  // After a failed attempt to listen, the next period tries again.
  server.on('error', () => {
    index = 0;
  });
  return setInterval(() => {
    const now = interfaceIndex(local);
    if (now === index || whyNotLocal(local) !== undefined) return;
    index = now;
    server.closeAllConnections();
    if (server.listening) server.close(() => server.listen({ host, port }));
    else server.listen({ host, port });
  }, INTERFACE_PERIOD_MS);
}
