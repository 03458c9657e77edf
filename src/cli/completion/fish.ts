/** Completion of fish: a line for each command and each option. */

import type { CommandModel, OptionModel } from '../shared/commandModel.js';
import { operandValues, type Values, valuesOf } from './values.js';

export function fishCompletion(commands: readonly CommandModel[]): string {
  return `# fish completion of llama, made by "llama completion fish"

complete -c llama -f
${commands.map(({ name, summary }) => `complete -c llama -n __fish_use_subcommand -a ${name} -d ${quote(summary)}`).join('\n')}
${commands.flatMap((command) => linesOf(command, commands)).join('\n')}
`;
}

function linesOf(command: CommandModel, commands: readonly CommandModel[]): string[] {
  const start = `complete -c llama -n '__fish_seen_subcommand_from ${command.name}'`;
  const operand = operandValues(command, commands);
  return [
    ...command.options.map((option) => `${start} ${flags(option)} -d ${quote(option.description)}`),
    ...(operand.kind === 'any' ? [] : [`${start} ${offer(operand)}`]),
  ];
}

function flags(option: OptionModel): string {
  const { long, short, value } = option;
  const name = `${short === undefined ? '' : `-s ${short.slice(1)} `}-l ${long.slice(2)}`;
  return value === undefined ? name : `${name} -r ${offer(valuesOf(option))}`;
}

function offer(values: Values): string {
  if (values.kind === 'words') return `-f -a ${quote(values.words.join(' '))}`;
  return {
    file: '-F',
    directory: "-f -a '(__fish_complete_directories)'",
    host: "-f -a '(__fish_print_hostnames)'",
    any: '-f',
  }[values.kind];
}

const quote = (text: string): string => `'${text.replaceAll(/['\\]/g, '\\$&')}'`;
