/**
 * A scraper whose name server is dead: what has no need of it goes on. In a namespace, with the product's own
 * processes.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Namespaces } from '../../lab/namespaces.js';
import { needs } from '../../support/harness/needs.js';
import { HttpClient } from '../../support/processes/http.js';
import { CLI, Running } from '../../support/processes/process.js';

const HOSTS = 50;
const START_MS = 60_000;
/** Intervals of a second that must reach the database, each soon after its end. */
const INTERVALS = 20;
const DATABASE_PORT = 8086;
/** Takes what an InfluxDB 1 takes, and prints a line for each request: its time, and the times of its points. */
const DATABASE = `require('node:http').createServer((request, response) => {
  let body = '';
  request.setEncoding('utf8').on('data', (text) => { body += text; }).on('end', () => {
    response.writeHead(204).end();
    if (!request.url.startsWith('/write')) return;
    const times = [...new Set(body.split('\\n').map((line) => Number(line.split(' ').at(-1))))];
    console.log(JSON.stringify({ atMs: Date.now(), times }));
  });
}).listen(${DATABASE_PORT}, '127.0.0.1', () => console.log('ready'));`;

interface Status {
  readonly collectors: readonly { readonly url: string; readonly lastError: string | null }[];
}

describe('a scraper with a dead name server', function () {
  this.timeout(180_000);
  const namespaces = new Namespaces();
  let folder: string;
  let http: HttpClient | undefined;

  before(async function () {
    needs(this, 'root', 'ip', 'nft');
    folder = mkdtempSync(join(tmpdir(), 'llama-dead-names-'));
    await namespaces.add(['host']);
    await namespaces.exec('host', 'ip', ['link', 'set', 'lo', 'up']);
    // The server is this host's own address, which takes the questions and never answers.
    await namespaces.exec('host', 'ip', ['address', 'add', '192.0.2.53/32', 'dev', 'lo']);
    const drop = 'add table ip t\nadd chain ip t o { type filter hook output priority 0; }\n';
    await namespaces.exec('host', 'nft', ['-f', '-'], `${drop}add rule ip t o ip daddr 192.0.2.53 drop\n`);
    writeFileSync(join(folder, 'resolv.conf'), 'nameserver 192.0.2.53\n');
    // Not even localhost is in it.
    writeFileSync(join(folder, 'hosts'), '');
    writeFileSync(join(folder, 'nsswitch.conf'), 'hosts: files dns\n');
  });
  after(async () => {
    await http?.close();
    await namespaces.destroy();
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  /** `ip netns exec` has a mount namespace of its own, in which these files cover the host's. */
  function start(args: readonly string[]): Running {
    const files = ['resolv.conf', 'hosts', 'nsswitch.conf'];
    const mounts = files.map((file) => `mount --bind ${join(folder, file)} /etc/${file}`).join(' && ');
    const command = [`${mounts} && exec "$@"`, 'sh', process.execPath, ...args];
    return new Running(namespaces.spawn('host', 'sh', ['-c', ...command], { stdio: ['ignore', 'pipe', 'pipe'] }));
  }

  it('reads a collector by its address and writes to a database on localhost, without delay', async () => {
    const database = start(['-e', DATABASE]);
    await database.until('the database listens', () => database.stdout.includes('ready'), START_MS);
    const file = join(folder, 'collector.yaml');
    writeFileSync(
      file,
      JSON.stringify({
        collector: { name: 'alive', interval: '1s', workers: 1 },
        source: { ports: 1 },
        groups: { west: { period: '100ms', timeout: '100ms', targets: ['127.0.0.1'] } },
      }),
    );
    const collector = start([CLI, 'collector', '--config', file]);
    await collector.until('it measures', () => collector.stderr.includes('"measuring"'), START_MS);
    const dead = Array.from({ length: HOSTS }, (_, i) => `http://collector-${i}.example:5000`);
    const scraperFile = join(folder, 'scraper.yaml');
    writeFileSync(
      scraperFile,
      JSON.stringify({
        stateDir: join(folder, 'state'),
        collectors: [...dead, 'http://127.0.0.1:5000'],
        writers: [{ kind: 'influx1', url: `http://localhost:${DATABASE_PORT}`, database: 'llama', gzip: false }],
      }),
    );
    const scraper = start([CLI, 'scraper', '--config', scraperFile]);
    const written = (): { readonly atMs: number; readonly times: readonly number[] }[] =>
      database.stdout
        .split('\n')
        .slice(0, -1)
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line));
    const times = (): ReadonlySet<number> => new Set(written().flatMap((request) => request.times));
    await scraper.until(`${INTERVALS} intervals are written`, () => times().size >= INTERVALS, START_MS);
    const lags = written()
      .slice(5)
      .flatMap(({ atMs, times: of }) => of.map((time) => atMs - time));
    // A point has the start of its interval of 1 s; it is read within the next second, and written at once.
    expect(Math.max(...lags), `lags ${lags.join()} ms`).to.be.below(6_000);
    const all = [...times()].sort();
    const steps = all.slice(1).map((time, i) => time - all[i]);
    expect([...new Set(steps)], `steps of ${all.join()}`).to.deep.equal([1_000]);

    http = new HttpClient((command, args, options) => namespaces.spawn('host', command, args, options));
    const { collectors } = await http.json<Status>('GET', 'http://127.0.0.1:5050/v1/status');
    expect(collectors).to.have.length(HOSTS + 1);
    for (const { url, lastError } of collectors)
      if (url.includes('.example'))
        expect(lastError, url).to.match(/the host name .* (does not resolve|is not resolved)/);
      else expect(lastError, url).to.equal(null);
  });
});
