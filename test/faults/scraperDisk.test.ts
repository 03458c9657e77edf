/**
 * The scraper as a process whose disk fails it: a spool that is too small, a full disk, damaged files. What is then
 * missing in the database is what the log names, and nothing else. Real InfluxDB; collectors of the test, which hold
 * what they finished.
 */

import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { CollectorServer, FastTiming, row } from '../support/fakes/scraped.js';
import { needs } from '../support/harness/needs.js';
import { seededRandom } from '../support/harness/random.js';
import { waitFor } from '../support/harness/wait.js';
import { freePort, HttpClient } from '../support/processes/http.js';
import { type DatabaseServer, influxQuery, startInfluxd } from '../support/processes/servers.js';
import { compare, Ledger } from './fleet/ledger.js';
import { ScraperProcess } from './fleet/scraperProcess.js';
import { storedInInflux } from './fleet/stored.js';

const DB = 'llama';
const COLLECTORS = 2;
const INTERVALS = 40;
const ROWS = 150;
const INTERVAL_MS = 1_000;
const WAIT_MS = 30_000;

describe('a scraper whose disk fails it', function () {
  this.timeout(90_000);
  let http: HttpClient;
  let dir: string;
  let stateDir: string;
  let mounted = false;
  let influx: DatabaseServer;
  let scraper: ScraperProcess;
  let collectors: CollectorServer[];
  let finished: Ledger;

  before(function () {
    needs(this, 'influxd');
    http = new HttpClient();
  });
  after(() => http?.close());

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'llama-disk-'));
    stateDir = join(dir, 'state');
    await mkdir(stateDir);
    influx = await startInfluxd();
    await influxQuery(influx, `CREATE DATABASE ${DB}`);
    await influx.stop();
    finished = new Ledger();
    collectors = [];
    for (let index = 0; index < COLLECTORS; index++) await hold(`host-${index}`);
  });
  afterEach(async () => {
    await scraper?.kill();
    await influx?.remove();
    await Promise.all(collectors.map((collector) => collector.close()));
    if (mounted) spawnSync('umount', [stateDir]);
    mounted = false;
    await rm(dir, { recursive: true, force: true });
  });

  /** A collector that holds some intervals which do not compress. */
  async function hold(name: string): Promise<void> {
    const collector = await CollectorServer.start(new FastTiming(1));
    collectors.push(collector);
    Object.assign(collector, { name, retention: INTERVALS, intervalMs: INTERVAL_MS });
    const random = seededRandom(name.length + collectors.length);
    const noise = Buffer.alloc(120);
    const tags = Array.from({ length: ROWS }, () => {
      random.fill(noise);
      return { dst_rack: noise.toString('hex') };
    });
    const firstMs = Math.floor(Date.now() / INTERVAL_MS - INTERVALS) * INTERVAL_MS;
    for (let endMs = firstMs; endMs < firstMs + INTERVALS * INTERVAL_MS; endMs += INTERVAL_MS) {
      const rows = tags.map((own, index) => {
        const lost = random.below(10);
        return row(`10.2.${index >> 8}.${index & 255}`, {
          tags: own,
          sent: 10,
          received: 10 - lost,
          lost,
          lossPct: 10 * lost,
        });
      });
      collector.finish(endMs, rows);
      for (const { group, target, class: trafficClass, sent, lost } of rows)
        finished.add({ collector: name, endMs, group, target, class: trafficClass }, { sent, lost });
    }
  }

  async function start(spoolSize: string): Promise<void> {
    const config = join(dir, 'scraper.yaml');
    const port = await freePort();
    await writeFile(
      config,
      JSON.stringify({
        scraper: { listen: `127.0.0.1:${port}`, spoolSize },
        stateDir,
        collectors: collectors.map(({ url }) => url),
        writers: [{ kind: 'influx1', url: influx.url, database: DB, timeout: '2s' }],
      }),
    );
    scraper = new ScraperProcess(config, port, http);
    await scraper.start();
  }

  /** Everything that the collectors hold is in the database, or was named. */
  const settled = (): Promise<true> =>
    waitFor(
      'everything is with the database',
      async () => {
        const { collectors: states, writers } = await scraper.status();
        return (
          states.every(({ name, lastEnd }) => Date.parse(lastEnd ?? '') === finished.newest(name ?? '')) &&
          writers.every(({ queued, spoolIntervals }) => queued + spoolIntervals === 0)
        );
      },
      WAIT_MS,
      50,
    );
  const safe = (): Promise<true> =>
    waitFor(
      'everything is fetched',
      async () =>
        (await scraper.status()).collectors.every(
          ({ name, lastEnd }) => Date.parse(lastEnd ?? '') === finished.newest(name ?? ''),
        ),
      WAIT_MS,
      50,
    );
  const logged = (msg: string): Promise<true> =>
    waitFor(`the log line "${msg}"`, () => scraper.said(msg).length > 0 || undefined, WAIT_MS) as Promise<true>;

  async function isStored(expected: Ledger): Promise<void> {
    const stored = await storedInInflux(influx, DB);
    expect(compare(expected, stored)).to.deep.equal({ missing: [], extra: [], different: [] });
    expect(stored.sums()).to.deep.equal(expected.sums());
  }

  it('loses the intervals that exceed its spool, and names exactly those in the log', async () => {
    await start('1MiB');
    await safe();
    const [writer] = (await scraper.status()).writers;
    expect(writer.spoolBytes).to.be.within(500_000, 2 ** 20);
    expect(writer.lostIntervals).to.be.greaterThan(10);
    const named = scraper
      .said('the spool is full: these intervals are lost to this writer')
      .flatMap(({ intervals }) => intervals as string[]);
    expect(named).to.have.length(writer.lostIntervals);
    await influx.start();
    await settled();
    const gone = new Set(
      named.map((text) => {
        const [collector, times = ''] = text.split(' ');
        return `${collector} ${Date.parse(times.split('–')[1] ?? '')}`;
      }),
    );
    const expected = finished.select((collector, endMs) => !gone.has(`${collector} ${endMs}`));
    expect(expected.sums().points).to.equal(finished.sums().points - named.length * ROWS);
    await isStored(expected);
  });

  it('fetches no more while its disk is full, says so, survives kill -9 then, and nothing is missing at the end', async function () {
    needs(this, 'root');
    const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'llama-test', stateDir]);
    expect(status, stderr.toString()).to.equal(0);
    mounted = true;
    await start('1GiB');
    const told = 'the spool does not take intervals; they wait in memory, and in the collectors';
    await logged(told);
    expect((await scraper.status()).writers[0].spoolErrors).to.be.greaterThan(0);
    expect(await scraper.statusOf('/healthz')).to.equal(503);
    const { collectors: states } = await scraper.status();
    // One collector may be through before the disk is full: it has room for half of what both hold.
    const behind = states.filter(
      ({ name, lastEnd }) => Date.parse(lastEnd ?? '1970-01-01') < finished.newest(name ?? ''),
    );
    expect(behind).not.to.deep.equal([]);
    await scraper.kill();
    await scraper.start();
    await influx.start();
    await settled();
    expect((await scraper.status()).writers[0].lostIntervals).to.equal(0);
    expect(await scraper.statusOf('/healthz')).to.equal(200);
    await isStored(finished);
  });

  it('quarantines damaged cursors and leaves out damaged parts of the spool, reports both, and fetches the data again', async () => {
    await start('1GiB');
    await safe();
    await scraper.stop();
    const cursors = join(stateDir, 'cursors.json');
    await writeFile(cursors, (await readFile(cursors, 'utf8')).slice(0, -10));
    const spools = join(stateDir, 'spool');
    const [spool] = await readdir(spools);
    const [segment] = (await readdir(join(spools, spool))).filter((name) => name.endsWith('.spool')).sort();
    const path = join(spools, spool, segment);
    const bytes = await readFile(path);
    // In the midst of a record, somewhere behind the first ones.
    bytes.fill(0xa5, bytes.length >> 1, (bytes.length >> 1) + 100);
    await writeFile(path, bytes);
    await scraper.start();
    await influx.start();
    await settled();
    const [aside] = scraper.said(
      'a damaged file of cursors was set aside; what collectors still hold is fetched again',
    );
    expect(await readFile(String(aside?.aside), 'utf8')).not.to.equal('');
    const [left] = scraper.said('a damaged part of the spool was left out; the rest is read');
    expect(left).to.include({ level: 'error', file: path });
    await isStored(finished);
  });
});
