import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { pino } from 'pino';
import { Compile } from 'typebox/schema';
import { AllResultsSchema } from '../../../../src/api/scraper/resultSchemas.js';
import { HttpClient } from '../../../../src/base/http/httpClient.js';
import { Room } from '../../../../src/scraper/polling/answerMemory.js';
import { InfluxDataReader } from '../../../../src/scraper/polling/dropbox.js';
import { Poller } from '../../../../src/scraper/polling/poller.js';
import { Gate } from '../../../../src/scraper/polling/requestLimiter.js';
import { FastTiming, MapPositions, RecordingDelivery } from '../../../support/fakes/scraped.js';
import { waitFor } from '../../../support/harness/wait.js';

const T = 1_763_700_000_000;
const ZERO = '0001-01-01T00:00:00Z';

/** A point as Go's encoding/json writes it: the keys of maps sorted, numbers by %f. */
function point(target: string, sent: number, lost: number, rttMs: number, time = ZERO, more = ''): string {
  const f = (value: number): string => value.toFixed(6);
  return (
    `{"fields":{"loss":${f((100 * lost) / sent)},"lost":${f(lost)},"rtt":${f(rttMs)},"sent":${f(sent)}},` +
    `"tags":{"dst_ip":"${target}","dst_rack":"r\\u0026d",${more}"src_ip":"10.9.0.1"},"time":"${time}","measurement":"raw_stats"}`
  );
}

const body = (...points: string[]): string => `[${points.join(',')}]`;
const UNSENT = point('10.2.0.4', 1, 0, 0).replace('"sent":1.', '"sent":0.');
const BOTH = body(point('10.2.0.2', 480, 0, 0.51), point('10.2.0.3', 480, 480, 0));

