/** What `--help` says of the options of a config, from the schema: its words, defaults and variables. */

import { allOptions, type ConfigOverrides, OVERRIDE_OF } from '../config/options.js';

const NAME_WIDTH = 32;
const TEXT_WIDTH = 92;

/** Flag and description of a process option that the command line has too. */
export function overrideOption(key: keyof ConfigOverrides, argument: string): [flag: string, description: string] {
  const [name, { flag }] = Object.entries(OVERRIDE_OF).find(([, override]) => override.key === key) ?? [
    key,
    { flag: '' },
  ];
  const option = allOptions().find((other) => other.name === name)?.option;
  return [`${flag} ${argument}`, `${name}: ${option?.doc} (default ${option?.default})`];
}

/** All options of a config; the environment can set each of them. */
export function collectorHelpEnd(): string {
  const options = allOptions().map(({ name, option: { doc, unit, default: standard, env } }) =>
    [
      `  ${name}`.padEnd(NAME_WIDTH),
      [doc, `${unit} (default ${standard}, ${env})`].flatMap((text) => wrap(text)).join(`\n${' '.repeat(NAME_WIDTH)}`),
    ].join(''),
  );
  return `
Options of the config, by file, environment or (where they are listed above) command line, in that order of rising weight:
${options.join('\n')}
SIGHUP reads the config again: groups take effect at once, other options at the next start. config/default.yaml has every
option, and the groups. "llama check FILE" shows what is in effect and where each value came from.`;
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
