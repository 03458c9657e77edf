/** `llama check FILE` for a config of `llama scraper`. */

import { readConfigText } from '../../config/files/text.js';
import { readYaml } from '../../config/files/yaml.js';
import { describeSource } from '../../config/group/targetSource.js';
import { formatBytes } from '../../config/options/bytes.js';
import { type LoadedScraperConfig, loadScraperConfig, printScraperConfig } from '../../config/scraper/config.js';
import { isScraperConfig } from '../../config/scraper/form.js';
import type { ScraperOverrides } from '../../config/scraper/schema.js';
import type { CollectorAccess, CollectorList } from '../../config/scraper/types.js';
import { formatMs } from '../../config/scraper/values.js';
import { writerName } from '../../config/scraper/writerConfig.js';
import { writersToJson } from '../../config/scraper/writers.js';
import { table } from './table.js';

/** Whether a file is a config of `llama scraper`. Throws when it cannot be read. */
export function isScraperFile(file: string): boolean {
  return isScraperConfig(readYaml(readConfigText(file)).value);
}

/** The description of the file, or with `print` the effective config. Throws for an invalid one. */
export function checkScraper(
  file: string,
  options: ScraperOverrides & { readonly print?: boolean | undefined },
): string {
  const loaded = loadScraperConfig(file, options);
  if (options.print === true) return printScraperConfig(loaded, `Written by "llama check --print" from ${file}.`);
  return `${describe(file, loaded).join('\n')}\n`;
}

function describe(file: string, { config, options, warnings }: LoadedScraperConfig): string[] {
  return [
    `${file} is valid, for llama scraper`,
    '',
    ...table([['option', 'value', 'from'], ...options.map(({ name, written, from }) => [name, String(written), from])]),
    '',
    ...describeCollectors(config.collectors),
    '',
    `${config.writers.length} writers${config.writers.length === 0 ? ': nothing is written' : ''}`,
    ...writersToJson(config.writers).flatMap((writer, index) => [
      `  ${writerName(config.writers[index])}`,
      ...table(
        Object.entries(writer)
          .filter(([key]) => !SHOWN.includes(key))
          .map(([key, value]) => [`    ${key}`, String(value)]),
      ),
    ]),
    '',
    ...table([
      ['most on disk', formatBytes(config.scraper.spoolBytes * config.writers.length)],
      [
        'most in memory for the matrix',
        formatBytes(config.scraper.matrixHours === 0 ? 0 : config.scraper.matrixMemoryBytes),
      ],
    ]),
    ...warnings.flatMap((warning) => ['', `Warning: ${warning}.`]),
  ];
}

/** Fields that the line of a writer shows already. */
const SHOWN = ['kind', 'url', 'org', 'bucket', 'database', 'retentionPolicy', 'dir'];

function describeCollectors(list: CollectorList): string[] {
  if (list.kind === 'listed')
    return [
      `${list.collectors.length} collectors`,
      ...table(list.collectors.map(({ url, ...access }) => [`  ${url}`, ...describeAccess(access)])),
    ];
  const { from, scheme, port, access } = list;
  return [
    `collectors from ${describeSource(from)}`,
    ...table([
      ['  asked by', scheme],
      ['  port', `${port}, where the source has none`],
      ['  how', describeAccess(access).join(', ')],
    ]),
  ];
}

function describeAccess({ kind, tokenFile, intervalMs }: CollectorAccess): string[] {
  const token = tokenFile === null ? 'without a token' : `with the token in ${tokenFile}`;
  return kind === 'collector'
    ? ['llama collector', token]
    : [`Dropbox's LLAMA, intervals of ${formatMs(intervalMs)}`, token];
}