describe("the answer of Dropbox's LLAMA in Go", () => {
  const reader = (): InfluxDataReader => new InfluxDataReader('old-host', 30_000);

  it('becomes an interval that ends at the last full length on the clock of the collector', () => {
    const page = reader().read(BOTH, 0, T + 12_000);
    const endMs = Math.floor((T + 12_000) / 30_000) * 30_000;
    expect(page).to.deep.include({ collector: 'old-host', intervalMs: 30_000, gap: false });
    expect(page.intervals).to.have.length(1);
    expect(page.intervals[0]).to.deep.include({ collector: 'old-host', startMs: endMs - 30_000, endMs });
  });

  it('has rows as the documented answer of a scraper, also of a target that nothing was sent to', () => {
    const { results } = AllResultsSchema.properties.intervals.items.properties;
    const validator = Compile(results);
    const rows = [...reader().read(body(point('10.2.0.2', 480, 0, 0.51), UNSENT), 0, T + 12_000).intervals[0].rows];
    const [valid, errors] = validator.Errors(rows.map((row) => ({ collector: 'old-host', ...row })));
    expect(valid, JSON.stringify(errors)).to.equal(true);
    expect(rows.map(({ sent, lossPct }) => [sent, lossPct])).to.deep.equal([
      [480, 0],
      [0, null],
    ]);
  });

  it('has rows with the reported fields; other fields are null', () => {
    const [first, second] = reader().read(BOTH, 0, T + 2_000).intervals[0].rows;
    expect(first).to.deep.equal({
      ...{ group: '', protocol: 'llama', source: '10.9.0.1', target: '10.2.0.2', port: 0, class: '', dscp: null },
      ...{ tags: { dst_rack: 'r&d' }, sent: 480, received: 480, lost: 0, unreachable: 0, lossPct: 0, late: null },
      ...{ duplicates: null, reordered: null, sendErrors: null, localDrops: 0, residenceUs: null, jitterUs: null },
      rttUs: { min: null, mean: 510, stddev: null, p50: null, p90: null, p99: null, p999: null, max: null },
    });
    expect(second).to.include({ sent: 480, received: 0, lost: 480, lossPct: 100, rttUs: null });
  });

  it('keeps the class where a point has one, as our own /influxdata does', () => {
    const [only] = reader().read(body(point('10.2.0.2', 3, 0, 1, ZERO, '"class":"ef",')), 0, T + 2_000).intervals[0]
      .rows;
    expect(only).to.deep.include({ class: 'ef', tags: { dst_rack: 'r&d' } });
  });

  for (const text of ['[]', '[]\n', 'null'])
    it(`is no interval before the first: ${JSON.stringify(text)}`, () => {
      expect(reader().read(text, 0, T).intervals).to.deep.equal([]);
    });

  it('is not doubled when it is read twice, in one interval or in the next', () => {
    const one = reader();
    const [{ endMs }] = one.read(BOTH, 0, T + 2_000).intervals;
    expect(one.read(BOTH, endMs, T + 3_000).intervals).to.deep.equal([]);
    expect(one.read(BOTH, endMs, T + 32_000).intervals).to.deep.equal([]);
    const next = one.read(body(point('10.2.0.2', 480, 0, 0.52)), endMs, T + 33_000).intervals;
    expect(next.map((interval) => interval.endMs)).to.deep.equal([endMs + 30_000]);
  });

  it('is not taken right after the end of an interval, when it may still be the one before, but a second later', () => {
    const one = reader();
    for (const afterMs of [0, 500, 999])
      expect(one.read(BOTH, 0, T + afterMs).intervals, `${afterMs}`).to.deep.equal([]);
    expect(one.read(BOTH, 0, T + 1_000).intervals.map(({ endMs }) => endMs)).to.deep.equal([T]);
    const short = new InfluxDataReader('old-host', 1_000);
    expect(short.read(BOTH, 0, T + 249).intervals).to.deep.equal([]);
    expect(short.read(BOTH, 0, T + 250).intervals.map(({ endMs }) => endMs)).to.deep.equal([T]);
  });

  it('is not doubled by a scraper that was started again', () => {
    const [{ endMs }] = reader().read(BOTH, 0, T + 2_000).intervals;
    expect(reader().read(BOTH, endMs, T + 3_000).intervals).to.deep.equal([]);
  });

  it('is another interval although it looks the same, when all probes were lost', () => {
    const dead = body(point('10.2.0.3', 480, 480, 0));
    const one = reader();
    const [{ endMs }] = one.read(dead, 0, T + 2_000).intervals;
    expect(one.read(dead, endMs, T + 32_000).intervals.map((interval) => interval.endMs)).to.deep.equal([
      endMs + 30_000,
    ]);
  });

  it('ends when it says, where it says so; the length is that between two', () => {
    const one = reader();
    const at = (ms: number): string =>
      body(
        point('10.2.0.2', 4, 0, 0.5, new Date(ms).toISOString()),
        point('10.2.0.3', 4, 0, 0.5, new Date(ms - 3).toISOString()),
      );
    expect(one.read(at(T), 0, T + 999_999).intervals[0]).to.include({ startMs: T - 30_000, endMs: T });
    expect(one.read(at(T), T, T + 999_999).intervals).to.deep.equal([]);
    expect(one.read(at(T + 10_000), T, 0).intervals[0]).to.include({
      intervalMs: 10_000,
      startMs: T,
      endMs: T + 10_000,
    });
    // One was missed: the length stays.
    expect(one.read(at(T + 30_000), T, 0).intervals[0]).to.include({ intervalMs: 10_000, startMs: T + 20_000 });
  });

  const BAD: readonly (readonly [string, string, string])[] = [
    ['no JSON', '<html>', 'not JSON'],
    ['an object', '{}', 'found a map at the top, expected a list of points'],
    ['no points', '[1]', 'found a number at /0'],
    ['no fields', BOTH.replace('"fields"', '"felds"'), 'at /0/fields'],
    ['no time', BOTH.replace(ZERO, 'now'), 'found text at /0/time'],
    [
      'a time at some points only',
      BOTH.replace(ZERO, '2025-11-21T04:40:00Z'),
      'at /1/time, expected a time at all points',
    ],
    ['half a probe', BOTH.replace('480.000000', '480.500000'), 'found a number at /0/fields/sent'],
    [
      'more lost than sent',
      BOTH.replace('"lost":480', '"lost":481'),
      'found a number at /1/fields/lost, expected a count of at most 480',
    ],
    ['a negative time', BOTH.replace('0.510000', '-0.510000'), 'at /0/fields/rtt'],
    ['no target', BOTH.replace('dst_ip', 'dst'), 'at /0/tags/dst_ip'],
    ['a tag that is no text', BOTH.replace('"10.9.0.1"', '7'), 'found a number at /0/tags/src_ip'],
  ];
  for (const [title, text, says] of BAD)
    it(`with ${title} is an error that says where`, () => {
      expect(() => reader().read(text, 0, T)).to.throw(says);
    });
});

