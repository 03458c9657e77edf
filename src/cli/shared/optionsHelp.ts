/** The options of a config in `--help`, from the schema: descriptions, defaults and variables. */

import { namedOptions, type OptionTable } from '../../config/options/optionSources.js';
import { allOptions, type ConfigOverrides, OVERRIDE_OF } from '../../config/options/options.js';
import type { ProcessOption } from '../../config/options/schema.js';
import { SCRAPER_OPTIONS, SCRAPER_OVERRIDE_OF, type ScraperOverrides } from '../../config/scraper/schema.js';

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

/** The options of a config, in columns. */
export function optionsText(named: Named): string {
  const options = named.map(({ name, option: { doc, unit, default: standard, env } }) =>
    [
      `  ${name}`.padEnd(NAME_WIDTH),
      [doc, `${unit} (default ${standard}, ${env})`]
        .flatMap((text) => wrap(text, TEXT_WIDTH))
        .join(`\n${' '.repeat(NAME_WIDTH)}`),
    ].join(''),
  );
  return `Options of the config, by file, environment or (where they are listed above) command line, in that order of rising weight:
${options.join('\n')}`;
}

/** Lines of at most `width` characters, but for longer words. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line !== '' && line.length + word.length >= width) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines;
}
