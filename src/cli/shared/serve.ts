/** A collector together with its HTTP interface: started as a whole or not at all. */

import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import type { Reload, ReloadAnswer } from '../../api/shared/reload.js';
import { Collector } from '../../collector/collector.js';
import type { Alongside } from '../../collector/groups/reload.js';
import type { Config } from '../../config/types.js';
import { openAccess } from './access.js';
import { requireFiles } from './host.js';
import { listen } from './listen.js';

/** Descriptors that Node keeps open for a worker thread, rounded up. */
const FILES_PER_THREAD = 8;
/** The reload of a collector without a config file. */
const NOTHING_RELOADED: ReloadAnswer = { added: [], changed: [], removed: [], kept: [], restart: [], notes: [] };

export interface ServedCollector {
  readonly collector: Collector;
  readonly app: FastifyInstance;
  /** The address of the API, with the port that the system chose for port 0. */
  readonly url: string;
  /** The address that the API is bound to, `ADDRESS:PORT`. */
  readonly bound: string;
  /**
   * Reads config, tokens, certificate and key again: the same as `POST /v1/reload`. Rejects when any of them is
   * invalid; nothing has changed then.
   */
  readonly reload: Reload;
}

/**
 * Sends no probe before the API answers; closes everything when a resource is missing. Without `reloadConfig` there is
 * no `POST /v1/reload`. `setting`: where its address was set.
 */
export async function serveCollector(
  config: Config,
  logger: Logger,
  reloadConfig?: (collector: Collector, access: Alongside) => Promise<ReloadAnswer>,
  setting = 'api.listen',
): Promise<ServedCollector> {
  requireFiles(2 * config.source.ports + FILES_PER_THREAD * (config.collector.workers + 1));
  const access = openAccess(config.api, logger);
  // The threads start while the API's modules are loaded: together they are most of the time to the first probe.
  const [collector, { buildApi }] = await Promise.all([
    Collector.start(config, { logger }),
    import('../../api/collector/app.js'),
  ]);
  try {
    const reload = async (): Promise<ReloadAnswer> => {
      const readAccess: Alongside = () => access.readAgain(app);
      if (reloadConfig !== undefined) return reloadConfig(collector, readAccess);
      readAccess()();
      return NOTHING_RELOADED;
    };
    const app: FastifyInstance = buildApi(collector, {
      logger,
      bodyLimitBytes: config.api.bodyLimitBytes,
      rateLimit: config.api.rateLimit,
      ...access.options,
      ...(reloadConfig && { reload }),
    });
    const { url, bound } = await listen(app, config.api, (text) => collector.warn(text), setting);
    try {
      await collector.measure();
    } catch (error) {
      await app.close();
      throw error;
    }
    return { collector, app, url, bound, reload };
  } catch (error) {
    await collector.close(0);
    throw error;
  }
}

/** Ends both at once, without waiting for work in progress. */
export async function endServed({ app, collector }: ServedCollector): Promise<void> {
  await app.close();
  await collector.close(0);
}
