import { expect } from 'chai';
import pino from 'pino';
import { LOG_LEVELS } from '../../../src/cli/shared/logLevel.js';
import { waitFor } from '../../support/harness/wait.js';
import { Command, endCommands, llama, llamaEnds, MAIN } from '../../support/processes/command.js';

const COMMANDS = ['collector', 'reflector', 'probe', 'check', 'top', 'demo'];

describe('llama', () => {
  afterEach(endCommands);

  it('--help lists every command and the exit codes, and ends with 0', async () => {
    const { code, out, err } = await llamaEnds(['--help']);
    expect([code, err]).to.deep.equal([0, '']);
    for (const name of COMMANDS) expect(out).to.match(new RegExp(`^  ${name} `, 'm'));
    expect(out).to.include('Exit codes: 0 fine, 1 wrong input, 2 could not run, 3 (only probe) nothing was received');
  });

  it('probe --help has the exit codes of a measurement', async () => {
    const { out } = await llamaEnds(['probe', '--help']);
    expect(out).to.match(
      /^Exit codes: 0 anything was received, 1 wrong input, 2 .*nothing was sent.*3 .*none was received/ms,
    );
  });

  it('help lists the commands, and help COMMAND the options of one', async () => {
    const [all, one] = [await llamaEnds(['help']), await llamaEnds(['help', 'probe'])];
    expect([all.code, all.err, one.code, one.err]).to.deep.equal([0, '', 0, '']);
    expect(all.out)
      .to.match(/^Usage: llama \[/)
      .and.match(/^ {2}help /m);
    expect(one.out).to.match(/^Usage: llama probe /);
  });

  it('help of a command that does not exist suggests one, in one line', async () => {
    const { code, out, err } = await llamaEnds(['help', 'prob']);
    expect([code, out]).to.deep.equal([1, '']);
    expect(err).to.match(
      /^there is no such command: found "prob", expected one of collector, .*; did you mean "probe"\?\n$/,
    );
  });

  for (const name of COMMANDS)
    it(`${name} --help ends with 0 and writes to stdout only`, async () => {
      const { code, out, err } = await llamaEnds([name, '--help']);
      expect([code, err]).to.deep.equal([0, '']);
      expect(out).to.match(new RegExp(`^Usage: llama ${name} `));
    });

  it('--version prints the version of the package', async () => {
    const { code, out } = await llamaEnds(['--version']);
    expect(code).to.equal(0);
    expect(out).to.match(/^\d+\.\d+\.\d+\n$/);
  });

  for (const [args, says] of [
    [['colector'], 'Did you mean collector?'],
    [['collector', '--config', 'x', '--lisen', 'y'], 'Did you mean --listen?'],
    [['collector'], 'found no --config, expected --config FILE'],
    [['collector', '--confg', 'x'], 'Did you mean --config?'],
    [['probe'], "missing required argument 'host[:port]'"],
    [['check'], "missing required argument 'file'"],
    [['check', 'a', 'b'], 'Expected 1 argument but got 2'],
    [['demo', '--seconds', 'five'], '--seconds "five": expected a number above 0'],
    [['demo', '--seconds', '0'], '--seconds "0": expected a number above 0'],
    [['top', '--window', '0s'], '--window "0s": expected a duration with a unit, such as 10ms or 1s, from 1ms to'],
    [['reflector', '--session-timeout', '0s'], '--session-timeout "0s": expected a duration with a unit'],
    [['reflector', '--session-timeout', '0s'], 'from 1ms to 24h'],
    [['reflector', '--listen', '127.0.0.1:99999'], 'port 99999 is above 65535'],
    [['reflector', '--listen', '127.0.0.1:999999'], 'port 999999 is above 65535'],
    [['reflector', '--status', '[::1]:99999'], 'port 99999 is above 65535'],
    [
      ['check', 'config/default.yaml', '--listen', '127.0.0.1:99999'],
      'expected an IP address and a port from 0 to 65535',
    ],
    [['reflector', '--listen', 'here'], "--listen 'here': not of the form ADDRESS:PORT"],
  ] as const)
    it(`'${args.join(' ')}' is refused with "${says}" and exit code 1`, async () => {
      const { code, out, err } = await llamaEnds(args);
      expect(code).to.equal(1);
      expect(out).to.equal('');
      expect(err).to.include(says).and.not.include('    at ');
    });

  for (const args of [
    ['probe', '127.0.0.1'],
    ['reflector'],
    ['top', '--once'],
    ['check', 'config/default.yaml'],
    ['demo'],
  ])
    it(`${args[0]} refuses an unknown log level, and names the known ones`, async () => {
      const { code, out, err } = await llamaEnds(args, { env: { LLAMA_LOG_LEVEL: 'bogus' } });
      expect([code, out]).to.deep.equal([1, '']);
      expect(err).to.equal(
        'found the environment variable LLAMA_LOG_LEVEL="bogus", expected one of silent, fatal, error, warn, info, debug, trace; correct it, or unset it\n',
      );
    });

  for (const args of [['reflector'], ['probe', '127.0.0.1'], ['top', '--once'], ['demo']])
    it(`${args[0]} refuses a variable whose name is a slip`, async () => {
      const { code, out, err } = await llamaEnds(args, { env: { LLAMA_LOGLEVEL: 'debug', LLAMA_CLOUD_KEY: 'x' } });
      expect([code, out]).to.deep.equal([1, '']);
      expect(err).to.equal(
        'found the environment variable LLAMA_LOGLEVEL, expected one of those that "llama --help" lists; did you mean LLAMA_LOG_LEVEL?\n',
      );
    });

  it('has the log levels of pino', () => {
    expect([...LOG_LEVELS].sort()).to.deep.equal([...Object.keys(pino.levels.values), 'silent'].sort());
  });

  for (const [name, property, value] of [
    ['an operating system', 'platform', 'darwin'],
    ['a processor', 'arch', 'ia32'],
  ])
    it(`says which systems it runs on, on ${name} that it does not run on, and ends with 1`, async () => {
      const module = `Object.defineProperty(process,${JSON.stringify(property)},{value:${JSON.stringify(value)}})`;
      const { code, out, err } = await llamaEnds(['demo'], {
        node: ['--import', `data:text/javascript,${encodeURIComponent(module)}`],
      });
      expect([code, out]).to.deep.equal([1, '']);
      expect(err)
        .to.match(/^llama runs on Linux, x64 or arm64; this is /)
        .and.include(value);
    });

  it('ends with 2 and one sentence when the limit of open files is too low to load it', async () => {
    const command = new Command('bash', ['-c', 'ulimit -n 40; exec "$@"', 'bash', process.execPath, MAIN, 'demo']);
    expect(await command.exit()).to.equal(2);
    expect(command.err).to.match(
      /^found a limit of 40 open files, expected at least \d+ .*raise it \(ulimit -n.*\)\n$/,
    );
  });

  it('ends quietly when the reader of its output goes away', async () => {
    const command = new Command('bash', [
      '-c',
      'set -o pipefail; "$@" | head -n 1',
      'bash',
      process.execPath,
      MAIN,
      'demo',
      '--seconds',
      '2',
    ]);
    expect(await command.exit()).to.equal(0);
    expect(command.err).not.to.include('EPIPE');
  });
});

describe('llama demo', () => {
  afterEach(endCommands);

  it('shows targets by classes, ends by itself with 0, and leaves no port open', async () => {
    const { code, out } = await llamaEnds(['demo', '--seconds', '5'], { env: { LLAMA_LOG_LEVEL: 'silent' } });
    expect(code).to.equal(0);
    expect(out).to.match(/^target +cs0 loss +p50 +p99 +p50 lately +ef loss +p50 +p99 +p50 lately$/m);
    for (const target of ['127.0.1.1', '127.0.1.2', '127.0.1.3', '127.0.1.4'])
      expect(out).to.match(new RegExp(`^${target}( +0 % +[\\d.]+ [mu]s +[\\d.]+ [mu]s +\\S+){2}$`, 'm'));
    const end = /ended: (\d+) probes sent, (\d+) received, (\d+) lost\n$/.exec(out);
    expect(Number(end?.[1])).to.be.greaterThan(300);
    const api = /API: (http:\/\/[^/]+)/.exec(out)?.[1] ?? '';
    expect(await fetch(`${api}/healthz`).catch(() => 'closed')).to.equal('closed');
  });

  it('ends with 0 at SIGINT, also before the first interval', async () => {
    const command = llama(['demo']);
    await waitFor('the heading', () => command.out.includes('waiting for the first interval'));
    command.signal('SIGINT');
    expect(await command.exit()).to.equal(0);
    expect(command.out).to.match(/ended: \d+ probes sent/);
  });
});
