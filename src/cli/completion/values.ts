/** The possible values of an option or an argument, as far as a shell can offer them. */

import { CLASS_NAMES } from '../../config/group/classes.js';
import { PROTOCOLS } from '../../config/group/groupFormat.js';
import { BUILT_IN } from '../../history/dimensions.js';
import { METRICS } from '../../history/matrix.js';
import type { CommandModel, OptionModel } from '../shared/commandModel.js';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** `any`: the shell offers no values. */
export type Values =
  | { readonly kind: 'file' | 'directory' | 'host' | 'any' }
  | { readonly kind: 'words'; readonly words: readonly string[] };

const words = (list: readonly string[]): Values => ({ kind: 'words', words: list });

/** By flag. Where two commands have the same flag, it has the same values. */
const OF_FLAGS: Readonly<Record<string, Values>> = {
  '--protocol': words(Object.keys(PROTOCOLS)),
  '--class': words(CLASS_NAMES),
  '--metric': words(METRICS),
  '--rows': words(BUILT_IN),
  '--columns': words(BUILT_IN),
  '--reply-interface': words(['routed', 'incoming']),
};

/** By the name of the value in `--help`: `<file>`. */
const OF_NAMES: Readonly<Record<string, Values>> = {
  file: { kind: 'file' },
  dir: { kind: 'directory' },
  'host[:port]': { kind: 'host' },
  shell: words(SHELLS),
};

/** Values of an option that takes one. */
export function valuesOf({ long, value = '' }: OptionModel): Values {
  return OF_FLAGS[long] ?? OF_NAMES[value] ?? { kind: 'any' };
}

/** Values of the argument of a command. */
export function operandValues({ operands }: CommandModel, commands: readonly CommandModel[]): Values {
  const [operand] = operands;
  if (operand?.name === 'command') return words(commands.map(({ name }) => name));
  return OF_NAMES[operand?.name ?? ''] ?? { kind: 'any' };
}

/** All flags of an option: `-h`, `--help`. */
export function flagsOf({ long, short }: OptionModel): string[] {
  return short === undefined ? [long] : [short, long];
}
