/** `llama collector`: measures what its config says and serves the API, until a signal ends it. */

import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Collector } from '../collector/collector.js';
import { loadConfig } from '../config/config.js';
import { groupToJson } from '../config/group.js';
import type { ConfigOverrides } from '../config/options.js';
import { LlamaError } from '../errors.js';
import { createLogger } from './log.js';
import { serveCollector } from './serve.js';
import { signalled } from './signals.js';

export interface CollectorCommandOptions extends ConfigOverrides {
  readonly config: string;
}

/** From the signal to the end of the process: the last interval, closed early, can be read until then. */
const END_AFTER_MS = 1_800;

export async function runCollector(options: CollectorCommandOptions): Promise<number> {
  const config = loadConfig(options.config, options);
  const logger = createLogger();
  const signal = signalled();
  const { collector, app, url } = await serveCollector(config, logger);
  const { groups, targets, paths, probesPerSecond } = collector.status();
  logger.info({ api: url, groups, targets, paths, probesPerSecond }, 'measuring');
  for (const warning of collector.status().warnings) logger.warn(warning);
  const fromFile = new Set(config.groups.map((group) => group.name));
  const reload = (): void => void reloadGroups(collector, options, fromFile, logger);
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

/** SIGHUP: the groups of the file are made what the file now says; groups that came over REST stay. A wrong file changes nothing. */
async function reloadGroups(
  collector: Collector,
  options: CollectorCommandOptions,
  fromFile: Set<string>,
  logger: Logger,
): Promise<void> {
  try {
    const { groups } = loadConfig(options.config, options);
    const wanted = new Set(groups.map((group) => group.name));
    for (const name of fromFile) {
      if (wanted.has(name)) continue;
      fromFile.delete(name);
      if (collector.group(name) !== undefined) await collector.deleteGroup(name);
    }
    for (const group of groups) {
      fromFile.add(group.name);
      const old = collector.group(group.name);
      if (old !== undefined && JSON.stringify(groupToJson(old)) === JSON.stringify(groupToJson(group))) continue;
      await collector.putGroup(group);
    }
    logger.info({ file: options.config, groups: groups.length }, 'groups reloaded; other options take effect at the next start');
  } catch (error) {
    if (!(error instanceof LlamaError)) throw error;
    logger.error({ code: error.code, error: error.message }, 'reload failed; the plan in force stays');
  }
}
