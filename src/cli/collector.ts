/** `llama collector`: measures what its config says and serves the API, until a signal ends it. */

import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { ConfigReloader } from '../collector/reload.js';
import { loadConfigFile } from '../config/config.js';
import type { ConfigOverrides } from '../config/options.js';
import type { Config } from '../config/types.js';
import { LlamaError } from '../errors.js';
import { createLogger } from './log.js';
import { serveCollector } from './serve.js';
import { signalled } from './signals.js';

export interface CollectorCommandOptions extends ConfigOverrides {
  readonly config: string;
}

/** From the signal to the end of the process: the last interval, closed early, can be read until then. */
const END_AFTER_MS = 1_700;

export async function runCollector(options: CollectorCommandOptions): Promise<number> {
  const loaded = loadConfigFile(options.config, options);
  const { config } = loaded;
  const logger = createLogger();
  const signal = signalled();
  const { collector, app, url, reloadAccess } = await serveCollector(config, logger);
  const { groups, targets, paths, probesPerSecond } = collector.status();
  logger.info({ api: url, groups, targets, paths, probesPerSecond }, 'measuring');
  for (const warning of collector.status().warnings) logger.warn(warning);
  for (const note of loaded.notes) logger.warn(note);
  warnOfIdleOptions(config, logger);
  const reloader = new ConfigReloader(collector, loaded, () => loadConfigFile(options.config, options));
  const reload = (): void => {
    reloadAccess();
    void reloadAtSignal(reloader, options.config, logger);
  };
  process.on('SIGHUP', reload);
  const name = await signal;
  const endAtMs = Date.now() + END_AFTER_MS;
  logger.info({ signal: name }, 'ending: no more probes; the last interval is served until the end');
  process.off('SIGHUP', reload);
  const again = signalled();
  await collector.stop();
  await Promise.race([again, delay(Math.max(0, endAtMs - Date.now()))]);
  await app.close();
  await collector.close();
  logger.info({ totals: collector.status().totals }, 'ended');
  return 0;
}

/** Never rejects: a reload that fails must not end a collector that measures. */
async function reloadAtSignal(reloader: ConfigReloader, file: string, logger: Logger): Promise<void> {
  try {
    const { restart, notes, ...groups } = await reloader.reload();
    logger.info({ file, ...groups }, 'config reloaded');
    for (const note of notes) logger.warn(note);
    if (restart.length > 0) logger.warn({ options: restart }, 'changed options that take effect at the next start');
  } catch (error) {
    const { code, message } = error instanceof LlamaError ? error : { code: 'LLAMA_INTERNAL', message: String(error) };
    logger.error({ code, error: message }, 'reload failed; the plan in force stays');
  }
}

/** Options that are read and checked, but that nothing acts on yet: silence would let a reader believe otherwise. */
function warnOfIdleOptions(config: Config, logger: Logger): void {
  if (config.stateDir !== null)
    logger.warn('stateDir has no effect in this version: groups set by REST are forgotten at the end');
}
