/** A validated config of a scraper as text; `parseScraperConfig` makes an equal config of it. */

import { settingsOf, yamlText } from '../collector/print.js';
import { namedOptions, type OptionTable } from '../options/optionSources.js';
import { collectorsToJson } from './collectors.js';
import type { LoadedScraperConfig } from './config.js';
import { SCRAPER_OPTIONS } from './schema.js';
import { writersToJson } from './writers.js';

/** YAML with every option as it is in effect (environment and command line too), collectors and writers. */
export function printScraperConfig({ config, options }: LoadedScraperConfig, heading: string): string {
  const settings = settingsOf(options, namedOptions(SCRAPER_OPTIONS as OptionTable));
  const lists = { collectors: collectorsToJson(config.collectors), writers: writersToJson(config.writers) };
  return yamlText({ ...settings, ...lists }, [heading]);
}
