/** The whole of the delivery with real databases, which go away and come back. */

import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { WriterConfig } from '../../../src/config/scraper/writerConfig.js';
import type { WriterStatus } from '../../../src/contract/scraperStatus.js';
import { WriterDelivery } from '../../../src/scraper/delivery/delivery.js';
import { Spool } from '../../../src/scraper/spool/spool.js';
import { readableLog, sampleInterval, sampleRow } from '../../support/fakes/intervals.js';
import { needs } from '../../support/harness/needs.js';
import { waitFor } from '../../support/harness/wait.js';
import {
  type DatabaseServer,
  influxQuery,
  startInfluxd,
  startVictoriaMetrics,
  victoriaExport,
} from '../../support/processes/servers.js';

const COLLECTORS = 3;
const ROWS = 20;
const QUICK = { baseMs: 20, maxMs: 200 };

describe('delivery', function () {
  this.timeout(90_000);
  let dir: string;
  let delivery: WriterDelivery | undefined;
  let log: ReturnType<typeof readableLog>;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'llama-delivery-'));
    log = readableLog();
  });
  afterEach(async () => {
    await delivery?.close();
    delivery = undefined;
    await rm(dir, { recursive: true });
  });

  async function open(...configs: WriterConfig[]): Promise<WriterDelivery> {
    const options = { stateDir: join(dir, 'state'), spoolAfterMs: 100 };
    delivery = await WriterDelivery.open(configs, options, log.logger, QUICK);
    return delivery;
  }
  function statusOf(kind: WriterConfig['kind']): WriterStatus {
    const status = delivery?.status().find((status) => status.kind === kind);
    if (status === undefined) throw new Error(`no writer ${kind}`);
    return status;
  }
  const linesIn = async (of: string): Promise<string[]> => {
    const names = (await readdir(of)).filter((name) => name.startsWith('llama-'));
    const texts = await Promise.all(names.map((name) => readFile(join(of, name), 'utf8')));
    return texts.flatMap((text) => text.split('\n').filter((line) => line !== ''));
  };

  describe('to InfluxDB, VictoriaMetrics and files at once', () => {
    let influx: DatabaseServer;
    let victoria: DatabaseServer;
    before(async function () {
      needs(this, 'influxd', 'victoriaMetrics');
      [influx, victoria] = await Promise.all([startInfluxd(), startVictoriaMetrics()]);
    });
    beforeEach(() => influxQuery(influx, 'CREATE DATABASE llama'));
    after(() => Promise.all([influx?.remove(), victoria?.remove()]));

    const inInflux = async (): Promise<number> => {
      const [series] = await influxQuery(influx, 'SELECT COUNT(sent) FROM raw_stats', { db: 'llama' });
      return Number(series?.values[0]?.[1] ?? 0);
    };
    const inVictoria = async (): Promise<number> => {
      const series = await victoriaExport(victoria, '{__name__="raw_stats_sent"}');
      const distinct = series.map(({ timestamps }) => new Set(timestamps).size);
      return distinct.reduce((sum, count) => sum + count, 0);
    };

    it('leaves the interval that was measured last in InfluxDB, of two that end at the same time, and counts the other', async () => {
      const files = join(dir, 'files');
      const both = await open(
        { kind: 'influx1', url: influx.url, database: 'llama', timeoutMs: 1000 },
        { kind: 'file', dir: files },
      );
      const of = (index: number, clockEpoch: number) => ({
        ...sampleInterval('stepped', index, 0),
        clockEpoch,
        rows: [sampleRow({ sent: 160 + clockEpoch, target: '10.9.9.9' })],
      });
      await influxQuery(influx, 'CREATE DATABASE llama');
      // One is acknowledged before the clock is set back, one waits in the spool for a database that is away.
      await both.deliver(of(1, 0));
      await waitFor('it is written', () => statusOf('influx1').intervals === 1);
      await influx.stop();
      await both.deliver(of(2, 0));
      await waitFor('it is in the spool', () => statusOf('influx1').spoolIntervals === 1);
      await Promise.all([both.deliver(of(1, 1)), both.deliver(of(2, 1)), both.deliver(of(2, 0))]);
      await influx.start();
      await waitFor(
        'all is written',
        () => statusOf('influx1').queued + statusOf('influx1').spoolIntervals === 0,
        20_000,
      );
      const text = "SELECT sent FROM raw_stats WHERE collector = 'stepped'";
      const [series] = await influxQuery(influx, text, { db: 'llama' });
      expect(series.values.map(([, sent]) => sent)).to.deep.equal([161, 161]);
      expect([statusOf('influx1').overwritten, statusOf('file').overwritten]).to.deep.equal([2, 0]);
      expect(log.logged.filter(({ msg }) => /end at the same time/.test(msg))).to.have.length(1);
      const lines = await linesIn(files);
      expect(lines.filter((line) => line.includes('collector=stepped')).length).to.be.at.least(4);
      await influxQuery(influx, "DROP SERIES FROM raw_stats WHERE collector = 'stepped'", { db: 'llama' });
    });

    it('loses nothing and writes nothing twice while each of them is killed, stopped and started again', async () => {
      const files = join(dir, 'files');
      await open(
        { kind: 'influx1', url: influx.url, database: 'llama', timeoutMs: 1000 },
        { kind: 'influx2', url: victoria.url, org: 'o', bucket: 'b', timeoutMs: 1000 },
        { kind: 'file', dir: files, maxBytes: 100_000 },
      );
      let index = 0;
      const deliver = async (count: number): Promise<void> => {
        const all: Promise<void>[] = [];
        for (const end = index + count; index < end; index++)
          for (let of = 0; of < COLLECTORS; of++)
            all.push((delivery as WriterDelivery).deliver(sampleInterval(`host-${of}`, index, ROWS)));
        await Promise.all(all);
      };
      await deliver(5);
      await influx.stop('SIGKILL');
      await deliver(20);
      await waitFor('it is known to be away', () => !statusOf('influx1').up);
      expect(statusOf('influx1').spoolIntervals).to.be.greaterThan(0);
      expect(statusOf('influx2').up, 'the others go on').to.equal(true);
      victoria.signal('SIGSTOP');
      await deliver(10);
      await influx.start();
      victoria.signal('SIGCONT');
      await deliver(5);
      // Not killed: what it acknowledged within the last seconds is in its memory only.
      await victoria.stop();
      await deliver(5);
      // The scraper ends with what is in its spools, and starts again.
      await delivery?.close();
      await victoria.start();
      await open(
        { kind: 'influx1', url: influx.url, database: 'llama' },
        { kind: 'influx2', url: victoria.url, org: 'o', bucket: 'b' },
        { kind: 'file', dir: files, maxBytes: 100_000 },
      );
      await deliver(5);
      await waitFor(
        'the spools are empty',
        () => delivery?.status().every(({ queued, spoolIntervals }) => queued + spoolIntervals === 0),
        20_000,
      );
      const expected = index * COLLECTORS * ROWS;
      expect(await inInflux()).to.equal(expected);
      expect(await inVictoria()).to.equal(expected);
      const lines = await linesIn(files);
      expect(lines).to.have.length(expected);
      expect(new Set(lines).size).to.equal(expected);
      for (const { lostIntervals, rejected, damagedRecords } of delivery?.status() ?? [])
        expect({ lostIntervals, rejected, damagedRecords }).to.deep.equal({
          lostIntervals: 0,
          rejected: 0,
          damagedRecords: 0,
        });
    });

    it('waits for a database that is not there yet, and says so', async () => {
      await open({ kind: 'influx1', url: influx.url, database: 'later' });
      await delivery?.deliver(sampleInterval('a', 1, 5));
      expect(statusOf('influx1')).to.include({ up: false, rejected: 0 });
      expect(statusOf('influx1').lastError).to.match(/404: database not found: "later"/);
      await influxQuery(influx, 'CREATE DATABASE later');
      await waitFor('it is written', () => statusOf('influx1').points === 5);
      expect(statusOf('influx1')).to.include({ up: true, lastError: null });
    });
  });

  it('tells how each writer is doing', async () => {
    await open(
      { kind: 'file', dir: join(dir, 'files') },
      { kind: 'file', dir: join(dir, 'legacy'), layout: 'llama-legacy' },
    );
    await delivery?.deliver(sampleInterval('a', 1, 5));
    const [plain, legacy] = delivery?.status() ?? [];
    expect(plain).to.deep.include({
      name: `file ${join(dir, 'files')}`,
      kind: 'file',
      up: true,
      points: 5,
      intervals: 1,
      batches: 1,
      retries: 0,
      rejected: 0,
      lostIntervals: 0,
      queued: 0,
      queuedRows: 0,
      spoolBytes: 0,
      lastError: null,
    });
    expect(plain?.lastSuccessMs).to.be.closeTo(Date.now(), 60_000);
    expect(plain?.writeLagMs).to.be.a('number');
    expect(legacy).to.include({ name: `file ${join(dir, 'legacy')} llama-legacy`, points: 10 });
  });

  it('refuses two writers that are the same', async () => {
    const config: WriterConfig = { kind: 'influx1', url: 'http://u:p@127.0.0.1:1/', database: 'd' };
    const error = await open(config, { ...config, url: 'http://127.0.0.1:1' }).catch((error: unknown) => error);
    expect(error).to.have.property('code', 'LLAMA_CONFIG_INVALID');
    expect(error).to.have.property('message').that.does.not.contain('u:p');
  });

  it('says that intervals wait for a writer that is not in the config any more', async () => {
    const old = join(dir, 'state', 'spool', 'influx1_old');
    await mkdir(old, { recursive: true });
    const spool = await Spool.open(old, 1e6, log.logger);
    await spool.append(sampleInterval('a', 1));
    await spool.close();
    await open({ kind: 'file', dir: join(dir, 'files') });
    expect(log.logged.find(({ msg }) => msg.startsWith('intervals wait here'))?.dir).to.equal(old);
  });
});
