/** Completion in real shells: what they offer, and that a completed line is the command it says. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { completionScript } from '../../../src/cli/completion/completion.js';
import { SHELLS } from '../../../src/cli/completion/values.js';
import { program } from '../../../src/cli/program.js';
import { commandModels } from '../../../src/cli/shared/commandModel.js';
import { needs } from '../../support/harness/needs.js';
import { waitFor } from '../../support/harness/wait.js';
import { llamaEnds } from '../../support/processes/command.js';

const commands = commandModels(program(async () => {}));

describe('llama completion', () => {
  let directory: string;
  const scriptOf = (shell: string): string => join(directory, shell);

  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'llama-completion-'));
    for (const shell of SHELLS) writeFileSync(scriptOf(shell), completionScript(shell, commands));
  });
  after(() => rmSync(directory, { recursive: true }));

  for (const shell of SHELLS)
    it(`prints the script of ${shell}, with every command and option`, async () => {
      const { code, out, err } = await llamaEnds(['completion', shell]);
      expect([code, err]).to.deep.equal([0, '']);
      expect(out).to.equal(completionScript(shell, commands));
      for (const { name, options } of commands) {
        expect(out).to.include(name);
        for (const { long } of options) expect(out).to.include(shell === 'fish' ? `-l ${long.slice(2)} ` : long);
      }
    });

  it('refuses an unknown shell, and names the known ones', async () => {
    const { code, out, err } = await llamaEnds(['completion', 'tcsh']);
    expect([code, out]).to.deep.equal([1, '']);
    expect(err).to.equal('found the shell "tcsh", expected one of bash, zsh, fish\n');
  });

  it('is read by bash without a complaint', () => {
    const { status, stderr } = spawnSync('bash', ['-n', scriptOf('bash')], { encoding: 'utf8' });
    expect([status, stderr]).to.deep.equal([0, '']);
  });

  describe('at the prompt of bash', () => {
    let shell: ChildProcess;
    let screen = '';

    /** Types keys, and resolves with the arguments that `llama` was called with. */
    async function typed(keys: string): Promise<string[]> {
      screen = '';
      shell.stdin?.write(`${keys}\n`);
      await waitFor(`llama to be called in:\n${screen}`, () => /<end>\r?\n/.test(screen));
      return [...screen.matchAll(/^<(.*)>\r?$/gm)].map(([, word]) => word).slice(0, -1);
    }

    before(async () => {
      shell = spawn('script', ['-q', '-c', 'bash --norc --noprofile -i', '/dev/null'], {
        env: { ...process.env, TERM: 'dumb', PS1: '' },
      });
      shell.stdout?.setEncoding('utf8').on('data', (text: string) => {
        screen += text;
      });
      shell.stdin?.write(`cd ${directory}; mkdir keys; touch 'a file.yaml'; source ${scriptOf('bash')}\n`);
      shell.stdin?.write(`llama() { printf '<%s>\\n' "$@" end; }\n`);
      expect(await typed('llama ready')).to.deep.equal(['ready']);
    });
    after(async () => {
      shell.stdin?.write('exit\n');
      await once(shell, 'close');
    });

    for (const [keys, args] of [
      ['llama coll\t', ['collector']],
      ['llama probe --proto\ticm\t--class e\t', ['probe', '--protocol', 'icmp', '--class', 'ef']],
      ['llama top --metric=jit\t', ['top', '--metric=jitter']],
      ['llama reflector --short-r\t', ['reflector', '--short-requests']],
      ['llama check a\t', ['check', 'a file.yaml']],
      ['llama check --pr\ta\t', ['check', '--print', 'a file.yaml']],
      ['llama collector --state-dir k\t', ['collector', '--state-dir', 'keys/']],
      ['llama help pro\t', ['help', 'probe']],
      ['llama completion z\t', ['completion', 'zsh']],
      ['llama probe --count a\t', ['probe', '--count', 'a']],
    ] as const)
      it(`makes ${JSON.stringify(keys)} ${args.join(' ')}`, async () => {
        expect(await typed(keys)).to.deep.equal(args);
      });
  });

  it('offers commands, options and values in fish', function () {
    needs(this, 'fish');
    const offered = (line: string): string[] => {
      const { stdout, stderr } = spawnSync('fish', ['-c', `source ${scriptOf('fish')}; complete -C '${line}'`], {
        encoding: 'utf8',
        env: { ...process.env, HOME: directory },
      });
      expect(stderr).to.equal('');
      return stdout.split('\n').flatMap((text) => (text === '' ? [] : [text.split('\t')[0]]));
    };
    expect(offered('llama pro')).to.deep.equal(['probe']);
    expect(offered('llama probe --proto')).to.deep.equal(['--protocol']);
    expect(offered('llama probe --protocol tc')).to.deep.equal(['tcp-syn']);
  });

  it('offers hosts to measure, and options', () => {
    expect(completionScript('bash', commands)).to.match(/\*:probe:\*\).* kind=host/);
    expect(completionScript('zsh', commands)).to.include("':host[\\:port]:_hosts'");
    expect(completionScript('fish', commands)).to.match(/seen_subcommand_from probe' -f -a .*hostnames/);
  });

  it('is read by zsh without a complaint', function () {
    needs(this, 'zsh');
    const { status, stderr } = spawnSync('zsh', ['-n', scriptOf('zsh')], { encoding: 'utf8' });
    expect([status, stderr]).to.deep.equal([0, '']);
  });
});
