/** Against the real thing: InfluxDB 1 of Debian's package. */

import { expect } from 'chai';
import type { CollectedInterval, Writer } from '../../../../src/scraper/results/types.js';
import { InfluxWriter } from '../../../../src/scraper/writers/influx.js';
import { WriteLater } from '../../../../src/scraper/writers/retryableError.js';
import { BASE_MS, sampleInterval, sampleRow, unsentRow } from '../../../support/fakes/intervals.js';
import { needs } from '../../../support/harness/needs.js';
import { type DatabaseServer, influxQuery, startInfluxd } from '../../../support/processes/servers.js';

const never = new AbortController().signal;

async function failure(write: Promise<unknown>): Promise<WriteLater> {
  const error = await write.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(error).to.be.instanceOf(WriteLater);
  return error as WriteLater;
}

describe('writer to InfluxDB 1', function () {
  this.timeout(60_000);
  let server: DatabaseServer;
  let writer: Writer | undefined;
  const admin = { user: 'root', password: 'secret' };
  const query = (text: string, db?: string) =>
    influxQuery(server, text, { ...admin, ...(db === undefined ? {} : { db }) });

  function open(changes: Record<string, unknown> = {}): Writer {
    const config = { kind: 'influx1' as const, url: server.url, database: 'llama', ...admin, ...changes };
    writer = new InfluxWriter(config, 'influx1 test');
    return writer;
  }

  async function count(db = 'llama'): Promise<number> {
    const [series] = await query('SELECT COUNT(sent) FROM raw_stats', db);
    return Number(series?.values[0]?.[1] ?? 0);
  }

  before(async function () {
    needs(this, 'influxd');
    server = await startInfluxd({
      INFLUXDB_HTTP_AUTH_ENABLED: 'true',
      INFLUXDB_DATA_MAX_VALUES_PER_TAG: '300',
    });
    await influxQuery(server, `CREATE USER root WITH PASSWORD 'secret' WITH ALL PRIVILEGES`);
  });
  beforeEach(async () => {
    await query('DROP DATABASE llama');
    await query('CREATE DATABASE llama');
  });
  afterEach(() => writer?.close());
  after(() => server?.remove());

  it('writes points that read back as they were measured', async () => {
    const interval: CollectedInterval = {
      ...sampleInterval('host a,1', 0, 0),
      rows: [
        sampleRow({ tags: { dst_name: 'rack "1", row=2 é \\n', trailing: 'C:\\' } }),
        sampleRow({ rttUs: null, port: 8101 }),
      ],
    };
    expect(await open().write([interval], never)).to.deep.equal({ points: 2, rejected: 0, reasons: [] });
    const series = await query('SELECT * FROM raw_stats GROUP BY *', 'llama');
    expect(series.map(({ tags }) => tags)).to.deep.include({
      src_ip: '10.1.0.2',
      dst_ip: '10.2.0.2',
      dst_port: '8100',
      collector: 'host a,1',
      group: 'west',
      class: 'ef',
      dst_name: 'rack "1", row=2 é \\n',
      trailing: 'C:',
      dst_rack: '',
    });
    const first = series.find(({ tags }) => tags?.dst_port === '8100');
    const value = (name: string) => first?.values[0]?.[first.columns.indexOf(name)];
    expect(value('time')).to.equal(interval.endMs);
    expect([value('rtt'), value('rtt_p999'), value('loss'), value('sent')]).to.deep.equal([0.0802, 0.131, 1.25, 160]);
    const fields = await query('SHOW FIELD KEYS FROM raw_stats', 'llama');
    expect(new Set(fields[0]?.values.map(([, type]) => type))).to.deep.equal(new Set(['float']));
  });

  it('writes no loss for a row without sent probes', async () => {
    const interval = { ...sampleInterval('a', 0, 0), rows: [unsentRow(), sampleRow({ port: 8101 })] };
    for (const layout of ['llama', 'llama-legacy']) {
      await open({ layout }).write([interval], never);
      await writer?.close();
    }
    const [raw] = await query('SELECT loss, send_errors, sent, dst_port FROM raw_stats', 'llama');
    expect(raw?.values.map((row) => row.slice(1))).to.have.deep.members([
      [null, 20, 0, '8100'],
      [1.25, 5, 160, '8101'],
    ]);
    const [legacy] = await query('SELECT value, dst_port FROM loss', 'llama');
    expect(legacy?.values.map((row) => row.slice(1))).to.deep.equal([[1.25, '8101']]);
  });

  it('writes the same interval again without a second point', async () => {
    open();
    for (let again = 0; again < 3; again++) await writer?.write([sampleInterval('a', 0, 20)], never);
    expect(await count()).to.equal(20);
  });

  it('writes batches of any size, compressed or not', async () => {
    for (const changes of [{ batchPoints: 7 }, { gzip: false }, {}]) {
      const name = `c${JSON.stringify(changes)}`;
      await open(changes).write([sampleInterval(name, 1, 100), sampleInterval(name, 2, 100)], never);
      await writer?.close();
    }
    expect(await count()).to.equal(600);
  });

  it('writes all other points when the retention policy refuses some, and counts those', async () => {
    await query('CREATE RETENTION POLICY short ON llama DURATION 1h REPLICATION 1 DEFAULT');
    const recent: CollectedInterval = { ...sampleInterval('a', 1, 40), endMs: Date.now() };
    const old: CollectedInterval = { ...sampleInterval('b', 1, 30), endMs: 1e12 };
    const older: CollectedInterval = { ...sampleInterval('c', 1, 30), endMs: 1e12 - 10_000 };
    const { points, rejected, reasons } = await open().write([old, recent, older], never);
    expect({ points, rejected }).to.deep.equal({ points: 40, rejected: 60 });
    expect(await count()).to.equal(40);
    expect(reasons[0]).to.match(/points beyond retention policy/);
  });

  it('writes into the retention policy that it is given', async () => {
    await query('CREATE RETENTION POLICY other ON llama DURATION INF REPLICATION 1');
    await open({ retentionPolicy: 'other' }).write([sampleInterval('a', 1, 5)], never);
    const [series] = await query('SELECT COUNT(sent) FROM other.raw_stats', 'llama');
    expect(series?.values[0]?.[1]).to.equal(5);
  });

  it('writes all other points when some have more values of a tag than allowed, and counts those', async () => {
    const rows = Array.from({ length: 350 }, (_, i) => sampleRow({ target: `10.2.${i >> 8}.${i & 255}` }));
    // The limit is weighed against what was there before a request.
    await open().write([{ ...sampleInterval('a', 1, 0), rows: rows.slice(0, 300) }], never);
    const mixed = [...rows].sort((a, b) => (a.target.slice(-1) < b.target.slice(-1) ? -1 : 1));
    const { points, rejected, reasons } =
      (await writer?.write([{ ...sampleInterval('a', 2, 0), rows: mixed }], never)) ?? {};
    expect({ points, rejected }).to.deep.equal({ points: 300, rejected: 50 });
    expect(await count()).to.equal(600);
    expect(reasons?.[0]).to.match(/max-values-per-tag/);
  });

  it('writes all other points when one has a field of another type, and counts that one', async () => {
    const authorization = `Basic ${Buffer.from('root:secret').toString('base64')}`;
    const body = `raw_stats,x=y rtt=1i ${BASE_MS + 20_000}`;
    await fetch(`${server.url}/write?db=llama&precision=ms`, { method: 'POST', body, headers: { authorization } });
    const some = sampleInterval('a', 1, 20);
    const rows = [...some.rows].map((row, index) => (index === 13 ? row : { ...row, rttUs: null }));
    const { points, rejected, reasons } = await open().write([{ ...some, rows }], never);
    expect({ points, rejected }).to.deep.equal({ points: 19, rejected: 1 });
    expect(reasons[0]).to.match(/field type conflict: input field "rtt"/);
    expect(await count()).to.equal(19);
  });

  it('asks for a retry, and says what to check, when the password or the database is wrong', async () => {
    const wrong = await failure(open({ password: 'no' }).write([sampleInterval('a', 1)], never));
    expect(wrong.status).to.equal(401);
    expect(wrong.message).to.match(/it answered 401: authorization failed; check .*password/);
    const missing = await failure(open({ database: 'none' }).write([sampleInterval('a', 1)], never));
    expect(missing.message).to.match(/404: database not found: "none"; check the URL/);
  });

  it('asks for a retry without a server, and when the server does not answer', async () => {
    open({ timeoutMs: 300 });
    await server.stop();
    const away = await failure(writer?.write([sampleInterval('a', 1)], never) ?? Promise.resolve());
    expect(away.message).to.match(/ECONNREFUSED/);
    await server.start();
    server.signal('SIGSTOP');
    try {
      const hanging = await failure(writer?.write([sampleInterval('a', 1)], never) ?? Promise.resolve());
      expect(hanging.message).to.equal('no answer within 300 ms');
    } finally {
      server.signal('SIGCONT');
    }
    await writer?.close();
    expect((await open().write([sampleInterval('a', 1, 3)], never)).points).to.equal(3);
  });
});
