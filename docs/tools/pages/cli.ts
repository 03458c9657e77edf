/** `cli.md`: every command, from the command line's own definition. */

import { program } from '../../../src/cli/program.js';
import { type CommandModel, commandModels } from '../../../src/cli/shared/commandModel.js';
import { LLAMA_NOTES } from '../../../src/cli/shared/commandNotes.js';
import { code, codeBlock, page, sentence, table } from '../markdown.js';

export function cliPage(): string {
  const commands = commandModels(program(async () => {}));
  return page(
    '# Command line',
    table(
      ['command', 'does'],
      commands.map(({ name, summary }) => [`[${code(`llama ${name}`)}](#llama-${name})`, summary]),
    ),
    [...LLAMA_NOTES.about],
    exitCodes(LLAMA_NOTES.exitCodes),
    commands.flatMap(commandSection),
  );
}

function commandSection({ name, usage, summary, operands, options, notes }: CommandModel): string[] {
  return [
    `## llama ${name}`,
    codeBlock('text', [usage]),
    sentence(summary),
    ...(operands.length === 0
      ? []
      : [
          table(
            [`argument of ${name}`, 'meaning'],
            operands.map((one) => [code(one.name), one.description]),
          ),
        ]),
    table(
      [`option of ${name}`, 'meaning', 'default'],
      options.map((one) => [code(one.flags), one.description, one.standard ?? '']),
    ),
    ...(notes === undefined ? [] : notes.about),
    ...(notes?.options === undefined
      ? []
      : [`The environment can set every option of the config: see [the options of a ${name}](${OPTION_PAGES[name]}).`]),
    notes === undefined ? '' : exitCodes(notes.exitCodes),
    notes === undefined || notes.examples.length === 0 ? '' : codeBlock('sh', notes.examples),
  ];
}

const OPTION_PAGES: Readonly<Record<string, string>> = { collector: 'options.md', scraper: 'scraper-options.md' };

function exitCodes(codes: readonly (readonly [code: number, meaning: string])[]): string {
  return table(
    ['exit code', 'meaning'],
    codes.map(([number, meaning]) => [`${number}`, meaning]),
  );
}
