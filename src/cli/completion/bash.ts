/** Completion of bash: one function that looks at the command, the option before the cursor and the word under it. */

import type { CommandModel } from '../shared/commandModel.js';
import { flagsOf, operandValues, type Values, valuesOf } from './values.js';

export function bashCompletion(commands: readonly CommandModel[]): string {
  const all = ['--help', '--version', ...commands.map(({ name }) => name)];
  return `# bash completion of llama, made by "llama completion bash"

_llama() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} kind=words words=''
  # bash takes "=" for a word of its own
  if [[ $cur == = ]]; then cur=''; elif [[ $prev == = ]]; then prev=\${COMP_WORDS[COMP_CWORD - 2]}; fi
  case $COMP_CWORD:\${COMP_WORDS[1]}:$prev in
    1:*) words='${all.join(' ')}' ;;
${commands.flatMap((command) => casesOf(command, commands)).join('\n')}
    *) kind=any ;;
  esac
  COMPREPLY=()
  case $kind in
    file) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
    directory) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
    host) mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur") ;;
    words) mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur") ;;
  esac
}
complete -F _llama llama
`;
}

/** Options that take a value first, then all words that may follow. */
function casesOf(command: CommandModel, commands: readonly CommandModel[]): string[] {
  const { name, options } = command;
  const operand = operandValues(command, commands);
  const flags: Values = { kind: 'words', words: options.flatMap(flagsOf) };
  return [
    ...options
      .filter(({ value }) => value !== undefined)
      .map((option) => `    *:${name}:${option.long}) ${assignment(valuesOf(option))} ;;`),
    operand.kind === 'any'
      ? `    *:${name}:*) ${assignment(flags)} ;;`
      : `    *:${name}:*) if [[ $cur == -* ]]; then ${assignment(flags)}; else ${assignment(operand)}; fi ;;`,
  ];
}

const assignment = (values: Values): string =>
  values.kind === 'words' ? `words='${values.words.join(' ')}'` : `kind=${values.kind}`;
