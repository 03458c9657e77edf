/** The end of commands whose start does not succeed, or that wait for something that never comes. */

import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { freePort } from '../../support/processes/http.js';
import { CLI, Running } from '../../support/processes/process.js';

const START_MS = 60_000;
/** Two seconds are promised to a process that gets the processor when it wants it; here it shares the machine. */
const END_MS = 6_000;

describe('the end of a command', function () {
  this.timeout(120_000);
  let folder: string;
  let collectorFile: string;
  let scraperFile: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'llama-ending-'));
    const api = { listen: `127.0.0.1:${await freePort()}` };
    collectorFile = join(folder, 'collector.yaml');
    writeFileSync(
      collectorFile,
      JSON.stringify({ api, source: { ports: 1 }, groups: { a: { targets: ['127.0.0.1'] } } }),
    );
    scraperFile = join(folder, 'scraper.yaml');
    const writers = [{ kind: 'influx1', url: 'http://127.0.0.1:9', database: 'llama' }];
    const scraper = { listen: `127.0.0.1:${await freePort()}` };
    writeFileSync(scraperFile, JSON.stringify({ scraper, collectors: ['http://127.0.0.1:9'], writers }));
  });
  after(() => rmSync(folder, { recursive: true }));

  const llama = (...args: string[]): Running =>
    new Running(spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'pipe', 'pipe'] }));

  for (const dir of ['/proc/nope', '/proc/nope/deeper'])
    for (const command of ['collector', 'scraper'])
      it(`${command} --state-dir ${dir} ends with 2 and a reason`, async () => {
        const running = llama(
          command,
          '--config',
          command === 'collector' ? collectorFile : scraperFile,
          '--state-dir',
          dir,
        );
        expect(await running.exited).to.deep.equal({ code: 2, signal: null });
        expect(running.stderr).to.match(/\/proc\/nope.*ENOENT: .*its file system makes none there; name another/);
      });

  it('a file writer with a dir in /proc ends with 2 and a reason', async () => {
    const file = join(folder, 'file-writer.yaml');
    const writers = [{ kind: 'file', dir: '/proc/nope' }];
    writeFileSync(file, JSON.stringify({ collectors: ['http://127.0.0.1:9'], writers }));
    const running = llama('scraper', '--config', file);
    expect(await running.exited).to.deep.equal({ code: 2, signal: null });
    expect(running.stderr).to.match(/\/proc\/nope: the directory cannot be written: ENOENT/);
  });

  it('a pipe in the place of a token or config is refused, and holds nothing', async () => {
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const file = join(folder, 'token.yaml');
    writeFileSync(file, JSON.stringify({ api: { tokenFile: pipe }, groups: {} }));
    for (const config of [file, pipe]) {
      const running = llama('collector', '--config', config);
      expect((await running.exited).code).to.equal(1);
      expect(running.stderr).to.match(/it is a pipe, expected a file/);
    }
  });

  /**
   * Signals at many moments of start and work: a default end by the signal before the command handles it, exit code 0
   * after that.
   */
  for (const [name, args] of [
    ['collector', () => ['collector', '--config', collectorFile]],
    ['scraper', () => ['scraper', '--config', scraperFile]],
    ['reflector', () => ['reflector', '--listen', '127.0.0.1:0', '--threads', '2']],
    ['demo', () => ['demo']],
    ['probe', () => ['probe', '192.0.2.1:8100', '--count', '1000', '--period', '1s']],
  ] as const)
    it(`${name} ends at a signal at any moment`, async () => {
      const begun = performance.now();
      const whole = llama(...args());
      // Its whole start, on this machine now: the moments are spread over it.
      await whole.until(
        'it runs',
        () => (whole.stderr + whole.stdout).length > 0 || performance.now() - begun > 4_000,
        START_MS,
      );
      const startMs = performance.now() - begun;
      whole.kill('SIGTERM');
      await whole.exited;
      for (const part of [0.3, 0.6, 0.9, 1.1]) {
        const running = llama(...args());
        await delay(startMs * part);
        const signal = part > 0.8 ? 'SIGINT' : 'SIGTERM';
        const atMs = performance.now();
        running.kill(signal);
        const { code, signal: by } = await running.exited;
        expect(performance.now() - atMs, `${name} at ${part} of its start`).to.be.below(END_MS);
        if (by === null) expect(code, running.stderr).to.be.oneOf([0, 2, 3]);
        else expect(by).to.equal(signal);
      }
    });

  it('is not kept by a system call that hangs: start, then signal, with a file system that does not answer', async () => {
    // A pipe where the lock of the state directory is: opening it waits for ever, in a thread of libuv.
    const state = join(folder, 'state');
    mkdirSync(state);
    execFileSync('mkfifo', [join(state, 'results.bin')]);
    const hang = `import { open } from 'node:fs/promises';
import { exitProcess } from ${JSON.stringify(new URL('../../../src/cli/shared/exitProcess.js', import.meta.url).href)};
import { signalled, unlessSignalled } from ${JSON.stringify(new URL('../../../src/cli/shared/signals.js', import.meta.url).href)};
const signal = signalled();
console.log('ready');
await unlessSignalled(signal, open(${JSON.stringify(join(state, 'results.bin'))}), async () => {});
await exitProcess(0);`;
    const running = new Running(
      spawn(process.execPath, ['--input-type=module', '-e', hang], { stdio: ['ignore', 'pipe', 'pipe'] }),
    );
    await running.until('it hangs', () => running.stdout.includes('ready'), START_MS);
    const atMs = performance.now();
    running.kill('SIGTERM');
    expect(await running.exited).to.deep.equal({ code: 0, signal: null });
    expect(performance.now() - atMs).to.be.within(1_800, END_MS);
  });
});
