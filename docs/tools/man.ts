/** The man pages `llama(1)` and `llama-COMMAND(1)`, in the macros of man(7). Pure. */

import { VERSION } from '../../src/base/version.js';
import type { CommandModel, OptionModel } from '../../src/cli/shared/commandModel.js';
import { type CommandNotes, LLAMA_NOTES } from '../../src/cli/shared/commandNotes.js';
import { sentence } from './markdown.js';

const ABOUT = 'measures round-trip latency and packet loss between groups of hosts';

/** Each page by the name of its file. */
export function manPages(commands: readonly CommandModel[]): Map<string, string> {
  const pages = new Map([['llama.1', overview(commands)]]);
  for (const command of commands) pages.set(`llama-${command.name}.1`, commandPage(command, commands));
  return pages;
}

function overview(commands: readonly CommandModel[]): string {
  return lines(
    ...head('llama', ABOUT),
    '.SH SYNOPSIS',
    '.B llama',
    '.I COMMAND',
    `.RI [ ${roff('options')} ]`,
    '.SH DESCRIPTION',
    ...paragraphs(LLAMA_NOTES.about),
    '.SH COMMANDS',
    ...commands.flatMap(({ name, summary }) => ['.TP', `.BR llama\\-${roff(name)} (1)`, text(sentence(summary))]),
    ...environment([]),
    ...exitStatus(LLAMA_NOTES),
    ...seeAlso(commands.map(({ name }) => name)),
  );
}

function commandPage(command: CommandModel, commands: readonly CommandModel[]): string {
  const { name, usage, summary, operands, options, notes } = command;
  return lines(
    ...head(`llama-${name}`, summary),
    '.SH SYNOPSIS',
    `.B llama ${roff(name)}`,
    text(usage.slice(`llama ${name} `.length)),
    '.SH DESCRIPTION',
    ...paragraphs([sentence(summary), ...(notes?.about ?? [])]),
    ...(operands.length === 0 ? [] : ['.SH ARGUMENTS']),
    ...operands.flatMap((one) => ['.TP', `.I ${roff(one.name)}`, text(sentence(one.description))]),
    '.SH OPTIONS',
    ...options.flatMap(optionLines),
    ...environment(notes?.options ?? []),
    ...(notes === undefined ? [] : exitStatus(notes)),
    ...(notes === undefined || notes.examples.length === 0
      ? []
      : ['.SH EXAMPLES', '.EX', ...notes.examples.map(text), '.EE']),
    ...seeAlso(['', ...commands.map((other) => other.name)].filter((other) => other !== name)),
  );
}

function head(name: string, about: string): string[] {
  return [
    '.\\" made by "npm run build" from the definition of the commands',
    `.TH ${name.toUpperCase()} 1 "" "llama ${VERSION}" "LLAMA"`,
    '.SH NAME',
    `${roff(name)} \\- ${roff(about)}`,
  ];
}

function optionLines({ long, short, value, description, standard }: OptionModel): string[] {
  const flags = [...(short === undefined ? [] : [short]), long].map((flag) => `\\fB${roff(flag)}\\fR`).join(', ');
  const end = standard === undefined ? '' : ` Default: ${standard}.`;
  return [
    '.TP',
    flags + (value === undefined ? '' : ` \\fI${roff(value)}\\fR`),
    text(`${description.replace(/\.$/, '')}.${end}`),
  ];
}

/** Variables: of the options of the config, and of the log. */
function environment(options: NonNullable<CommandNotes['options']>): string[] {
  return [
    '.SH ENVIRONMENT',
    ...options.flatMap(({ name, option }) => [
      '.TP',
      `.B ${roff(option.env)}`,
      text(`${name}: ${option.doc} Unit and range: ${option.unit}. Default: ${option.default}.`),
    ]),
    '.TP',
    `.B ${roff('LLAMA_LOG_LEVEL')}`,
    text('How much is logged: fatal, error, warn, info, debug, trace or silent. Default: info.'),
  ];
}

function exitStatus({ exitCodes }: CommandNotes): string[] {
  return ['.SH EXIT STATUS', ...exitCodes.flatMap(([code, meaning]) => ['.TP', `.B ${code}`, text(sentence(meaning))])];
}

function seeAlso(names: readonly string[]): string[] {
  const pages = names.map((name) => (name === '' ? 'llama' : `llama-${name}`));
  const last = pages.length - 1;
  return ['.SH SEE ALSO', ...pages.map((page, i) => `.BR ${roff(page)} (1)${i === last ? '' : ' ,'}`)];
}

const paragraphs = (texts: readonly string[]): string[] =>
  texts.flatMap((one, i) => (i === 0 ? [text(one)] : ['.PP', text(one)]));

const lines = (...all: readonly string[]): string => `${all.join('\n')}\n`;

/** A line of text: one that begins with a control character must not be taken for a macro. */
const text = (line: string): string => roff(line).replace(/^[.']/, '\\&$&');

const roff = (line: string): string => line.replaceAll('\\', '\\e').replaceAll('-', '\\-');
