/**
 * Reads the config again while the scraper runs, for SIGHUP and `POST /v1/reload`: the list of collectors takes effect
 * at once, the rest at the next start.
 */

import { changedOptions } from '../config/options/optionSources.js';
import type { LoadedScraperConfig } from '../config/scraper/config.js';
import { writersToJson } from '../config/scraper/writers.js';
import type { ScraperReloadReport } from '../contract/scraperStatus.js';
import type { Scraper } from './scraper.js';

export class ScraperReloader {
  private readonly scraper: Pick<Scraper, 'follow'>;
  private readonly started: LoadedScraperConfig;
  private readonly load: () => LoadedScraperConfig;

  /** `started` is the config that the scraper runs with; `load` reads the file again and throws when it is wrong. */
  constructor(scraper: Pick<Scraper, 'follow'>, started: LoadedScraperConfig, load: () => LoadedScraperConfig) {
    this.scraper = scraper;
    this.started = started;
    this.load = load;
  }

  /**
   * `alongside` reads other files that are reloaded too; its result applies them.
   * @throws LlamaError of either, with problems and lines; nothing has changed then.
   */
  async reload(alongside: () => () => void): Promise<ScraperReloadReport> {
    const loaded = this.load();
    const enforce = alongside();
    enforce();
    return { ...this.scraper.follow(loaded.config.collectors), restart: changesOf(this.started, loaded) };
  }
}

function changesOf(before: LoadedScraperConfig, after: LoadedScraperConfig): string[] {
  const names = changedOptions(before.options, after.options);
  const writers = ({ config }: LoadedScraperConfig): string => JSON.stringify(writersToJson(config.writers));
  return writers(before) === writers(after) ? names : [...names, 'writers'];
}
