/** What `--help` says of the options of a config, from the schema: its words, defaults and variables. */

import { allOptions, type ConfigOverrides, OVERRIDE_OF } from '../config/options.js';
import type { ProcessOption } from '../config/schema.js';
import { SCRAPER_OPTIONS, SCRAPER_OVERRIDE_OF, type ScraperOverrides } from '../config/scraper/schema.js';
import { namedOptions, type OptionTable } from '../config/weigh.js';

const NAME_WIDTH = 32;
const TEXT_WIDTH = 92;

type Named = readonly { readonly name: string; readonly option: ProcessOption<unknown> }[];
type Flags = Readonly<Record<string, { readonly flag: string; readonly key: string }>>;

const scraperOptions = (): Named => namedOptions(SCRAPER_OPTIONS as OptionTable);

/** Flag and description of a process option that the command line has too. */
export function overrideOption(key: keyof ConfigOverrides, argument: string): [flag: string, description: string] {
  return flagOf(key, argument, OVERRIDE_OF, allOptions());
}

/** The same for the options of a scraper. */
export function scraperOverrideOption(
  key: keyof ScraperOverrides,
  argument: string,
): [flag: string, description: string] {
  return flagOf(key, argument, SCRAPER_OVERRIDE_OF, scraperOptions());
}

function flagOf(key: string, argument: string, flags: Flags, options: Named): [flag: string, description: string] {
  const [name, { flag }] = Object.entries(flags).find(([, override]) => override.key === key) ?? [key, { flag: '' }];
  const option = options.find((other) => other.name === name)?.option;
  return [`${flag} ${argument}`, `${name}: ${option?.doc} (default ${option?.default})`];
}

/** All options of a config; the environment can set each of them. */
export function collectorHelpEnd(): string {
  return `${optionsText(allOptions())}
SIGHUP reads the config again: groups take effect at once, other options at the next start. config/default.yaml has every
option, and the groups. "llama check FILE" shows what is in effect and where each value came from.`;
}

export function scraperHelpEnd(): string {
  return `${optionsText(scraperOptions())}
SIGHUP reads the config again: the list of collectors takes effect at once, the rest at the next start. config/scraper.yaml
has every option, collectors and writers. "llama check FILE" shows what is in effect and where each value came from.

Examples:
  llama scraper --config scraper.yaml
  llama scraper --collector http://10.1.0.2:5000 --collector http://10.2.0.2:5000 --influx-url http://127.0.0.1:8086 --influx-database llama`;
}

function optionsText(named: Named): string {
  const options = named.map(({ name, option: { doc, unit, default: standard, env } }) =>
    [
      `  ${name}`.padEnd(NAME_WIDTH),
      [doc, `${unit} (default ${standard}, ${env})`].flatMap((text) => wrap(text)).join(`\n${' '.repeat(NAME_WIDTH)}`),
    ].join(''),
  );
  return `
Options of the config, by file, environment or (where they are listed above) command line, in that order of rising weight:
${options.join('\n')}`;
}

function wrap(text: string): string[] {
  const lines: string[] = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line !== '' && line.length + word.length >= TEXT_WIDTH) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines;
}
