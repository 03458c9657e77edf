/** The commands as data, read from commander: for the reference page, the man pages and the completion. */

import type { Command, Option } from 'commander';
import { COMMAND_NOTES, type CommandNotes } from './commandNotes.js';

export interface OptionModel {
  /** As `--help` has them: `-h, --help`, `--listen <addr:port>`. */
  readonly flags: string;
  /** `--listen` */
  readonly long: string;
  /** `-h`, where there is one. */
  readonly short: string | undefined;
  /** `addr:port`; undefined for an option without a value. */
  readonly value: string | undefined;
  readonly description: string;
  readonly standard: string | undefined;
  /** It may be given several times. */
  readonly repeats: boolean;
}

export interface CommandModel {
  readonly name: string;
  /** `llama probe [options] <host[:port]>` */
  readonly usage: string;
  readonly summary: string;
  readonly operands: readonly { readonly name: string; readonly required: boolean; readonly description: string }[];
  readonly options: readonly OptionModel[];
  /** undefined of `help`. */
  readonly notes: CommandNotes | undefined;
}

/** All commands of the program, in the order of `--help`. */
export function commandModels(llama: Command): CommandModel[] {
  return llama.commands.map((command) => modelOf(llama, command));
}

function modelOf(llama: Command, command: Command): CommandModel {
  const name = command.name();
  const notes: Readonly<Record<string, CommandNotes>> = COMMAND_NOTES;
  return {
    name,
    usage: `${llama.name()} ${name} ${command.usage()}`,
    summary: command.description(),
    operands: command.registeredArguments.map((operand) => ({
      name: operand.name(),
      required: operand.required,
      description: operand.description,
    })),
    options: command.createHelp().visibleOptions(command).map(optionOf),
    notes: notes[name],
  };
}

function optionOf({ flags, long, short, description, defaultValue, parseArg }: Option): OptionModel {
  const standard: unknown = defaultValue;
  // The description ends with the default when the parser does not fill in a text for it.
  const said = / \(default:? (.+)\)$/.exec(description);
  return {
    flags,
    long: long ?? '',
    short,
    value: /<(.+)>/.exec(flags)?.[1],
    description: said === null ? description : description.slice(0, said.index),
    standard: standard === undefined ? said?.[1] : String(standard),
    repeats: parseArg !== undefined,
  };
}
