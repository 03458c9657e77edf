/** `GET /v1/status`: what the collector is doing, and every counter, per worker and in sum. */

import type { FastifyInstance } from 'fastify';
import type { CollectorService } from '../../collector/service.js';
import { NoQuery, StatusSchema } from '../server/schemas.js';

export function statusRoute(app: FastifyInstance, service: CollectorService): void {
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
