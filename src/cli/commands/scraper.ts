/** `llama scraper`: polls collectors, writes their measurements, and serves its API, until a signal ends it. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { buildScraperApi } from '../../api/scraper/app.js';
import { resultRoutes } from '../../api/scraper/routes.js';
import { LlamaError } from '../../base/errors.js';
import { SteadyClock } from '../../base/steadyClock.js';
import type { LoadedScraperConfig } from '../../config/scraper/config.js';
import type { ScraperConfig } from '../../config/scraper/types.js';
import type { ScraperReloadReport } from '../../contract/scraperStatus.js';
import { heldClockWarnings } from '../../scraper/clockWarnings.js';
import { openSinks } from '../../scraper/delivery/delivery.js';
import { collectAfter, giveBackLargeBlocks } from '../../scraper/memoryTuning.js';
import { ScraperMemory } from '../../scraper/recent/memory.js';
import { ScraperReloader } from '../../scraper/reload.js';
import { Scraper } from '../../scraper/scraper.js';
import { openAccess } from '../shared/access.js';
import { requireFiles } from '../shared/host.js';
import { listen, listenSetting } from '../shared/listen.js';
import { createLogger } from '../shared/log.js';
import { type ScraperCommandOptions, scraperConfigOf } from '../shared/scraperConfig.js';
import { HangUps, nothingToLose, signalled, unlessSignalled } from '../shared/signals.js';

/** Files in addition to a connection to each collector: connections to databases and of readers of the API, spools. */
const OTHER_FILES = 128;
/** Assumed number of collectors of a source that has not answered yet. */
const FOLLOWED_COLLECTORS = 256;

interface Served {
  readonly scraper: Scraper;
  readonly app: FastifyInstance;
  readonly url: string;
  /** The address that the API is bound to, `ADDRESS:PORT`. */
  readonly bound: string;
  /**
   * Reads the list of collectors, tokens, certificate and key again. Rejects when any of them is invalid; nothing has
   * changed then.
   */
  readonly reload: () => Promise<ScraperReloadReport>;
}

export async function runScraper(options: ScraperCommandOptions, hangUps = new HangUps()): Promise<number> {
  const loaded = scraperConfigOf(options);
  const logger = createLogger();
  const signal = signalled();
  const state = await openStateDir(loaded.config, logger);
  const end = ({ scraper, app }: Served): Promise<unknown> =>
    Promise.all([scraper.close().then(nothingToLose), app.close()]);
  try {
    const starting = serve(loaded, () => scraperConfigOf(options), state.dir, logger);
    const served = await unlessSignalled(signal, starting, end);
    if (served === undefined) {
      logger.info({ signal: await signal }, 'ended before it scraped');
      return 0;
    }
    const { scraper, url, bound, reload } = served;
    const { collectors, warnings } = scraper.status();
    logger.info(
      { api: url, listen: bound, collectors: collectors.length, writers: loaded.config.writers.length },
      'scraping',
    );
    for (const warning of [...loaded.warnings, ...warnings]) logger.warn(warning);
    // A reload that fails must not end a scraper that works; the log has the reason.
    hangUps.listen(() => void reload().catch(() => undefined));
    const name = await signal;
    logger.info({ signal: name }, 'ending: no more questions; what was fetched is made safe');
    hangUps.listen(undefined);
    await end(served);
    logger.info('ended');
  } finally {
    await state.remove();
  }
  return 0;
}

/** Among the positions: the cursor of this scraper's own results, which is no URL. */
const RECENT_END = 'results';

/** Sends no request before the API answers; closes everything when a resource is missing. */
async function serve(
  started: LoadedScraperConfig,
  load: () => LoadedScraperConfig,
  stateDir: string,
  logger: Logger,
): Promise<Served> {
  const { config } = started;
  const { collectors } = config;
  requireFiles((collectors.kind === 'listed' ? collectors.collectors.length : FOLLOWED_COLLECTORS) + OTHER_FILES);
  const access = openAccess(config.api, logger, 'scraper');
  const sinks = await openSinks(config, stateDir, logger);
  giveBackLargeBlocks();
  const letGo = collectAfter();
  const { matrixHours, matrixMemoryBytes } = config.scraper;
  const clock = new SteadyClock();
  const memory =
    matrixHours === 0
      ? undefined
      : new ScraperMemory({
          ...{ hours: matrixHours, memoryBytes: matrixMemoryBytes, logger, letGo },
          ...{ now: () => clock.nowMs(), clockAheadMs: () => clock.aheadMs() },
          earlierEnd: sinks.positions.get(RECENT_END) ?? 0,
        });
  const scraper = new Scraper(config, {
    ...{ logger, sinks, clock, histograms: () => memory !== undefined, passed: letGo },
    memoryCounters: memory === undefined ? undefined : () => memory.counters(),
    warnings: () => (memory === undefined ? [] : heldClockWarnings(memory.recent, clock)),
  });
  if (memory !== undefined) {
    scraper.onInterval(async (interval) => {
      await memory.take(interval);
      sinks.positions.advance(RECENT_END, memory.recent.end);
    });
  }
  const reloader = new ScraperReloader(scraper, started, load);
  const reload = (): Promise<ScraperReloadReport> =>
    logged(
      reloader.reload(() => access.readAgain(app)),
      logger,
    );
  const app = buildScraperApi(scraper, {
    logger,
    rateLimit: config.api.rateLimit,
    ...access.options,
    reload,
    routes: (to) => resultRoutes(to, scraper, { memory, access: access.options }),
  });
  try {
    const setting = listenSetting(started.options, 'scraper');
    const { url, bound } = await listen(app, config.api, (text) => scraper.warn(text), setting, 'scraper');
    scraper.start();
    return { scraper, app, url, bound, reload };
  } catch (error) {
    await Promise.all([scraper.close(), app.close()]);
    throw error;
  }
}

/** Without `stateDir`: a temporary directory for the life of the process. */
async function openStateDir(
  { stateDir }: ScraperConfig,
  logger: Logger,
): Promise<{ readonly dir: string; readonly remove: () => Promise<void> }> {
  if (stateDir !== null) return { dir: stateDir, remove: async () => {} };
  const dir = await mkdtemp(join(tmpdir(), 'llama-scraper-'));
  logger.warn(
    { dir },
    'without stateDir, what waits for a database is lost when the scraper ends, and it begins with what collectors still hold',
  );
  return { dir, remove: () => rm(dir, { recursive: true, force: true }) };
}

/** Logs the effect of a reload, or why it failed. */
async function logged(reload: Promise<ScraperReloadReport>, logger: Logger): Promise<ScraperReloadReport> {
  try {
    const report = await reload;
    const { restart, ...collectors } = report;
    logger.info(collectors, 'config reloaded');
    if (restart.length > 0) logger.warn({ options: restart }, 'changed options that take effect at the next start');
    return report;
  } catch (error) {
    const { code, message } = error instanceof LlamaError ? error : { code: 'LLAMA_INTERNAL', message: String(error) };
    logger.error({ code, error: message }, 'reload failed; nothing changed');
    throw error;
  }
}
