/** `GET /v1/paths` of a scraper: the paths of all collectors, or of one, asked for now. */

import type { FastifyInstance } from 'fastify';
import { Breather } from '../../base/yielding.js';
import { type AllPaths, allPaths } from '../../scraper/polling/allPaths.js';
import type { ScraperService } from '../../scraper/service.js';
import { bodyOf, Chunk } from '../server/bodies.js';
import { AllPathsQuery, AllPathsSchema } from './resultSchemas.js';

const DEFAULT_LIMIT = 1_000;

export function allPathsRoute(app: FastifyInstance, service: ScraperService, timeoutMs?: number): void {
  const schema = {
    operationId: 'getPaths',
    summary: 'Paths of all collectors, worst first, asked for now',
    tags: ['results'],
    querystring: AllPathsQuery,
    response: { 200: AllPathsSchema },
  };
  app.get<{ Querystring: AllPathsQuery }>('/v1/paths', { schema }, async (request, reply) => {
    const { collector, limit = DEFAULT_LIMIT, ...rest } = request.query;
    const asked = service.collectors().filter(({ name }) => collector === undefined || name === collector);
    const query = new URLSearchParams({ limit: String(limit) });
    for (const [name, value] of Object.entries(rest)) query.set(name, String(value));
    const breather = new Breather();
    const found = await allPaths(asked, query, limit, breather, timeoutMs);
    return reply.type('application/json; charset=utf-8').send(bodyOf(pathsBody(found, breather)));
  });
}

async function* pathsBody({ collectors, paths }: AllPaths, breather: Breather): AsyncGenerator<Buffer> {
  const total = collectors.reduce((sum, one) => sum + one.total, 0);
  const chunk = new Chunk();
  chunk.addText(`${JSON.stringify({ collectors, total }).slice(0, -1)},"paths":[`);
  for (const [i, { collector, path }] of paths.entries()) {
    if (breather.due) await breather.breathe();
    chunk.addText(`${i === 0 ? '' : ','}${JSON.stringify({ collector, ...path })}`);
    if (chunk.full) yield chunk.take();
  }
  chunk.addText(']}');
  yield chunk.take();
}
