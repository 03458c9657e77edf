import { expect } from 'chai';
import { flagsOf, operandValues, valuesOf } from '../../../../src/cli/completion/values.js';
import { program } from '../../../../src/cli/program.js';
import { commandModels } from '../../../../src/cli/shared/commandModel.js';

const commands = commandModels(program(async () => {}));
const command = (name: string) => commands.find((one) => one.name === name) ?? commands[0];
const option = (of: string, long: string) => {
  const found = command(of).options.find((one) => one.long === long);
  if (found === undefined) throw new Error(`found no ${long} of ${of}`);
  return found;
};

describe('values that a shell offers', () => {
  it('are the words that an option takes, where they are known', () => {
    expect(valuesOf(option('probe', '--protocol'))).to.deep.equal({
      kind: 'words',
      words: ['stamp', 'llama', 'llama-legacy', 'tcp-syn', 'icmp'],
    });
    expect(valuesOf(option('reflector', '--reply-interface'))).to.have.deep.property('words', ['routed', 'incoming']);
    expect(valuesOf(option('top', '--metric')))
      .to.have.property('words')
      .that.includes('p999');
  });

  it('are files and directories by the name of the value', () => {
    expect(valuesOf(option('collector', '--config'))).to.deep.equal({ kind: 'file' });
    expect(valuesOf(option('scraper', '--state-dir'))).to.deep.equal({ kind: 'directory' });
    expect(valuesOf(option('probe', '--count'))).to.deep.equal({ kind: 'any' });
  });

  it('are offered by kind of argument: commands, shells, files and hosts', () => {
    const names = commands.map(({ name }) => name);
    expect(operandValues(command('help'), commands)).to.deep.equal({ kind: 'words', words: names });
    expect(operandValues(command('completion'), commands)).to.have.deep.property('words', ['bash', 'zsh', 'fish']);
    expect(operandValues(command('check'), commands)).to.deep.equal({ kind: 'file' });
    expect(operandValues(command('probe'), commands)).to.deep.equal({ kind: 'host' });
    expect(operandValues(command('demo'), commands)).to.deep.equal({ kind: 'any' });
  });

  it('have every flag of an option', () => {
    expect(flagsOf(option('demo', '--help'))).to.deep.equal(['-h', '--help']);
    expect(flagsOf(option('demo', '--seconds'))).to.deep.equal(['--seconds']);
  });
});
