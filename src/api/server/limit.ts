/** Most requests a second per client, so that one reader cannot take the API from the others. Measuring does not depend on it: it has its own threads. */

import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance } from 'fastify';
import { LlamaError } from '../../base/errors.js';
import { MS_PER_S } from '../../base/units.js';
import type { ApiSection } from './access.js';

/** A service manager must learn that the process lives, whoever else asks. */
const EXEMPT = '/healthz';

/** A hook that answers more than `perSecond` requests of one address (IPv6: one /64) with `LLAMA_RATE_LIMIT` (429) and Retry-After. */
export function limitRate(app: FastifyInstance, perSecond: number, section: ApiSection): void {
  // Not by the plugin's own hook: that one is per route, would come after the check of tokens, and so would not slow down guessing.
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
