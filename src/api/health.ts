/** `GET /healthz`: is anything broken? `GET /readyz`: are there results? For service managers and load balancers. */

import type { FastifyInstance } from 'fastify';
import type { CollectorService, ThreadStatus } from '../collector/service.js';
import { HealthSchema } from './schemas.js';

const health = (operationId: string, summary: string) => ({
  operationId,
  summary,
  tags: ['service'],
  response: { 200: HealthSchema, 503: { ...HealthSchema, description: 'no; the reasons say why' } },
});

export function healthRoutes(app: FastifyInstance, service: CollectorService): void {
  app.get('/healthz', { schema: health('getHealth', 'Does every thread run?') }, (_request, reply) => {
    const { workers, aggregator } = service.status();
    const reasons = [...workers, aggregator].filter(({ state }) => state !== 'running').map(reason);
    return reasons.length === 0 ? { status: 'ok' } : reply.code(503).send({ status: 'failing', reasons });
  });

  app.get('/readyz', { schema: health('getReadiness', 'Is an interval finished?') }, (_request, reply) =>
    service.results.latest === undefined
      ? reply.code(503).send({ status: 'not ready', reasons: ['no interval is finished yet'] })
      : { status: 'ready' },
  );
}

function reason({ thread, state, lastError }: ThreadStatus): string {
  return `${thread} is ${state}${lastError === null ? '' : `: ${lastError}`}`;
}
