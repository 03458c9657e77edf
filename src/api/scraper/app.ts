/** The HTTP interface of a scraper. It calls a `ScraperService`; it polls and writes nothing itself. */

import type { FastifyInstance } from 'fastify';
import type { ScraperReloadReport } from '../../contract/scraperStatus.js';
import type { ScraperService } from '../../scraper/service.js';
import { isUp } from '../../scraper/troubles.js';
import type { ApiDescription } from '../server/openapi.js';
import { NoQuery } from '../server/schemas.js';
import { type BaseOptions, baseApp } from '../server/server.js';
import { type HealthChecks, healthRoutes } from '../shared/health.js';
import { reloadRoute } from '../shared/reload.js';
import { scraperMetricsRoute } from './metrics.js';
import { ScraperReloadSchema, ScraperStatusSchema } from './schemas.js';

interface ScraperApiOptions extends BaseOptions {
  /** Reads the list of collectors again; without it there is no `POST /v1/reload`. */
  readonly reload?: () => Promise<ScraperReloadReport>;
  /** More routes, behind the same access. */
  readonly routes?: (app: FastifyInstance) => void;
}

const ABOUT: ApiDescription = {
  title: 'LLAMA scraper',
  description: `Results of many collectors on their way into databases.

Times are ISO 8601 in UTC, or epoch milliseconds where the name ends in Ms. Errors are problem documents (RFC 9457) with a stable code.
Reloads need the token of scraper.tokenFile. Without that option, only the scraper's own host may reload, unless scraper.writes is token.`,
  tags: [
    { name: 'results', description: 'Results of all collectors' },
    { name: 'service', description: 'State of the collectors, the writers and the scraper' },
  ],
  section: 'scraper',
};

export function buildScraperApi(service: ScraperService, options: ScraperApiOptions = {}): FastifyInstance {
  return baseApp({ ...options, section: 'scraper' }, ABOUT, (app) => {
    app.get(
      '/v1/status',
      {
        schema: {
          operationId: 'getStatus',
          summary: 'State of every collector and every writer',
          tags: ['service'],
          querystring: NoQuery,
          response: { 200: ScraperStatusSchema },
        },
      },
      () => service.status(),
    );
    if (options.reload !== undefined)
      reloadRoute(app, options.reload, {
        schema: ScraperReloadSchema,
        summary: 'Read the list of collectors, tokens and certificate again',
        problems: [
          'LLAMA_CONFIG_UNREADABLE',
          'LLAMA_CONFIG_SYNTAX',
          'LLAMA_CONFIG_INVALID',
          'LLAMA_TOKEN_FILE',
          'LLAMA_TLS_FILE',
        ],
      });
    healthRoutes(app, scraperHealth(service));
    scraperMetricsRoute(app, service);
    options.routes?.(app);
  });
}

/**
 * A collector or a database that is away is no fault of the scraper: that is in the status and the metrics, and
 * restarts would not mend it.
 */
function scraperHealth(service: ScraperService): HealthChecks {
  return {
    healthy: 'Does it run, and can it keep what it fetches?',
    failures: () => {
      const { state, writers } = service.status();
      return [
        ...(state === 'running' ? [] : [`the scraper is ${state}`]),
        ...writers
          .filter(({ up, spoolErrors }) => !up && spoolErrors > 0)
          .map(
            ({ name, lastError }) => `${name} is away and its spool cannot be written: ${lastError ?? 'see the log'}`,
          ),
      ];
    },
    ready: 'Do enough collectors answer, and enough writers write?',
    missing: () => {
      const { readyCollectors, readyWriters } = service.config.scraper;
      const { collectors, writers } = service.status();
      return [
        ...(collectors.some(({ lastSuccess }) => lastSuccess !== null) ? [] : ['no collector has answered yet']),
        ...tooFew('collectors are up', collectors.filter(isUp).length, collectors.length, {
          percent: readyCollectors,
          option: 'scraper.readyCollectors',
        }),
        ...tooFew('writers write', writers.filter(({ up }) => up).length, writers.length, {
          percent: readyWriters,
          option: 'scraper.readyWriters',
        }),
      ];
    },
  };
}

interface Least {
  readonly percent: number;
  readonly option: string;
}

function tooFew(what: string, good: number, of: number, { percent, option }: Least): string[] {
  return good * 100 >= percent * of ? [] : [`${good} of ${of} ${what}, expected at least ${percent} % (${option})`];
}
