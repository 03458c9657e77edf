/** `llama collector`: measures as its config says and serves the API, until a signal ends it. */

import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { LlamaError } from '../../base/errors.js';
import type { Collector } from '../../collector/collector.js';
import { type Alongside, ConfigReloader, type ReloadReport } from '../../collector/groups/reload.js';
import { loadConfigFile } from '../../config/collector/config.js';
import type { ConfigOverrides } from '../../config/options/options.js';
import { argumentError } from '../shared/arguments.js';
import { listenSetting } from '../shared/listen.js';
import { createLogger } from '../shared/log.js';
import { endServed, serveCollector } from '../shared/serve.js';
import { HangUps, nothingToLose, signalled, unlessSignalled } from '../shared/signals.js';

export interface CollectorCommandOptions extends ConfigOverrides {
  /** Required. Checked here, because commander would report it before an option of a wrong name. */
  readonly config?: string;
}

/** From the signal to the end of the process: the last interval, closed early, can be read until then. */
const END_AFTER_MS = 1_700;

export async function runCollector(options: CollectorCommandOptions, hangUps = new HangUps()): Promise<number> {
  const { config: file } = options;
  if (file === undefined) throw argumentError('found no --config, expected --config FILE: a YAML config');
  const loaded = loadConfigFile(file, options);
  const { config } = loaded;
  const logger = createLogger();
  const signal = signalled();
  let reloader: ConfigReloader | undefined;
  const reloadConfig = (of: Collector, access: Alongside): Promise<ReloadReport> => {
    reloader ??= new ConfigReloader(of, loaded, () => loadConfigFile(file, options));
    return logged(reloader.reload(access), file, logger);
  };
  const served = await unlessSignalled(
    signal,
    serveCollector(config, logger, reloadConfig, listenSetting(loaded.options)),
    endServed,
  );
  if (served === undefined) {
    logger.info({ signal: await signal }, 'ended before it measured');
    return 0;
  }
  const { collector, app, url, bound, reload } = served;
  const { groups, targets, paths, probesPerSecond } = collector.status();
  logger.info({ api: url, listen: bound, groups, targets, paths, probesPerSecond }, 'measuring');
  for (const warning of collector.status().warnings) logger.warn(warning);
  for (const note of [...loaded.warnings, ...loaded.notes]) logger.warn(note);
  // A reload that fails must not end a collector that measures; the log has the reason.
  hangUps.listen(() => void reload().catch(() => undefined));
  const name = await signal;
  const endAtMs = performance.now() + END_AFTER_MS;
  logger.info({ signal: name }, 'ending: no more probes; the last interval is served until the end');
  hangUps.listen(undefined);
  const again = signalled();
  await collector.stop();
  nothingToLose();
  await Promise.race([again, delay(Math.max(0, endAtMs - performance.now()))]);
  await app.close();
  await collector.close();
  logger.info({ totals: collector.status().totals }, 'ended');
  return 0;
}

/** Logs the effect of a reload, or why it failed. */
async function logged(reload: Promise<ReloadReport>, file: string, logger: Logger): Promise<ReloadReport> {
  try {
    const report = await reload;
    const { restart, notes, ...groups } = report;
    logger.info({ file, ...groups }, 'config reloaded');
    for (const note of notes) logger.warn(note);
    if (restart.length > 0) logger.warn({ options: restart }, 'changed options that take effect at the next start');
    return report;
  } catch (error) {
    const { code, message } = error instanceof LlamaError ? error : { code: 'LLAMA_INTERNAL', message: String(error) };
    logger.error({ code, error: message }, 'reload failed; nothing changed');
    throw error;
  }
}
