import { expect } from 'chai';
import { program } from '../../../../src/cli/program.js';
import { COMMAND_NOTES, type CommandNotes, helpEnd } from '../../../../src/cli/shared/commandNotes.js';

describe('notes of a command', () => {
  it('are there for every command but help', () => {
    const names = program(async () => {}).commands.map((command) => command.name());
    expect([...Object.keys(COMMAND_NOTES), 'help']).to.have.members(names);
  });

  it('have examples that are commands with options that there are', () => {
    for (const command of program(async () => {}).commands) {
      const known = command
        .createHelp()
        .visibleOptions(command)
        .map(({ long }) => long);
      const { examples = [] }: Partial<CommandNotes> = Object(Reflect.get(COMMAND_NOTES, command.name()));
      for (const example of examples) {
        expect(example).to.match(new RegExp(`\\bllama ${command.name()}\\b`));
        for (const [option] of example.matchAll(/--[a-z-]+/g)) expect(known, example).to.include(option);
      }
    }
  });

  it('end --help with exit codes and examples, in lines of at most 120 characters', () => {
    const notes: CommandNotes = {
      about: ['word '.repeat(60).trim(), 'Second paragraph.'],
      exitCodes: [
        [0, 'fine'],
        [1, 'wrong input'],
      ],
      examples: ['llama demo'],
    };
    const text = helpEnd(notes);
    expect(text).to.match(
      /\n\nSecond paragraph\.\n\nExit codes: 0 fine, 1 wrong input\.\n\nExamples:\n {2}llama demo$/,
    );
    for (const line of text.split('\n')) expect(line.length).to.be.at.most(120);
  });
});