describe("a poller of Dropbox's LLAMA in Go", () => {
  let server: Server;
  let timing: FastTiming;
  let aheadMs: number;
  let summaries: number;
  let dead: boolean;
  const paths = new Set<string>();
  let poller: Poller;
  let delivery: RecordingDelivery;
  let http: HttpClient;

  beforeEach(async () => {
    timing = new FastTiming(40);
    aheadMs = 0;
    summaries = 0;
    dead = false;
    delivery = new RecordingDelivery();
    http = new HttpClient({ connectMs: 1000, headerMs: 1000, totalMs: 1000 });
    // Sums up at the end of each of its intervals, by its own clock.
    server = createServer((request, response) => {
      paths.add(request.url ?? '');
      const nowMs = timing.nowMs() + aheadMs;
      const cell = Math.floor(nowMs / 10_000);
      summaries = Math.max(summaries, cell);
      response.sendDate = false;
      response.setHeader('date', new Date(nowMs).toUTCString());
      response.end(body(point('10.2.0.2', 40, dead ? 40 : 0, dead ? 0 : 0.5 + (cell % 1000) / 1000)));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(async () => {
    await poller.close();
    http.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  function start(): void {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    poller = new Poller(
      { url, kind: 'llama', tokenFile: null, intervalMs: 10_000 },
      {
        ...{ http, gate: new Gate(4, timing), delivery, positions: new MapPositions(), timing },
        ...{ logger: pino({ level: 'silent' }), histograms: () => true, fetched: async () => {}, named: () => {} },
        room: new Room(2 ** 23, timing),
      },
    );
  }

  for (const ms of [0, -7_200_000])
    it(`takes each interval once, and none is left out, with its clock ${ms} ms off`, async () => {
      aheadMs = ms;
      start();
      await waitFor('intervals', () => delivery.delivered.length >= 8, 10_000);
      const ends = delivery.ends('127.0.0.1');
      for (const [i, endMs] of ends.entries()) expect(endMs).to.equal(ends[0] + i * 10_000);
      for (const { endMs, rows } of delivery.delivered)
        expect(rows[0].rttUs?.mean).to.be.closeTo(500 + ((endMs / 10_000) % 1000), 0.001);
      expect([...paths]).to.deep.equal(['/influxdata']);
      expect(poller.state()).to.include({ gaps: 0, errors: 0, name: '127.0.0.1', kind: 'llama' });
    });

  it('goes on through an outage in which every answer looks the same', async () => {
    dead = true;
    start();
    await waitFor('intervals', () => delivery.delivered.length >= 5, 10_000);
    const ends = delivery.ends();
    for (const [i, endMs] of ends.entries()) expect(endMs).to.equal(ends[0] + i * 10_000);
  });

  it('goes on when its clock is set back', async () => {
    start();
    await waitFor('intervals', () => delivery.delivered.length >= 2, 10_000);
    aheadMs = -3_600_000;
    await waitFor('more', () => delivery.delivered.length >= 4, 10_000);
    expect(poller.state().resets).to.equal(1);
    // It has no epochs of its own; the times that come again are told apart all the same.
    const names = delivery.delivered.map(({ clockEpoch, endMs }) => `${clockEpoch} ${endMs}`);
    expect(new Set(names).size).to.equal(names.length);
    expect(delivery.delivered.at(-1)?.clockEpoch).to.equal(1);
    // What is fetched now is of now, whatever its clock says.
    const [last] = delivery.delivered.slice(-1);
    expect(last.aheadMs).to.be.within(-3_603_000, -3_597_000);
  });
});
