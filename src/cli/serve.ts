/** A collector together with its HTTP interface: started as a whole or not at all. */

import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { buildApi } from '../api/app.js';
import type { Reload } from '../api/reload.js';
import { Collector } from '../collector/collector.js';
import type { Config } from '../config/types.js';
import { LlamaError } from '../errors.js';
import { formatEndpoint } from '../net/endpoint.js';
import { requireFiles } from './host.js';

/** Descriptors that Node keeps open for a worker thread, rounded up. */
const FILES_PER_THREAD = 8;

export interface ServedCollector {
  readonly collector: Collector;
  readonly app: FastifyInstance;
  /** Where the API answers, with the port that the system chose where it was to. */
  readonly url: string;
}

/** Nothing is sent before the API answers, and nothing stays open when something can't be had. */
export async function serveCollector(
  config: Config,
  logger: Logger,
  reload?: (collector: Collector) => ReturnType<Reload>,
): Promise<ServedCollector> {
  requireFiles(2 * config.source.ports + FILES_PER_THREAD * (config.collector.workers + 1));
  const collector = await Collector.start(config, { logger });
  try {
    const app = buildApi(collector, { logger, ...(reload && { reload: () => reload(collector) }) });
    const url = await listen(app, config.api.host, config.api.port);
    try {
      await collector.measure();
    } catch (error) {
      await app.close();
      throw error;
    }
    return { collector, app, url };
  } catch (error) {
    await collector.close(0);
    throw error;
  }
}

async function listen(app: FastifyInstance, host: string, port: number): Promise<string> {
  try {
    return await app.listen({ host, port });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const where = formatEndpoint({ address: host, port });
    if (code === 'EADDRINUSE')
      throw new LlamaError(
        'LLAMA_ADDRESS_IN_USE',
        `the API cannot listen on ${where}: EADDRINUSE, another program has the port (ss -ltnp shows it); end that, or choose another by api.listen or --listen`,
        { cause },
      );
    throw new LlamaError('LLAMA_SYSTEM_CALL', `the API cannot listen on ${where}: ${message}; check api.listen`, {
      cause,
    });
  }
}
