/** Completion of zsh, by its own `_arguments`. */

import type { CommandModel, OptionModel } from '../shared/commandModel.js';
import { operandValues, type Values, valuesOf } from './values.js';

export function zshCompletion(commands: readonly CommandModel[]): string {
  const described = commands.map(({ name, summary }) => `    ${quote(`${name}:${escapeColons(summary)}`)}`);
  return `#compdef llama
# zsh completion of llama, made by "llama completion zsh"

_llama() {
  local -a commands=(
${described.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local name=$words[2]
  shift words
  (( CURRENT-- ))
  case $name in
${commands.map((command) => commandCase(command, commands)).join('\n')}
  esac
}

# Run as a file of $fpath it completes at once; sourced, it is registered.
if [[ $funcstack[1] == _llama ]]; then _llama "$@"; else compdef _llama llama; fi
`;
}

function commandCase(command: CommandModel, commands: readonly CommandModel[]): string {
  const operands = command.operands.map(
    ({ name }) => `:${escapeColons(name)}:${action(operandValues(command, commands))}`,
  );
  const specs = [...command.options.map(optionSpec), ...operands];
  return `    ${command.name})\n      _arguments \\\n${specs.map((spec) => `        ${quote(spec)}`).join(' \\\n')}\n      ;;`;
}

function optionSpec(option: OptionModel): string {
  const { long, value, description, repeats } = option;
  const text = `${repeats ? '*' : ''}${long}[${description.replaceAll(/[[\]\\]/g, '\\$&')}]`;
  return value === undefined ? text : `${text}:${escapeColons(value)}:${action(valuesOf(option))}`;
}

function action(values: Values): string {
  if (values.kind === 'words') return `(${values.words.join(' ')})`;
  return { file: '_files', directory: '_files -/', host: '_hosts', any: ' ' }[values.kind];
}

const escapeColons = (text: string): string => text.replaceAll(':', '\\:');
const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
