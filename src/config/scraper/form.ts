/** Detects by its keys whether a config is for `llama scraper` or `llama collector`. */

import { isRecord } from '../files/problems.js';

/** Keys at the top of a scraper's config. */
export const SCRAPER_KEYS: readonly string[] = ['scraper', 'stateDir', 'collectors', 'writers'];
const ONLY_SCRAPER = ['scraper', 'collectors', 'writers'];
const ONLY_COLLECTOR = ['collector', 'source', 'api', 'groups'];

/** The message when a scraper's config is given to a collector. */
export const SCRAPER_GIVEN =
  'found a config of llama scraper, expected one of llama collector; start it with llama scraper --config';

/** Whether a parsed file is a config of `llama scraper`, detected by its keys. */
export function isScraperConfig(value: unknown): boolean {
  if (!isRecord(value)) return false;
  return ONLY_SCRAPER.some((key) => key in value) && !ONLY_COLLECTOR.some((key) => key in value);
}

/** Whether it has keys that only a config of `llama collector` has. */
export function isCollectorConfig(value: Readonly<Record<string, unknown>>): boolean {
  return ONLY_COLLECTOR.some((key) => key in value);
}
