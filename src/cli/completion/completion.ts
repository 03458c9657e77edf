/** `llama completion`: scripts with which a shell completes the commands and options of llama. */

import { argumentError } from '../shared/arguments.js';
import type { CommandModel } from '../shared/commandModel.js';
import { bashCompletion } from './bash.js';
import { fishCompletion } from './fish.js';
import { SHELLS, type Shell } from './values.js';
import { zshCompletion } from './zsh.js';

const COMPLETIONS: Readonly<Record<Shell, (commands: readonly CommandModel[]) => string>> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
};

/** The script for a shell. @throws LlamaError `LLAMA_ARGUMENT_INVALID` */
export function completionScript(shell: string, commands: readonly CommandModel[]): string {
  const known = SHELLS.find((one) => one === shell);
  if (known === undefined)
    throw argumentError(`found the shell ${JSON.stringify(shell)}, expected one of ${SHELLS.join(', ')}`);
  return COMPLETIONS[known](commands);
}

/** Prints the script for a shell; the result is the exit code. */
export function runCompletion(shell: string, commands: readonly CommandModel[]): number {
  process.stdout.write(completionScript(shell, commands));
  return 0;
}
