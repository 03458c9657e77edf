/**
 * The commands under seccomp filters that refuse sockets of some address families with EAFNOSUPPORT, as systemd's
 * RestrictAddressFamilies= does.
 */

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { needs } from '../support/harness/needs.js';
import { freePort, HttpClient } from '../support/processes/http.js';
import { CLI, Running } from '../support/processes/process.js';

const FILTER = fileURLToPath(new URL('../../../test/support/processes/refuseFamilies.py', import.meta.url));
const [AF_INET6, AF_NETLINK] = [10, 16];
const START_MS = 60_000;

interface Status {
  readonly warnings: readonly string[];
  readonly totals: Readonly<Record<string, number>>;
}

describe('address families that are refused', function () {
  this.timeout(120_000);
  const started: Running[] = [];
  let folder: string;
  let http: HttpClient;

  before(function () {
    needs(this, 'python3');
    folder = mkdtempSync(join(tmpdir(), 'llama-families-'));
    http = new HttpClient(spawn);
  });
  after(async () => {
    await http?.close();
    for (const running of started) running.kill('SIGKILL');
    await Promise.all(started.map(({ exited }) => exited));
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  function llama(families: readonly number[], ...args: string[]): Running {
    const command = [FILTER, families.join(), process.execPath, CLI, ...args];
    const running = new Running(spawn('python3', command, { stdio: ['ignore', 'pipe', 'pipe'] }));
    started.push(running);
    return running;
  }
  function write(config: object): string {
    const file = join(folder, `${started.length}.yaml`);
    writeFileSync(file, JSON.stringify(config));
    return file;
  }
  async function ends(running: Running): Promise<void> {
    running.kill('SIGTERM');
    expect(await running.exited).to.deep.equal({ code: 0, signal: null });
    expect(running.stderr).not.to.match(/internal error|at .*\.js:\d+/);
  }
  const status = async (port: number): Promise<Status> => http.json('GET', `http://127.0.0.1:${port}/v1/status`);

  it('without AF_NETLINK a collector listens on every address, and leaves out its own with skipSelf', async () => {
    const port = await freePort();
    const groups = { mesh: { skipSelf: true, period: '100ms', targets: ['127.0.0.1', '192.0.2.1'] } };
    const file = write({
      api: { listen: `0.0.0.0:${port}` },
      source: { ports: 1 },
      collector: { interval: '1s' },
      groups,
    });
    const running = llama([AF_NETLINK], 'collector', '--config', file);
    await running.until('it measures', () => running.stderr.includes('"measuring"'), START_MS);
    const { groups: held } = await http.json<{ groups: { targets: number }[] }>(
      'GET',
      `http://127.0.0.1:${port}/v1/groups`,
    );
    expect(held.map(({ targets }) => targets)).to.deep.equal([1]);
    expect((await status(port)).warnings.join()).not.to.include('skipSelf');
    await ends(running);
  });

  it('without AF_NETLINK a reflector serves its status, and a scraper its API, on every address', async () => {
    const [one, two] = [await freePort(), await freePort()];
    const reflector = llama([AF_NETLINK], 'reflector', '--listen', '127.0.0.1:0', '--status', `0.0.0.0:${one}`);
    await reflector.until('it answers', () => reflector.stderr.includes('"answering probes"'), START_MS);
    await status(one);
    await ends(reflector);
    const writers = [{ kind: 'file', dir: join(folder, 'points') }];
    const file = write({ scraper: { listen: `0.0.0.0:${two}` }, collectors: ['http://127.0.0.1:9'], writers });
    const scraper = llama([AF_NETLINK], 'scraper', '--config', file);
    await scraper.until('it scrapes', () => scraper.stderr.includes('"scraping"'), START_MS);
    await status(two);
    await ends(scraper);
  });

  it("without AF_INET6 a configuration of LLAMA with bind ':5000' listens on IPv4, measures, and says so", async () => {
    const port = await freePort();
    const file = write({
      summarization: { interval: 1, handlers: 1 },
      api: { bind: `:${port}` },
      ports: { default: { ip: '127.0.0.1', port: 0, tos: 0, timeout: 100 } },
      port_groups: { default: [{ port: 'default', count: 1 }] },
      rate_limits: { default: { cps: 4 } },
      tests: [{ targets: 'default', port_group: 'default', rate_limit: 'default' }],
      targets: { default: [{ ip: '127.0.0.1', port: 8100, tags: {} }] },
    });
    const running = llama([AF_INET6], 'collector', '--config', file);
    await running.until('it measures', () => running.stderr.includes('"measuring"'), START_MS);
    const { warnings } = await status(port);
    expect(warnings.join('\n')).to.match(
      new RegExp(`the API listens on 0\\.0\\.0\\.0:${port}, IPv4 only, in the place of \\[::\\]: listen EAFNOSUPPORT`),
    );
    await running.until('it sends', async () => ((await status(port)).totals.sent ?? 0) > 0, START_MS);
    await ends(running);
  });

  it('without AF_INET6 and AF_NETLINK reflector and probe measure by IPv4', async () => {
    const port = await freePort();
    const reflector = llama([AF_INET6, AF_NETLINK], 'reflector', '--listen', `127.0.0.1:${port}`);
    await reflector.until('it answers', () => reflector.stderr.includes('"answering probes"'), START_MS);
    const probe = llama([AF_INET6, AF_NETLINK], 'probe', `localhost:${port}`, '--count', '10', '--json');
    expect((await probe.exited).code, probe.stderr).to.equal(0);
    expect(JSON.parse(probe.stdout).results[0].received).to.equal(10);
    await ends(reflector);
  });
});
