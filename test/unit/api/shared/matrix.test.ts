import { expect } from 'chai';
import type { LightMyRequestResponse } from 'fastify';
import { buildApi } from '../../../../src/api/collector/app.js';
import { HdrTextReader } from '../../../../src/stats/hdrRead.js';
import { indexOfNs } from '../../../../src/stats/histogram.js';
import { FakeCollector, type RowSpec } from '../../../support/fakes/fakeCollector.js';
import { waitFor } from '../../../support/harness/wait.js';

const T = 1_763_700_000_000;

describe('GET /v1/matrix and /v1/history of a collector', () => {
  const collector = new FakeCollector(`
collector: { name: host-a, interval: 10s }
groups:
  west:
    classes: [cs0, ef]
    targets:
      - { address: 10.2.0.2, tags: { dst_rack: r1 } }
      - { address: "2001:db8::2", tags: { dst_rack: r2 } }
  east: { targets: [10.1.0.2] }
`);
  const app = buildApi(collector);
  const get = (url: string): Promise<LightMyRequestResponse> => app.inject(url);
  const numbers = (rttsNs: readonly number[], lost = 0): RowSpec => ({
    ...{ sent: rttsNs.length + lost, received: rttsNs.length, lost },
    rttsNs,
  });

  before(async () => {
    collector.historyNowMs = T + 3_000;
    // Streams in order: west cs0 and ef of 10.2.0.2, those of 2001:db8::2, east cs0.
    for (const step of [1, 0])
      collector.finish(T - step * 10_000, {
        numbers: new Map([
          [0, { ...numbers([50_000, 60_000 + step]), jitterNs: 1000 }],
          [1, numbers([1_000_000], 1)],
          [2, numbers([], 2)],
          [4, numbers(Array.from({ length: 100 }, (_, i) => 1_000 * (i + 1)))],
        ]),
      });
    await waitFor('both intervals', () => collector.history.slots.length === 2);
  });
  after(() => app.close());

  it('leaves fields out that are not asked for, and says which there are', async () => {
    const { cells } = (await get('/v1/matrix?rows=dst_rack&columns=class&format=columns&fields=sent,stale')).json();
    expect(Object.keys(cells)).to.deep.equal(['row', 'column', 'value', 'sent', 'stale']);
    const whole = (await get('/v1/matrix?rows=dst_rack&columns=class&format=columns')).json().cells;
    for (const [name, column] of Object.entries(cells)) expect(column).to.deep.equal(whole[name]);
    for (const [query, said] of [
      ['format=columns&fields=colour', '"colour"'],
      ['fields=sent', 'format=columns'],
    ]) {
      const answer = await get(`/v1/matrix?${query}`);
      expect(answer.statusCode, query).to.equal(400);
      expect(answer.json().problems[0]).to.include({ path: '/query/fields' });
      expect(answer.json().detail).to.contain(said);
    }
  });

  it('answers with the cells that have data, by any tags', async () => {
    const answer = await get('/v1/matrix?rows=dst_rack&columns=class&window=1m');
    expect(answer.headers['content-type']).to.equal('application/json; charset=utf-8');
    const { cells, ...rest } = answer.json();
    expect(rest).to.deep.equal({
      window: { startMs: T - 20_000, endMs: T, coveredMs: 20_000, askedMs: 60_000 },
      newest: { ageMs: 3000, staleAfterMs: 25_000 },
      metric: 'loss',
      unit: '%',
      rowTags: ['dst_rack'],
      columnTags: ['class'],
      refusedRows: 0,
      rows: [['(none)'], ['r1'], ['r2']],
      columns: [['cs0'], ['ef']],
    });
    const of = (row: number, column: number) =>
      cells.find((cell: { row: number; column: number }) => cell.row === row && cell.column === column);
    const rare = { unreachable: 0, tooBig: 0, sendErrors: 0, localDrops: 0 };
    const same = { ...rare, series: 1, ageMs: 3000, stale: false };
    expect(of(1, 1)).to.deep.equal({
      row: 1,
      column: 1,
      value: 50,
      sent: 4,
      received: 2,
      lost: 2,
      samples: 2,
      ...{ silentSeries: 0, unmeasuredSeries: 0, state: 'answers', reason: null },
      ...same,
    });
    expect(of(2, 0)).to.deep.equal({
      row: 2,
      column: 0,
      value: 100,
      sent: 4,
      received: 0,
      lost: 4,
      samples: 0,
      ...{ silentSeries: 1, unmeasuredSeries: 0, state: 'silent', reason: 'no answer' },
      ...same,
    });
    // A row was there, though nothing was sent: no loss was measured, and none is claimed.
    expect(of(2, 1)).to.include({ value: null, sent: 0, state: 'unmeasured', reason: 'not measured' });
  });

  it('has percentiles of all samples, and null where there are none', async () => {
    const value = async (query: string) => {
      const { cells, unit, columns } = (await get(`/v1/matrix?rows=collector&columns=target&${query}`)).json();
      expect(unit).to.equal('us');
      const entries = cells.map((cell: { column: number; value: number }) => [columns[cell.column][0], cell.value]);
      return Object.fromEntries(entries);
    };
    expect(await value('metric=p50&group=east')).to.deep.equal({ '10.1.0.2': 50.015 });
    expect(await value('metric=p999&class=cs0')).to.deep.equal({
      '10.1.0.2': 100,
      '10.2.0.2': 60.001,
      '2001:db8::2': null,
    });
    expect(await value('metric=mean&class=EF&group=west')).to.deep.equal({ '10.2.0.2': 1000, '2001:db8::2': null });
    expect(await value('metric=jitter&class=cs0&group=west')).to.deep.equal({ '10.2.0.2': 1, '2001:db8::2': null });
  });

  it('says the same in columns', async () => {
    const url = '/v1/matrix?rows=group,target&columns=class&metric=max';
    const cells = (await get(url)).json();
    const columns = (await get(`${url}&format=columns`)).json();
    const names = Object.keys(columns.cells);
    const rebuilt = columns.cells.row.map((_: number, i: number) =>
      Object.fromEntries(names.map((name) => [name, columns.cells[name][i]])),
    );
    expect({ ...columns, cells: rebuilt }).to.deep.equal(cells);
  });

  it('marks cells stale as time passes', async () => {
    const stale = async () => (await get('/v1/matrix?rows=group&columns=group')).json().cells[0].stale;
    collector.historyNowMs = T + 25_000;
    expect(await stale()).to.equal(false);
    collector.historyNowMs = T + 25_001;
    expect(await stale()).to.equal(true);
    collector.historyNowMs = T + 3_000;
  });

  it('ends where it is asked to, with ages as of then', async () => {
    const url = '/v1/matrix?rows=group&columns=class&window=10s&format=columns&fields=sent,ageMs,stale';
    const now = (await get(url)).json();
    const before = (await get(`${url}&to=${T - 10_000}`)).json();
    expect(before.window).to.deep.equal({
      startMs: T - 20_000,
      endMs: T - 10_000,
      coveredMs: 10_000,
      askedMs: 10_000,
    });
    expect(before.cells).to.deep.equal({ ...now.cells, ageMs: now.cells.ageMs.map(() => 0) });
    // In the middle of a slot it is the whole slot, and the window says so.
    const within = (await get(`${url}&to=${T - 4_000}`)).json();
    expect(within.window).to.deep.include({ startMs: T - 20_000, endMs: T });
    expect((await get(`${url}&to=${T + 3_000}`)).json().window).to.deep.include({ endMs: T });
  });

  it('refuses an end in the future, and one before the oldest data, and names the valid range', async () => {
    for (const [to, message] of [
      [T + 3_001, /in the future, expected epoch milliseconds, at most 1763700003000 \(now\)/],
      [
        T - 20_000,
        /before all that is held, expected epoch milliseconds after 1763699980000 \(2025-11-21T04:39:40.000Z\)/,
      ],
      ['yesterday', /expected/],
      [-1, /expected/],
    ] as const) {
      const answer = await get(`/v1/matrix?to=${to}`);
      expect(answer.statusCode, String(to)).to.equal(400);
      expect(answer.json()).to.include({ code: 'LLAMA_REQUEST_INVALID' });
      expect(answer.json().detail).to.match(message);
      expect(answer.json().problems[0].path).to.equal('/query/to');
    }
  });

  const refused: readonly (readonly [string, RegExp])[] = [
    ['metric=median', /expected what the value of a cell is, one of loss, p50/],
    [
      'window=2h',
      /found the window 2h, expected at most 1h: that is how far the history reaches; ask for a shorter one/,
    ],
    ['window=soon', /found "soon".*expected a duration such as 30s/],
    ['window=0s', /expected a duration/],
    ['rows=', /expected 1 to 8 names/],
    ['columns=a,,b', /expected 1 to 8 names/],
    ['row=a', /expected one of rows, columns.*did you mean "rows"/],
    ['format=csv', /expected cells: an object/],
  ];
  for (const [query, message] of refused)
    it(`refuses ${query} and says what to write`, async () => {
      const answer = await get(`/v1/matrix?${query}`);
      expect(answer.statusCode).to.equal(400);
      expect(answer.json()).to.include({ code: 'LLAMA_REQUEST_INVALID' });
      expect(answer.json().detail).to.match(message);
      expect(answer.json().problems[0].path).to.equal(`/query/${query.split('=')[0]}`);
    });

  it('tells the history of a pair', async () => {
    const answer = (await get('/v1/history?target=10.2.0.2&class=cs0&source=10.9.0.1&collector=host-a')).json();
    expect(answer).to.deep.equal({
      startMs: [T - 20_000, T - 10_000],
      endMs: [T - 10_000, T],
      total: 1,
      series: [
        {
          ...{ collector: 'host-a', group: 'west', source: '10.9.0.1', target: '10.2.0.2', port: 8100, class: 'cs0' },
          ...{ tags: { dst_rack: 'r1' }, intervalMs: 10_000, ageMs: 3_000, stale: false },
          ...{ state: 'answers', reason: null },
          ...{ sent: [2, 2], received: [2, 2], lost: [0, 0], unreachable: [0, 0] },
          ...{ tooBig: [0, 0], sendErrors: [0, 0], localDrops: [0, 0] },
          ...{ p50: [50.015, 50.015], p90: [60.001, 60], p99: [60.001, 60], max: [60.001, 60] },
          upperBound: [false, false],
        },
      ],
    });
  });

  it('tells the history of one port of a target', async () => {
    const ports = async (query: string) => {
      const { total, series } = (await get(`/v1/history?target=10.2.0.2&${query}`)).json();
      return [total, ...series.map(({ port }: { port: number }) => port)];
    };
    expect(await ports('')).to.deep.equal([2, 8100, 8100]);
    expect(await ports('port=8100')).to.deep.equal([2, 8100, 8100]);
    expect(await ports('port=8101')).to.deep.equal([0]);
    expect((await get('/v1/history?port=65536')).statusCode).to.equal(400);
  });

  it('judges a pair of a window in the past as the matrix of that window does, by the newest intervals in it', async () => {
    const past = new FakeCollector();
    const pastApp = buildApi(past);
    past.historyNowMs = T + 103_000;
    // Answers, and then none for half a minute, and answers again.
    const counts = [5, 5, 5, 0, 0, 0, 5, 5].map((received) => ({ sent: 5, received, lost: 5 - received }));
    for (const [i, of] of counts.entries())
      past.finish(T + i * 10_000, { numbers: new Map([[0, { ...of, rttsNs: Array(of.received).fill(1_000) }]]) });
    await waitFor('all intervals', () => past.history.slots.length === counts.length);
    const { target } = (await pastApp.inject('/v1/history?limit=1')).json().series[0];
    const verdicts = async (toMs: number) => {
      const end = `to=${toMs}`;
      const history = (await pastApp.inject(`/v1/history?target=${target}&limit=1&from=${T - 60_000}&${end}`)).json();
      const matrix = (await pastApp.inject(`/v1/matrix?rows=source&columns=target,class&window=1m&${end}`)).json();
      return [history.series[0], matrix.cells[0]].map(({ state, stale, ageMs, reason }) => [
        state,
        stale,
        ageMs,
        reason,
      ]);
    };
    for (const [step, state, stale, ageMs] of [
      [2, 'answers', false, 0],
      [3, 'answers', false, 0],
      [5, 'silent', false, 0],
      [7, 'answers', false, 0],
      [10, 'answers', true, 30_000],
    ] as const) {
      const [ofHistory, ofMatrix] = await verdicts(T + step * 10_000);
      expect(ofHistory.slice(0, 3), `at ${step}`).to.deep.equal([state, stale, ageMs]);
      expect(ofMatrix.slice(0, 3), `at ${step}`).to.deep.equal([state, stale, ageMs]);
      expect(ofHistory[3], 'the reasons of that time are not kept').to.equal(null);
    }
    await pastApp.close();
  });

  it('merges the histograms of a series over the whole answer, for percentiles that agree with a distribution', async () => {
    const [one] = (await get('/v1/history?group=west&class=ef&target=10.2.0.2&histograms=1')).json().series;
    expect(one.merged).to.deep.include({ startMs: T - 20_000, endMs: T, samples: 2 });
    expect(one.merged.rttUs).to.deep.equal({ p50: 1000, p90: 1000, p99: 1000, p999: 1000, max: 1000 });
    const reader = new HdrTextReader();
    expect(reader.read(one.merged.hdr)).to.equal(null);
    expect([reader.total, reader.length, reader.indexes[0]]).to.deep.equal([2, 1, indexOfNs(1_000_000)]);
    const all = (await get('/v1/history?group=east&histograms=1')).json().series[0];
    expect(all.merged.samples).to.equal(200);
    expect(all.merged.rttUs.p50).to.be.closeTo(50, 0.1);
    const silent = (await get('/v1/history?target=2001:db8::2&class=cs0&histograms=1')).json().series[0];
    expect(silent.merged).to.equal(null);
    expect((await get('/v1/history?group=east')).json().series[0]).to.not.have.property('merged');
  });

  it('tells as many series as asked for, and how many there are, within the time asked for', async () => {
    const answer = (await get(`/v1/history?group=west&limit=1&from=${T - 10_000}&to=${T}`)).json();
    expect(answer).to.deep.include({ startMs: [T - 10_000], total: 4 });
    expect(answer.series).to.have.length(1);
    expect((await get(`/v1/history?to=${T - 20_000}`)).json().startMs).to.deep.equal([]);
    expect((await get('/v1/history?target=2001:0db8:0::2&class=cs0')).json().series[0]).to.deep.include({
      p50: [null, null],
      sent: [2, 2],
    });
    const wrong = await get('/v1/history?from=5&to=5');
    expect([wrong.statusCode, wrong.json().problems[0].path]).to.deep.equal([400, '/query/from']);
  });

  it('is empty before the first interval', async () => {
    const idle = buildApi(new FakeCollector());
    expect((await idle.inject('/v1/matrix')).json()).to.deep.include({ rows: [], columns: [], cells: [] });
    expect((await idle.inject('/v1/matrix?to=1')).json()).to.deep.include({ rows: [], columns: [], cells: [] });
    expect((await idle.inject('/v1/matrix?format=columns')).json().cells.value).to.deep.equal([]);
    expect((await idle.inject('/v1/history')).json()).to.deep.equal({ startMs: [], endMs: [], total: 0, series: [] });
    await idle.close();
  });
});
