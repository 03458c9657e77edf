/**
 * `GET /metrics`: the collector for Prometheus. The counters of targets and groups are exact sums of the intervals of
 * `/v1/results`. An answer is a snapshot of one moment, however slowly it is read.
 */

import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { Breather } from '../../../base/yielding.js';
import type { CollectorService } from '../../../collector/service.js';
import type { Group } from '../../../config/types.js';
import { bodyOf } from '../../server/bodies.js';
import type { EventStreams } from '../../server/eventStreams.js';
import { NoQuery } from '../../server/schemas.js';
import { ProcessMetrics } from './processMetrics.js';
import { ReasonTotals } from './reasonTotals.js';
import { GROUP_NAMES, seriesText, statesText, TARGET_NAMES, targetInfoText } from './seriesText.js';
import { BY_GROUP, BY_TARGET, SeriesTotals } from './totals.js';

export function metricsRoute(app: FastifyInstance, service: CollectorService, streams: EventStreams): void {
  const limit = service.config.api.metricsMaxTargets;
  const own = new ProcessMetrics(service, streams);
  const targets = new SeriesTotals(BY_TARGET, limit);
  const groups = new SeriesTotals(BY_GROUP);
  const reasons = new ReasonTotals(service.config.source.ports);
  let told = '';
  const follow = (): void => {
    const plan = service.groups();
    targets.follow(plan);
    groups.follow(plan);
    reasons.follow(plan);
    const omitted = targets.omitted.map(({ name }) => name);
    if (omitted.length > 0 && omitted.join(' ') !== told) warn(app.log, omitted, targets, limit);
    told = omitted.join(' ');
  };
  const end = service.results.subscribe((interval) => {
    follow();
    targets.add(interval);
    groups.add(interval);
    reasons.add(interval);
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
    const { kept, omitted, omittedSeries } = targets;
    const ownText = await own.text({ limit, omittedSeries, omittedTargets: targetsOf(omitted) });
    const ofReasons = reasons.text();
    async function* body(): AsyncGenerator<Buffer> {
      yield Buffer.from(ownText + ofReasons);
      const breather = new Breather();
      yield* seriesText(ofGroups, GROUP_NAMES, breather);
      yield* statesText(ofGroups, breather);
      yield* seriesText(ofTargets, TARGET_NAMES, breather);
      if (kept.length > 0) yield* targetInfoText(kept, breather);
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

const targetsOf = (groups: readonly Group[]): number => groups.reduce((sum, { targets }) => sum + targets.length, 0);

function warn(
  log: FastifyBaseLogger,
  groups: readonly string[],
  { omitted, omittedSeries }: SeriesTotals,
  limit: number,
) {
  log.warn(
    { groups: groups.slice(0, MOST_NAMES), targets: targetsOf(omitted), series: omittedSeries, limit },
    '/metrics has no series of the single targets of these groups now, those of the groups only: there are more targets times classes than api.metricsMaxTargets',
  );
}

/** Most names of groups in a line of the log. */
const MOST_NAMES = 20;
