/** The services whose interfaces the pages describe, with made-up data: nothing is measured and no port is opened. */

import type { FastifyInstance } from 'fastify';
import pino from 'pino';
import { buildApi } from '../../src/api/collector/app.js';
import { buildScraperApi } from '../../src/api/scraper/app.js';
import { resultRoutes } from '../../src/api/scraper/routes.js';
import { REFLECTOR_COUNTERS } from '../../src/reflector/messages.js';
import { reflectorMetrics } from '../../src/reflector/metrics.js';
import type { ReflectorStatus, ReflectorTotals } from '../../src/reflector/reflector.js';
import { ScraperMemory } from '../../src/scraper/recent/memory.js';
import { FakeCollector, REFUSED_AND_UNREACHABLE } from '../../test/support/fakes/fakeCollector.js';
import { FakeScraper } from '../../test/support/fakes/fakeScraper.js';

const AT = '2026-01-01T00:00:00.000Z';

/** A collector's API, with every route, after an interval that has an example of every metric. */
export async function collectorApi(): Promise<FastifyInstance> {
  const collector = new FakeCollector();
  const reload = { added: [], changed: [], removed: [], kept: [], restart: [], notes: [] };
  collector.discovery.set('west', {
    ...{ source: 'dns', targets: 2, updatedAt: AT, ageMs: 1500, restored: false, error: null, warnings: [] },
    ...{ nextAt: null, keepError: null, keepFailures: 0 },
  });
  const app = buildApi(collector, { reload: async () => reload });
  await app.ready();
  collector.finish(Date.now(), REFUSED_AND_UNREACHABLE);
  return app;
}

/** A scraper's API, with every route. */
export async function scraperApi(): Promise<FastifyInstance> {
  const scraper = new FakeScraper();
  const memory = new ScraperMemory({ hours: 1, memoryBytes: 2 ** 22, logger: pino({ enabled: false }) });
  const reload = { added: [], changed: [], removed: [], restart: [] };
  const app = buildScraperApi(scraper, {
    reload: async () => reload,
    routes: (to) => resultRoutes(to, scraper, { memory, access: {} }),
  });
  await app.ready();
  return app;
}

/** What `/metrics` of a reflector answers. */
export function reflectorExposition(): Promise<string> {
  const totals = Object.fromEntries(
    [...REFLECTOR_COUNTERS, 'receiveQueueDrops'].map((name) => [name, 0]),
  ) as ReflectorTotals;
  const status: ReflectorStatus = {
    ...{ version: '0', startedAt: AT, uptimeMs: 0, state: 'running', listen: ['0.0.0.0:8100'], warnings: [] },
    listeners: [{ listen: '0.0.0.0:8100', listening: true, since: AT, reason: null }],
    ...{ stateful: true, authenticated: false, clockSynchronised: true, maxPps: null, totals, workers: [] },
  };
  return reflectorMetrics(() => status).metrics();
}

/** What `/metrics` of a service answers. */
export async function exposition(app: FastifyInstance): Promise<string> {
  const { body } = await app.inject('/metrics');
  return body;
}
