/** `llama collector`: measures what its config says and serves the API, until a signal ends it. */

import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Collector } from '../collector/collector.js';
import { loadConfig } from '../config/config.js';
import { groupToJson } from '../config/group.js';
import { checkPlan, groupFigures } from '../config/limits.js';
import type { ConfigOverrides } from '../config/options.js';
import type { Config, Group } from '../config/types.js';
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
  const config = loadConfig(options.config, options);
  const logger = createLogger();
  const signal = signalled();
  const fromFile = new Set(config.groups.map((group) => group.name));
  let reloads: Promise<unknown> = Promise.resolve();
  const reloadOf = (of: Collector): Promise<{ groups: number }> => {
    const done = reloads.then(() => reloadGroups(of, options, fromFile, logger));
    reloads = done.catch(() => undefined);
    return done;
  };
  const { collector, app, url } = await serveCollector(config, logger, reloadOf);
  const { groups, targets, paths, probesPerSecond } = collector.status();
  logger.info({ api: url, groups, targets, paths, probesPerSecond }, 'measuring');
  for (const warning of collector.status().warnings) logger.warn(warning);
  warnOfIdleOptions(config, logger);
  // A reload that fails must not end a collector that measures; the log has the reason.
  const reload = (): void => void reloadOf(collector).catch(() => undefined);
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

/**
 * SIGHUP or `POST /v1/reload`: the groups of the file are made what the file now says; groups that came over REST stay. A wrong file
 * changes nothing; the log says why, and so does the error that this rejects with.
 */
async function reloadGroups(
  collector: Collector,
  options: CollectorCommandOptions,
  fromFile: Set<string>,
  logger: Logger,
): Promise<{ groups: number }> {
  try {
    const { groups } = loadConfig(options.config, options);
    const wanted = new Set(groups.map((group) => group.name));
    const live = collector.heldGroups().filter(({ origin }) => origin === 'api');
    const hidden = new Set(live.map(({ group }) => group.name));
    const visible = groups.filter((group) => !hidden.has(group.name));
    checkPlan(collector.config, [...live.map(({ group }) => group), ...visible]);
    for (const name of fromFile) {
      if (wanted.has(name)) continue;
      fromFile.delete(name);
      if (collector.inFile(name)) await collector.deleteGroup(name);
    }
    for (const group of smallestGrowthFirst(groups, collector)) {
      fromFile.add(group.name);
      const old = collector.heldGroup(group.name);
      if (old?.origin === 'file' && old.text === JSON.stringify(groupToJson(group))) continue;
      await collector.putGroup(group);
    }
    logger.info(
      { file: options.config, groups: groups.length },
      'groups reloaded; other options take effect at the next start',
    );
    return { groups: groups.length };
  } catch (error) {
    const { code, message } = error instanceof LlamaError ? error : { code: 'LLAMA_INTERNAL', message: String(error) };
    logger.error({ code, error: message }, 'reload failed; the plan in force stays');
    throw error;
  }
}

/** Groups that shrink make room for those that grow, so that no step on the way passes a limit that the whole keeps. */
function smallestGrowthFirst(groups: readonly Group[], collector: Collector): Group[] {
  const bytes = (group: Group): number => groupFigures(group, collector.config.source.ports).memoryBytes;
  const growth = (group: Group): number => {
    const old = collector.group(group.name);
    return bytes(group) - (old === undefined ? 0 : bytes(old));
  };
  return groups.toSorted((a, b) => growth(a) - growth(b));
}

/** Options that are read and checked, but that nothing acts on yet: silence would let a reader believe otherwise. */
function warnOfIdleOptions(config: Config, logger: Logger): void {
  if (config.api.tokenFile !== null)
    logger.warn('api.tokenFile has no effect in this version: changes are accepted from the loopback address only');
}
