/** All generated pages, by their path in the repository. */

import { existsSync, readFileSync } from 'node:fs';
import { cliPage } from './pages/cli.js';
import { countersPage } from './pages/counters.js';
import { errorsPage } from './pages/errors.js';
import { groupPage } from './pages/group.js';
import { metricsPage } from './pages/metrics.js';
import { optionsPage, scraperOptionsPage } from './pages/options.js';
import { restApiPage } from './pages/restApi.js';
import { resultFieldsPage } from './pages/resultFields.js';

const PAGES: Readonly<Record<string, () => string | Promise<string>>> = {
  cli: cliPage,
  options: optionsPage,
  group: groupPage,
  'scraper-options': scraperOptionsPage,
  'rest-api': restApiPage,
  'result-fields': resultFieldsPage,
  counters: countersPage,
  errors: errorsPage,
  metrics: metricsPage,
};

/** The path of each page, and its text. */
export async function generatedPages(): Promise<Map<string, string>> {
  const pages = new Map<string, string>();
  for (const [name, make] of Object.entries(PAGES)) pages.set(`docs/reference/${name}.md`, await make());
  return pages;
}

/** Paths of the pages that are absent below `directory`, or have another text. */
export function outdatedPages(pages: ReadonlyMap<string, string>, directory: URL): string[] {
  const isCurrent = (path: string, text: string): boolean => {
    const file = new URL(path, directory);
    return existsSync(file) && readFileSync(file, 'utf8') === text;
  };
  return [...pages].filter(([path, text]) => !isCurrent(path, text)).map(([path]) => path);
}
