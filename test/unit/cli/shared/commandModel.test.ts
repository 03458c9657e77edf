import { expect } from 'chai';
import { Command } from 'commander';
import { commandModels } from '../../../../src/cli/shared/commandModel.js';

const all = (value: string, before: readonly string[] = []): string[] => [...before, value];

describe('the commands as data', () => {
  const llama = new Command('llama');
  llama
    .command('probe')
    .description('measure')
    .argument('<host>', 'where')
    .argument('[port]', 'which port')
    .option('-c, --count <n>', 'how many', '100')
    .option('--class <class>', 'which (default cs0)', all)
    .option('--wait <duration>', 'how long (default: 1s, with icmp 2s)')
    .option('--which <way>', 'routed (default), or incoming');
  const [probe] = commandModels(llama);

  it('have name, usage, summary and arguments', () => {
    expect(probe).to.include({ name: 'probe', usage: 'llama probe [options] <host> [port]', summary: 'measure' });
    expect(probe.operands).to.deep.equal([
      { name: 'host', required: true, description: 'where' },
      { name: 'port', required: false, description: 'which port' },
    ]);
    expect(probe.notes).to.have.property('exitCodes');
  });

  it('have the default of an option, be it in the parser or at the end of the description, and not in the description', () => {
    const [count, ofClass, wait, which] = probe.options;
    expect(count).to.deep.equal({
      ...{ flags: '-c, --count <n>', long: '--count', short: '-c', value: 'n' },
      ...{ description: 'how many', standard: '100', repeats: false },
    });
    expect(ofClass).to.include({ description: 'which', standard: 'cs0', repeats: true });
    expect(wait).to.include({ description: 'how long', standard: '1s, with icmp 2s' });
    expect(which).to.include({ description: 'routed (default), or incoming', standard: undefined });
  });

  it('have the option --help last', () => {
    expect(probe.options.at(-1)).to.include({ long: '--help', short: '-h', value: undefined });
  });
});
