/** `llama top` as its users have it: the real program on a pseudo-terminal, over a real collector or scraper. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { page } from '../../../support/harness/documents.js';
import { needs } from '../../../support/harness/needs.js';
import { waitFor } from '../../../support/harness/wait.js';
import { endCommands, llamaEnds, startReflector } from '../../../support/processes/command.js';
import { freePort } from '../../../support/processes/http.js';
import { type Running, startLlama } from '../../../support/processes/process.js';
import { TerminalProgram } from '../../../support/processes/pty.js';

const START_MS = 15_000;
const GUIDE = page('docs/guide/top.md').text;
const RESTORED = '\u001b[?7h\u001b[?25h\u001b[0m\u001b[?1049l';

describe('llama top', function () {
  this.timeout(60_000);
  let directory = '';
  let config = '';
  let port = 0;
  let url = '';
  let collector: Running;
  let program: TerminalProgram | undefined;

  async function startCollector(): Promise<void> {
    collector = startLlama(['collector', '--config', config, '--listen', `127.0.0.1:${port}`]);
    await collector.until(
      'an interval is finished',
      async () => {
        const { status } = await fetch(`${url}/readyz`);
        return status === 200;
      },
      START_MS,
    );
  }

  function start(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): TerminalProgram {
    program = new TerminalProgram(['top', '--url', url, ...args], 100, 30, env);
    return program;
  }

  before(async function () {
    needs(this, 'python3');
    directory = mkdtempSync(join(tmpdir(), 'llama-top-'));
    config = join(directory, 'llama.yaml');
    port = await freePort();
    url = `http://127.0.0.1:${port}`;
    const { port: answering } = await startReflector();
    const group = { period: '200ms', timeout: '1s', classes: ['cs0', 'ef'], port: answering };
    const groups = { west: { ...group, targets: [{ address: '127.0.0.1', tags: { dst_rack: 'r1' } }] } };
    const process = { collector: { name: 'top-test', interval: '1s', workers: 1 }, source: { ports: 2 } };
    writeFileSync(config, JSON.stringify({ ...process, groups }));
    await startCollector();
  });

  after(async () => {
    await collector?.stop();
    await endCommands();
    if (directory !== '') rmSync(directory, { recursive: true });
  });

  afterEach(async () => {
    await program?.end();
    program = undefined;
  });

  it('is live; its keys work; q ends it with 0 and gives the terminal back', async () => {
    const top = start();
    await top.shows(/^LLAMA collector top-test .* LIVE$/m);
    await top.shows(/^127\.0\.0\.1 +0$/m);
    expect(top.screen).to.match(/^127\.0\.0\.1 +127\.0\.0\.1 +(cs0|ef) +\d+ +0 +0 +\d+ /m);
    top.keys('m');
    await top.shows(/MATRIX {2}p50 round trip[\s\S]*^127\.0\.0\.1 +[\d.]+[mu]s/m);
    top.keys('c');
    await top.shows(/class cs0 {2}metric p50$/m);
    expect(top.screen).not.to.match(/^127.* ef /m);
    top.keys('?');
    await top.shows(/Ctrl-Z +suspend/);
    top.keys('x/none');
    await top.shows(/nothing matches the filter[\s\S]*filter: none_/);
    top.keys('\u001b');
    await top.shows(/q quit/);
    top.resize(60, 20);
    const small = await top.shows(/STALE$|LIVE$/m);
    expect(small).to.be.a('string');
    await top.shows(/^(?=[\s\S]*LIVE)(?:.{0,60}\n){19}.{0,60}$/);
    top.keys('q');
    expect(await top.event('exit')).to.deep.equal({ exit: 0, cooked: true });
    expect(top.raw.endsWith(RESTORED)).to.equal(true);
  });

  it('new intervals come by themselves, and the counts grow', async () => {
    const top = start(['--rows', 'dst_rack']);
    const sent = (): number => Number(/^127\.0\.0\.1 +127\.0\.0\.1 +cs0 +\d+ +\d+ +(\d+)/m.exec(top.screen)?.[1]);
    await top.shows(/^r1 +0$/m);
    const first = sent();
    expect(first).to.be.greaterThan(0);
    await top.shows(new RegExp(`cs0 +0 +0 +(?!${first} )\\d+ `));
    expect(sent()).to.be.greaterThan(first);
  });

  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
    it(`${signal} ends it with 0 and gives the terminal back`, async () => {
      const top = start();
      await top.shows(/LIVE$/m);
      process.kill(top.pid, signal);
      expect(await top.event('exit')).to.deep.equal({ exit: 0, cooked: true });
      expect(top.raw.endsWith(RESTORED)).to.equal(true);
    });

  it('Ctrl-Z gives the terminal back and stops; when it goes on it is live again', async () => {
    const top = start();
    await top.shows(/LIVE$/m);
    top.keys('\u001a');
    expect(await top.event('stopped')).to.deep.equal({ stopped: true, cooked: true });
    expect(top.raw.endsWith(RESTORED)).to.equal(true);
    const before = top.raw.length;
    process.kill(top.pid, 'SIGCONT');
    await waitFor('it draws again', () => /\[\?1049h[\s\S]*LIVE/.test(top.raw.slice(before)));
    top.keys('q');
    expect(await top.event('exit')).to.deep.equal({ exit: 0, cooked: true });
  });

  it('shows its data as stale while the collector is away, and is live again when that is back', async () => {
    const top = start();
    await top.shows(/LIVE$/m);
    await collector.stop();
    await top.shows(/AWAY$[\s\S]*^STALE: no connection for \d+s.*connection refused/m);
    await top.shows(/data \d+s old, STALE[\s\S]*unknown; 2 stale[\s\S]*^127\.0\.0\.1 +\d+~/m);
    await startCollector();
    await top.shows(/LIVE$[\s\S]*^127\.0\.0\.1 +0$/m, 30_000);
    expect(top.screen).not.to.include('STALE');
  });

  it('NO_COLOR turns colours off', async () => {
    const top = start([], { NO_COLOR: '1' });
    await top.shows(/LIVE$/m);
    expect(top.raw).not.to.match(/\[[\d;]+m/);
    const other = new TerminalProgram(['top', '--url', url], 100, 30, { NO_COLOR: '' });
    await other.shows(/LIVE$/m);
    expect(other.raw).to.match(/\[1m/);
    await other.end();
  });

  it('--once prints one picture without colours into a pipe, and ends with 0; the guide has one of this shape', async () => {
    const { code, out, err } = await llamaEnds(['top', '--url', url, '--once', '--metric', 'p99']);
    expect([code, err]).to.deep.equal([0, '']);
    const sample = GUIDE.slice(GUIDE.indexOf('LLAMA collector '));
    for (const text of [out, sample.slice(0, sample.indexOf('```'))]) {
      const shape = [
        /^LLAMA collector \S+ {2}http:\S+ {2}\d{4}-\S+Z$/,
        /^interval \d+s {2}data \d+s old {2}window 1m \(\S+ held\) {2}class all {2}metric p99$/,
        /^network: \d+ pairs?: (no answer from \d+, )?(loss on \d+ \(worst [\d.]+ %\), )?no loss on \d+(; latency normal( on (the \d+|\d+ of \d+)( that answers?)?)?)?$/,
        /^tool: {4}(well|NOT WELL) {2}slips \d+ {2}overflows \d+ {2}local drops \d+ {2}send errors \d+ {2}thread losses \d+ {2}threads \d+ of \d+ running$/,
      ];
      const lines = text.split('\n').filter((one) => !one.startsWith('         ! '));
      for (const [i, expected] of shape.entries()) expect(lines[i]).to.match(expected);
      expect(text).to.match(
        /^.MATRIX {2}p99 round trip {2}\d+ rows, \d+ columns, worst first\nsource \\ target( +\S+)+\n127/m,
      );
      expect(text).to.match(/^ WORST PAIRS .*\nsource +target +class +loss % +lost +sent +p99 +age\n127/m);
      expect(text).to.match(/^ WORST PATHS .*\nsource +target +class +port +loss % +lost +sent +mean +max\n127/m);
      expect(text).to.match(/· no data {2}\? not measured {2}- no answer {2}~ stale {2}\+ ! bad\n$/);
    }
  });

  it('--json prints the data, of one class', async () => {
    const { code, out } = await llamaEnds(['top', '--url', url, '--json', '--class', 'EF']);
    expect(code).to.equal(0);
    const { tool, pairs, paths, matrix, classes } = JSON.parse(out);
    expect(tool).to.include({ kind: 'collector', name: 'top-test', intervalMs: 1000 });
    expect(pairs).to.have.length(1);
    expect(pairs[0]).to.include({ target: '127.0.0.1', class: 'ef' });
    expect(pairs[0].sent).to.be.greaterThan(0);
    expect(paths.paths).to.have.length(2);
    expect([matrix.rows.length, matrix.columns.length, classes]).to.deep.equal([1, 1, ['cs0', 'ef']]);
  });

  it('shows a scraper as it shows a collector', async () => {
    const file = join(directory, 'scraper.yaml');
    const listen = `127.0.0.1:${await freePort()}`;
    writeFileSync(file, JSON.stringify({ collectors: [url], writers: [] }));
    const scraper = startLlama(['scraper', '--config', file, '--listen', listen]);
    try {
      const shown = await scraper.until(
        'a picture with data',
        async () => {
          const { code, out } = await llamaEnds(['top', '--url', `http://${listen}`, '--once']);
          return code === 0 && !/no data (yet|in)/.test(out) && /collectors 1 (up|behind)/.test(out) && out;
        },
        START_MS,
      );
      expect(shown).to.match(/^LLAMA scraper of 1 collector /);
      expect(shown).to.match(/^tool: .*collectors 1 (up|behind) {2}intervals lost \d+ {2}writers 0 of 0 up$/m);
      expect(shown).to.match(/^top-test +127\.0\.0\.1 +127\.0\.0\.1 +ef /m);
    } finally {
      await scraper.stop();
    }
  });

  it('ends with 2 and the remedy when nothing can be reached', async () => {
    const { code, out, err } = await llamaEnds(['top', '--once', '--url', `http://127.0.0.1:${await freePort()}`]);
    expect([code, out]).to.deep.equal([2, '']);
    expect(err).to.match(/^http:\/\/127\.0\.0\.1:\d+: connection refused; does it run, and is that its port\?/);
  });

  it('ends with 1 for a URL that is none, for a server that is not LLAMA, and for words that are not known', async () => {
    const server = createServer((_, response) => response.end('<html>'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const other = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      for (const [args, says] of [
        [['--url', '127.0.0.1:5000'], 'expected http://HOST:PORT'],
        [['--url', other], 'expected the API of a LLAMA collector or scraper'],
        [['--url', url, '--metric', 'p42'], '--metric "p42": expected one of loss, p50'],
        [['--url', url, '--class', 'gold'], '--class "gold": expected a class by name'],
        [['--url', url, '--window', 'long'], 'expected a duration with a unit'],
        [['--url', url, '--token-file', join(directory, 'none')], 'found no file that can be read'],
      ] as const) {
        const { code, out, err } = await llamaEnds(['top', '--once', ...args]);
        expect([code, out], err).to.deep.equal([1, '']);
        expect(err).to.include(says).and.not.include('    at ');
      }
    } finally {
      server.close();
    }
  });

  it('reads with a token, which is in no message', async () => {
    const server = createServer((request, response) => {
      response.statusCode = request.headers.authorization === 'Bearer read-me-0123456789' ? 404 : 401;
      response.end('{}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const other = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const file = join(directory, 'token');
    writeFileSync(file, 'read-me-0123456789\n', { mode: 0o600 });
    try {
      const without = await llamaEnds(['top', '--once', '--url', other]);
      expect([without.code, without.err]).to.deep.equal([
        1,
        `${other}: found status 401, expected 200; give a token that may read with --token-file\n`,
      ]);
      const withToken = await llamaEnds(['top', '--once', '--url', other, '--token-file', file]);
      expect(withToken.err).to.include('found status 404').and.not.include('read-me');
    } finally {
      server.close();
    }
  });
});
