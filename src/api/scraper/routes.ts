/** The routes of a scraper with the measurements of all collectors. */

import type { FastifyInstance } from 'fastify';
import type { ScraperMemory } from '../../scraper/recent/memory.js';
import type { ScraperService } from '../../scraper/service.js';
import type { AccessOptions } from '../server/access.js';
import type { EventStreamOptions } from '../server/eventStream.js';
import { EventStreams } from '../server/eventStreams.js';
import { historyRoute } from '../shared/history.js';
import { matrixRoute } from '../shared/matrix.js';
import { allPathsRoute } from './paths.js';
import { allResultsRoute, allStreamRoute } from './results.js';

/** Concurrent readers of `/v1/stream`: the default limit of a collector. */
const MOST_STREAMS = 256;

interface ResultRoutesOptions {
  /** undefined: nothing is kept in memory, and its routes do not exist. */
  readonly memory: ScraperMemory | undefined;
  readonly access: AccessOptions;
  /** For tests. */
  readonly pageBytes?: number;
  readonly streams?: EventStreamOptions;
  readonly pathsTimeoutMs?: number;
}

export function resultRoutes(app: FastifyInstance, service: ScraperService, options: ResultRoutesOptions): void {
  const { memory, access, pageBytes, streams, pathsTimeoutMs } = options;
  allPathsRoute(app, service, pathsTimeoutMs);
  if (memory === undefined) return;
  allResultsRoute(app, memory.recent, pageBytes);
  allStreamRoute(app, memory.recent, new EventStreams(app, MOST_STREAMS, 'the most of a scraper', streams), access);
  matrixRoute(app, memory.history);
  historyRoute(app, memory.history);
}
