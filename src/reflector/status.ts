/** `--status`: the reflector's counters over HTTP. Read-only: nothing here changes anything. */

import Fastify, { type FastifyInstance } from 'fastify';
import { LlamaError } from '../errors.js';
import { type Endpoint, formatEndpoint } from '../net/endpoint.js';
import { reflectorMetrics } from './metrics.js';
import type { ReflectorStatus } from './reflector.js';

const PROBLEM_JSON = 'application/problem+json';

/** `GET /` and `/v1/status` (JSON), `/metrics` (Prometheus), `/healthz` (200 when every thread runs, else 503). */
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
  app.setNotFoundHandler((request, reply) => {
    const {
      code,
      status: httpStatus,
      message,
    } = new LlamaError('LLAMA_NOT_FOUND', `${request.url} is not here; there are /v1/status, /metrics and /healthz`);
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

/** Serves `statusApp`; the result says where. Rejects with `LLAMA_ADDRESS_IN_USE` or `LLAMA_SYSTEM_CALL`. */
export async function serveStatus(
  endpoint: Endpoint,
  status: () => ReflectorStatus,
): Promise<{ readonly app: FastifyInstance; readonly endpoint: Endpoint }> {
  const app = statusApp(status);
  try {
    const { address, zone, port } = endpoint;
    await app.listen({ host: zone === undefined ? address : `${address}%${zone}`, port });
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
  return { app, endpoint: { ...endpoint, port } };
}
