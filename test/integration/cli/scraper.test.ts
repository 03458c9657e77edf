import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect } from 'chai';
import type { ScraperStatus } from '../../../src/contract/scraperStatus.js';
import { CollectorServer, FastTiming } from '../../support/fakes/scraped.js';
import type { ResultsAnswer } from '../../support/harness/contract.js';
import { waitFor } from '../../support/harness/wait.js';
import {
  type Command,
  endCommands,
  holdTcpPort,
  llama,
  llamaEnds,
  startReflector,
} from '../../support/processes/command.js';
import { freePort } from '../../support/processes/http.js';

const STATUS_MS = 5_000;

describe('llama scraper', () => {
  let folder: string;
  let file: string;
  const collectors: CollectorServer[] = [];
  const servers: Server[] = [];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'llama-scraper-cli-'));
    file = join(folder, 'scraper.yaml');
  });
  afterEach(async () => {
    await endCommands();
    await Promise.all(collectors.splice(0).map((collector) => collector.close()));
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
    rmSync(folder, { recursive: true });
  });

  async function collector(name: string): Promise<CollectorServer> {
    const one = await CollectorServer.start(new FastTiming(1));
    one.name = name;
    one.intervalMs = 200;
    one.retention = 600;
    one.run(0);
    collectors.push(one);
    return one;
  }

  const out = (): string => join(folder, 'out');
  const write = (urls: readonly string[], more = ''): void =>
    writeFileSync(
      file,
      `scraper: { listen: "127.0.0.1:0" }\nstateDir: ${join(folder, 'state')}\ncollectors: ${JSON.stringify(urls)}\nwriters: [ { kind: file, dir: ${out()} } ]\n${more}`,
    );

  async function start(args: readonly string[] = ['--config', file]) {
    const command = llama(['scraper', ...args]);
    const { api } = await command.logged('scraping');
    const get = async <Answer>(path: string): Promise<Answer> => (await (await fetch(api + path)).json()) as Answer;
    return { command, api: String(api), get, status: () => get<ScraperStatus>('/v1/status') };
  }

  async function ends(command: Command): Promise<void> {
    const signalledMs = performance.now();
    command.signal('SIGTERM');
    expect(await command.exit()).to.equal(0);
    expect(performance.now() - signalledMs).to.be.lessThan(2000);
  }

  /** Lines in all files, whole and half ones. */
  function lines(): string[] {
    if (!existsSync(out())) return [];
    return readdirSync(out())
      .filter((name) => !name.startsWith('.') && /\.(lp|line|lines|influx|txt|gz)/.test(name))
      .flatMap((name) => {
        const bytes = readFileSync(join(out(), name));
        return (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString().split('\n');
      })
      .filter((line) => line.startsWith('raw_stats'));
  }

  const endsOf = (name: string): number[] =>
    lines()
      .filter((line) => line.includes(`,collector=${name},`))
      .map((line) => Number(line.split(' ').at(-1)) / 1e6);

  function expectEach(name: string, intervalMs: number): void {
    const times = endsOf(name);
    expect(new Set(times).size, `${name} has nothing twice`).to.equal(times.length);
    const sorted = times.toSorted((a, b) => a - b);
    for (const [i, ms] of sorted.entries()) expect(ms, `${name} lacks nothing`).to.equal(sorted[0] + i * intervalMs);
  }

  it('writes every probe of a collector once that is ended and started again in the midst of an interval', async () => {
    const { port } = await startReflector();
    const config = join(folder, 'collector.yaml');
    const address = `127.0.0.1:${await freePort()}`;
    const group = `{ period: 20ms, timeout: 100ms, port: ${port}, targets: [127.0.0.1] }`;
    const options = `collector: { name: host-a, interval: 1s, workers: 1 }\nstateDir: ${join(folder, 'collector')}\n`;
    writeFileSync(config, `${options}source: { ports: 2 }\ngroups: { west: ${group} }\n`);
    const measure = async (): Promise<Command> => {
      const command = llama(['collector', '--config', config, '--listen', address]);
      await command.logged('measuring');
      return command;
    };
    const untilMidOf = async (): Promise<void> => {
      await waitFor('the midst of an interval', () => Date.now() % 1_000 > 350 && Date.now() % 1_000 < 650, 10_000);
    };
    const stop = async (command: Command): Promise<number> => {
      command.signal('SIGTERM');
      const { totals } = (await command.logged('ended')) as unknown as { totals: { sent: number } };
      return totals.sent;
    };
    const sentOf = (some: readonly string[]): number =>
      some.reduce((sum, line) => sum + Number(/[ ,]sent=(\d+)/.exec(line)?.[1]), 0);
    write([`http://${address}`]);
    let measuring = await measure();
    const { status } = await start();
    const sent: number[] = [];
    for (let life = 0; life < 2; life++) {
      const before = lines().length;
      await waitFor('an interval', () => lines().length > before, 10_000);
      await untilMidOf();
      sent.push(await stop(measuring));
      measuring = await measure();
    }
    const thirdMs = Date.now();
    await waitFor('a whole interval of the third life', () => Math.max(...endsOf('host-a')) > thirdMs + 1_000, 15_000);
    const former = lines().filter((line) => Number(line.split(' ').at(-1)) / 1e6 < thirdMs);
    expect(sentOf(former)).to.equal(sent[0] + sent[1]);
    const times = endsOf('host-a');
    expect(new Set(times).size).to.equal(times.length);
    // Each life but the last one was cut off, and not at the end of an interval.
    expect(times.filter((ms) => ms % 1_000 !== 0)).to.have.length(2);
    expect((await status()).collectors[0]).to.include({ resets: 0, kind: 'collector', name: 'host-a' });
  });

  it('writes every interval of a real collector once, through a restart of its own and kill -9', async () => {
    const { port } = await startReflector();
    const config = join(folder, 'collector.yaml');
    const address = `127.0.0.1:${await freePort()}`;
    const group = `{ period: 20ms, timeout: 100ms, port: ${port}, targets: [127.0.0.1], classes: [cs0, ef] }`;
    writeFileSync(
      config,
      `collector: { name: host-a, interval: 500ms, retention: 600, workers: 1 }\nsource: { ports: 2 }\ngroups: { west: ${group} }\n`,
    );
    const measuring = llama(['collector', '--config', config, '--listen', address]);
    await measuring.logged('measuring');
    write([`http://${address}`]);
    const first = await start();
    await waitFor('some lines', () => lines().length >= 6, 15_000);
    first.command.signal('SIGKILL');
    await first.command.exit();
    const second = await start();
    const before = lines().length;
    await waitFor('more lines', () => lines().length >= before + 6, 15_000);
    await ends(second.command);
    const third = await start();
    const { collectors: states, writers } = await waitFor('an answer', async () => {
      const status = await third.status();
      return status.collectors[0]?.state === 'up' && status;
    });
    expect(states[0]).to.include({ name: 'host-a', gaps: 0, errors: 0, intervalMs: 500 });
    expect(writers[0]).to.include({ kind: 'file', up: true, rejected: 0, lostIntervals: 0 });
    const upTo = endsOf('host-a').length;
    await waitFor('more lines', () => endsOf('host-a').length >= upTo + 4, 15_000);
    await ends(third.command);
    const answer = (await (await fetch(`http://${address}/v1/results`)).json()) as ResultsAnswer;
    const told = new Map<number, number>();
    for (const { endMs, results } of answer.intervals) told.set(endMs, results.length);
    const written = new Map<number, number>();
    for (const ms of endsOf('host-a')) written.set(ms, (written.get(ms) ?? 0) + 1);
    const last = Math.max(...written.keys());
    for (const [endMs, rows] of told)
      if (endMs <= last && rows > 0) expect(written.get(endMs), String(endMs)).to.equal(rows);
    for (const endMs of written.keys()) expect(told.has(endMs)).to.equal(true);
  }).timeout(60_000);

  it('takes the changed list of collectors at SIGHUP and by POST /v1/reload; the others go on', async () => {
    const [a, b] = [await collector('a'), await collector('b')];
    write([a.url]);
    const { command, api, status } = await start();
    await waitFor('lines of a', () => endsOf('a').length > 2);
    write([a.url, b.url], 'x: 1\n');
    command.signal('SIGHUP');
    const { code, error } = await command.logged('reload failed; nothing changed');
    expect(code).to.equal('LLAMA_CONFIG_INVALID');
    expect(error).to.include('scraper.yaml:5:1: /x: found "x"');
    write([a.url, b.url]);
    command.signal('SIGHUP');
    expect(await command.logged('config reloaded')).to.deep.include({ added: [b.url], changed: [], removed: [] });
    await waitFor('lines of b', () => endsOf('b').length > 2);
    write([b.url]);
    writeFileSync(file, readFileSync(file, 'utf8').replace(/writers.*/, 'writers: []'));
    const response = await fetch(`${api}/v1/reload`, { method: 'POST' });
    expect(await response.json()).to.deep.equal({ added: [], changed: [], removed: [a.url], restart: ['writers'] });
    expect((await status()).collectors.map(({ url }) => url)).to.deep.equal([b.url]);
    await ends(command);
    for (const name of ['a', 'b']) expectEach(name, 200);
  });

  it('ends within 2 s with a collector that hangs and a database that is away, and writes the waiting points after the next start', async () => {
    const [a, b] = [await collector('a'), await collector('b')];
    b.manner = 'hang';
    const dead = await freePort();
    const influx = (port: number): string =>
      `[ { kind: influx1, url: "http://127.0.0.1:${port}", database: llama }, { kind: file, dir: ${out()} } ]`;
    const text = (port: number): string => {
      write([a.url, b.url]);
      return readFileSync(file, 'utf8').replace(/writers.*/, `writers: ${influx(port)}`);
    };
    writeFileSync(file, text(dead));
    const first = await start();
    await waitFor('lines of a', () => endsOf('a').length > 3);
    await ends(first.command);
    const got: string[] = [];
    const database = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const bytes = Buffer.concat(chunks);
        const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes;
        got.push(
          ...body
            .toString()
            .split('\n')
            .filter((line) => line !== ''),
        );
        response.writeHead(204).end();
      });
    });
    servers.push(database);
    await new Promise<void>((resolve) => database.listen(dead, '127.0.0.1', resolve));
    expect((database.address() as AddressInfo).port).to.equal(dead);
    const second = await start();
    const known = endsOf('a').length;
    await waitFor('what waited, and more', () => got.length > known + 2, 15_000);
    await ends(second.command);
    const times = got.map((line) => Number(line.split(' ').at(-1))).toSorted((x, y) => x - y);
    for (const [i, ms] of times.entries()) expect(ms).to.equal(times[0] + i * 200);
    expect(times[0]).to.equal(Math.min(...endsOf('a')));
  }).timeout(40_000);

  it('serves status, health, metrics and its documentation; reloads from elsewhere need a token', async () => {
    const a = await collector('a');
    write([a.url]);
    const { command, api, get, status } = await start();
    await waitFor('it is ready', async () => (await fetch(`${api}/readyz`)).status === 200);
    expect(await get('/healthz')).to.deep.equal({ status: 'ok' });
    expect((await get<{ info: { title: string } }>('/openapi.json')).info.title).to.equal('LLAMA scraper');
    expect((await fetch(`${api}/docs`)).status).to.equal(200);
    const metrics = await (await fetch(`${api}/metrics`)).text();
    expect(metrics).to.include(`llama_scraper_collector_up{url="${a.url}",collector="a"} 1`);
    const { version, warnings } = await status();
    expect(version).to.match(/^\d/);
    expect(warnings).to.deep.equal([]);
    const proxied = await fetch(`${api}/v1/reload`, { method: 'POST', headers: { 'x-forwarded-for': '10.0.0.1' } });
    expect(proxied.status).to.equal(403);
    expect(JSON.stringify(await proxied.json())).to.include('scraper.tokenFile');
    await ends(command);
  });

  it('works without a config, and says that nothing outlives it without --state-dir', async () => {
    const a = await collector('a');
    const got: string[] = [];
    const database = createServer((request, response) => {
      got.push(request.url ?? '');
      request.resume().on('end', () => response.writeHead(204).end());
    });
    servers.push(database);
    await new Promise<void>((resolve) => database.listen(0, '127.0.0.1', resolve));
    const influx = `http://127.0.0.1:${(database.address() as AddressInfo).port}`;
    const { command } = await start([
      ...['--collector', a.url, '--influx-url', influx, '--influx-org', 'o', '--influx-bucket', 'b'],
      ...['--listen', '127.0.0.1:0'],
    ]);
    const { dir } = await command.logged(
      'without stateDir, what waits for a database is lost when the scraper ends, and it begins with what collectors still hold',
    );
    await waitFor('points', () => got.length > 0, STATUS_MS);
    expect(got[0]).to.match(/^\/api\/v2\/write\?.*bucket=b/);
    command.signal('SIGHUP');
    expect(await command.logged('config reloaded')).to.deep.include({ added: [], removed: [] });
    await ends(command);
    expect(existsSync(String(dir))).to.equal(false);
  });

  const WRONG: readonly (readonly [string, readonly string[], RegExp])[] = [
    ['nothing', [], /found neither --config nor --collector/],
    ['two ways at once', ['--config', 'c', '--collector', 'http://a'], /--config together with --collector/],
    ['no database', ['--collector', 'http://a'], /--collector without --influx-url/],
    [
      'half a database',
      ['--collector', 'http://a', '--influx-url', 'http://a', '--influx-org', 'o'],
      /found --influx-url alone/,
    ],
    [
      'both databases',
      ['--collector', 'http://a', '--influx-url', 'http://a', '--influx-database', 'd', '--influx-bucket', 'b'],
      /--influx-database together with options of InfluxDB 2/,
    ],
    [
      'wrong values',
      ['--collector', 'a:1', '--influx-url', 'b:2', '--influx-database', 'd', '--listen', 'x'],
      /^found "x" for --listen.*\n--collector: found "a:1", expected a URL.*\n--influx-url: found "b:2", expected a URL.*\n$/,
    ],
    ['no file', ['--config', '/nowhere.yaml'], /there is no such file/],
  ];
  for (const [title, args, says] of WRONG)
    it(`with ${title} ends with 1 and a remedy`, async () => {
      const { code, err } = await llamaEnds(['scraper', ...args]);
      expect(code).to.equal(1);
      expect(err).to.match(says);
    });

  it('ends with 2 when its port is taken, or another scraper uses its state directory', async () => {
    const a = await collector('a');
    write([a.url]);
    const held = await holdTcpPort();
    const taken = await llamaEnds(['scraper', '--config', file, '--listen', `127.0.0.1:${held.port}`]);
    expect(taken.code).to.equal(2);
    expect(taken.err).to.include('scraper.listen or --listen');
    await held.release();
    await start();
    const second = await llamaEnds(['scraper', '--config', file]);
    expect(second.code).to.equal(2);
    expect(second.err).to.match(/another|in use|used by/i);
  });
});

