/** `GET /healthz`: is anything broken? `GET /readyz`: are there results? For service managers and load balancers. */

import type { FastifyInstance } from 'fastify';
import type { CollectorService } from '../../collector/service.js';
import type { ThreadStatus } from '../../threads/supervised.js';
import { HealthSchema } from '../server/schemas.js';

/** The answers of a service to the two; each list has the reasons for "no", and is empty for "yes". */
export interface HealthChecks {
  /** The question behind `/healthz`, as its documentation puts it. */
  readonly healthy: string;
  readonly failures: () => readonly string[];
  /** The question behind `/readyz`. */
  readonly ready: string;
  readonly missing: () => readonly string[];
}

const health = (operationId: string, summary: string) => ({
  operationId,
  summary,
  tags: ['service'],
  response: { 200: HealthSchema, 503: { ...HealthSchema, description: 'no; the reasons say why' } },
});

export function healthRoutes(app: FastifyInstance, checks: HealthChecks): void {
  app.get('/healthz', { schema: health('getHealth', checks.healthy) }, (_request, reply) => {
    const reasons = checks.failures();
    return reasons.length === 0 ? { status: 'ok' } : reply.code(503).send({ status: 'failing', reasons });
  });

  app.get('/readyz', { schema: health('getReadiness', checks.ready) }, (_request, reply) => {
    const reasons = checks.missing();
    return reasons.length === 0 ? { status: 'ready' } : reply.code(503).send({ status: 'not ready', reasons });
  });
}

export function collectorHealth(service: CollectorService): HealthChecks {
  return {
    healthy: 'Does every thread run?',
    failures: () => {
      const { workers, aggregator } = service.status();
      return [...workers, aggregator].filter(({ state }) => state !== 'running').map(reason);
    },
    ready: 'Is an interval finished?',
    missing: () => (service.results.latest === undefined ? ['no interval is finished yet'] : []),
  };
}

function reason({ thread, state, lastError }: ThreadStatus): string {
  return `${thread} is ${state}${lastError === null ? '' : `: ${lastError}`}`;
}
