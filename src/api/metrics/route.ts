/**
 * `GET /metrics`: the collector for Prometheus. The counters of targets and groups are exact sums of the intervals that `/v1/results`
 * gives; an answer is of one moment, however long a slow reader takes for it.
 */

import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { CollectorService } from '../../collector/service.js';
import { Breather, bodyOf } from '../bodies.js';
import type { EventStreams } from '../eventStreams.js';
import { NoQuery } from '../schemas.js';
import { ProcessMetrics } from './processMetrics.js';
import { GROUP_NAMES, seriesText, TARGET_NAMES, targetInfoText } from './seriesText.js';
import { BY_GROUP, BY_TARGET, SeriesTotals } from './totals.js';

export function metricsRoute(app: FastifyInstance, service: CollectorService, streams: EventStreams): void {
  const limit = service.config.api.metricsMaxTargets;
  const own = new ProcessMetrics(service, streams);
  const targets = new SeriesTotals(BY_TARGET, limit);
  const groups = new SeriesTotals(BY_GROUP, Math.max(limit, GROUPS_AT_LEAST));
  const follow = (): void => {
    const plan = service.groups();
    const before = targets.omitted;
    targets.follow(plan);
    groups.follow(plan);
    if (targets.omitted && !before) warn(app.log, targets.planned, limit);
  };
  const end = service.results.subscribe((interval) => {
    follow();
    targets.add(interval);
    groups.add(interval);
    own.intervalEnded();
  });
  app.addHook('onClose', async () => {
    end();
    own.close();
  });

  app.get('/metrics', { schema: SCHEMA }, async (_request, reply) => {
    follow();
    const ofGroups = groups.snapshot();
    const ofTargets = targets.snapshot();
    const plan = targets.omitted ? [] : service.groups();
    const ownText = await own.text(limit, targets.omitted ? targets.planned : 0);
    async function* body(): AsyncGenerator<Buffer> {
      yield Buffer.from(ownText);
      const breather = new Breather();
      yield* seriesText(ofGroups, GROUP_NAMES, breather);
      yield* seriesText(ofTargets, TARGET_NAMES, breather);
      if (plan.length > 0) yield* targetInfoText(plan, breather);
    }
    return reply.type(own.registry.contentType).send(bodyOf(body()));
  });
}

const SCHEMA = {
  operationId: 'getMetrics',
  summary: 'For Prometheus: counters of threads, loss and latency by target and by group',
  tags: ['service'],
  querystring: NoQuery,
  response: {
    200: {
      description: 'text exposition format',
      content: { 'text/plain': { schema: Type.String({ description: 'version 0.0.4' }) } },
    },
  },
};

/** Groups times classes that have series whatever the limit for targets is. */
const GROUPS_AT_LEAST = 1000;

function warn(log: FastifyBaseLogger, planned: number, limit: number): void {
  log.warn(
    { targets: planned, limit },
    '/metrics has no series of single targets now, those of groups only: there are more targets times classes than api.metricsMaxTargets',
  );
}