describe('llama check of a scraper', () => {
  it('prints the meaning of a config and the origin of each value', async () => {
    const { code, out } = await llamaEnds(['check', 'config/examples/scraper-fleet.yaml', '--listen', '127.0.0.1:1']);
    expect(code).to.equal(0);
    expect(out).to.match(/^config\/examples\/scraper-fleet.yaml is valid, for llama scraper\n/);
    expect(out).to.match(/scraper.listen +127.0.0.1:1 +command line --listen/);
    expect(out).to.match(/scraper.matrixHours +24 +config\/examples\/scraper-fleet.yaml:3/);
    expect(out).to.include('collectors from the A and AAAA records of llama-collectors.monitoring.svc.cluster.local');
    expect(out).to.include('influx2 http://influxdb.monitoring:8086 netops/llama');
    expect(out).to.match(/most on disk +20GiB/);
  });

  it('prints it, so that it can be read again', async () => {
    const { code, out } = await llamaEnds(['check', '--print', 'config/examples/scraper-influx1.yaml']);
    expect(code).to.equal(0);
    const folder = mkdtempSync(join(tmpdir(), 'llama-check-'));
    const file = join(folder, 'printed.yaml');
    writeFileSync(file, out);
    const again = await llamaEnds(['check', '--print', file]);
    expect(again.out.split('\n').slice(1)).to.deep.equal(out.split('\n').slice(1));
    rmSync(folder, { recursive: true });
  });

  it('reports problems with their lines, and ends with 1', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'llama-check-'));
    const file = join(folder, 'bad.yaml');
    writeFileSync(file, 'collectors: ["http://a"]\nwriters:\n  - { kind: influx }\n');
    const { code, err } = await llamaEnds(['check', file]);
    expect(code).to.equal(1);
    expect(err).to.match(/bad.yaml:3:13: \/writers\/0\/kind: found "influx", expected one of influx2, influx1, file/);
    rmSync(folder, { recursive: true });
  });
});
