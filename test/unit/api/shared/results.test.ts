import { expect } from 'chai';
import type { FastifyInstance } from 'fastify';
import { buildApi } from '../../../../src/api/collector/app.js';
import { FakeCollector, rowOf } from '../../../support/fakes/fakeCollector.js';

const T = 1_763_700_000_000;
const STEP = 10_000;

describe('GET /v1/results', () => {
  let collector: FakeCollector;
  let app: FastifyInstance;

  beforeEach(() => {
    collector = new FakeCollector();
    app = buildApi(collector);
  });
  afterEach(() => app.close());

  async function get(query = '', from = app) {
    const response = await from.inject(`/v1/results${query}`);
    expect(response.statusCode, response.body).to.equal(200);
    expect(response.headers['content-type']).to.equal('application/json; charset=utf-8');
    return response.json();
  }

  it('answers without intervals before the first one is finished', async () => {
    const { nowMs, ...answer } = await get();
    expect(Math.abs(nowMs - Date.now())).to.be.lessThan(10_000);
    expect(answer).to.deep.equal({
      collector: 'host-a',
      intervalMs: 10_000,
      next: 0,
      oldest: 0,
      gap: false,
      intervals: [],
    });
  });

  it('passes the rows on as the aggregator wrote them, oldest interval first', async () => {
    collector.finish(T);
    collector.finish(T + STEP);
    const rows = collector.streams().map((info) => rowOf(info));
    const { nowMs: _, ...answer } = await get();
    const { incarnation, cursor: newest } = collector.results.newest;
    expect(newest).to.equal(incarnation + 2);
    expect(answer).to.deep.equal({
      collector: 'host-a',
      intervalMs: 10_000,
      next: newest,
      oldest: newest - 1,
      gap: false,
      intervals: [T, T + STEP].map((endMs) => ({
        ...{ cursor: endMs === T ? newest - 1 : newest, follows: endMs === T ? 0 : newest - 1 },
        ...{ incarnation, clockEpoch: 0, clockAheadMs: 0 },
        start: new Date(endMs - 10_000).toISOString(),
        end: new Date(endMs).toISOString(),
        endMs,
        results: rows,
      })),
    });
  });

  it('answers an interval without rows with an empty list, with and without histograms', async () => {
    collector.finish(T, { infos: [] });
    for (const query of ['', '?histograms=1', '?group=west'])
      expect((await get(query)).intervals[0].results).to.deep.equal([]);
  });

  it('returns only intervals newer than the cursor, and keeps the cursor when there are none', async () => {
    collector.finish(T);
    collector.finish(T + STEP);
    const { cursor } = collector.results.newest;
    for (const after of [cursor - 1, T]) {
      const newer = await get(`?after=${after}`);
      expect(newer.intervals.map(endOf)).to.deep.equal([T + STEP]);
      expect(newer.next).to.equal(cursor);
    }
    for (const after of [cursor, T + STEP]) {
      const none = await get(`?after=${after}`);
      expect(none.intervals).to.deep.equal([]);
      expect([none.next, none.gap]).to.deep.equal([cursor, false]);
    }
  });

  it('stops at the limit and goes on from the cursor without leaving anything out', async () => {
    for (let i = 0; i < 3; i++) collector.finish(T + i * STEP);
    const first = await get('?limit=2');
    expect(first.intervals.map(endOf)).to.deep.equal([T, T + STEP]);
    const second = await get(`?limit=2&after=${first.next}`);
    expect(second.intervals.map(endOf)).to.deep.equal([T + 2 * STEP]);
  });

  it('says that there is a gap when intervals after the cursor are no longer held', async () => {
    for (let i = 0; i < 5; i++) collector.finish(T + i * STEP);
    const late = await get(`?after=${T}`);
    expect(late.gap).to.equal(true);
    expect(late.oldest).to.equal(late.intervals[0].cursor);
    expect(late.intervals.map(endOf)).to.deep.equal([2, 3, 4].map((i) => T + i * STEP));
    expect((await get(`?after=${T + STEP}`)).gap).to.equal(false);
    expect((await get()).gap).to.equal(false);
  });

  it('answers with as many whole intervals as fit the page, and at least one', async () => {
    const rowBytes = collector.finish(T).report.rows.length;
    collector.finish(T + STEP);
    collector.finish(T + 2 * STEP);
    for (const [pageBytes, fitting] of [
      [1, 1],
      [2 * rowBytes - 1, 1],
      [2 * rowBytes, 2],
      [3 * rowBytes, 3],
    ]) {
      const small = buildApi(collector, { pageBytes: Number(pageBytes) });
      const page = await get('', small);
      expect(page.intervals).to.have.length(Number(fitting));
      expect(page.next).to.equal(page.intervals.at(-1).cursor);
      await small.close();
    }
  });

  it('inserts the histogram as the last member of its row, and null where nothing was received', async () => {
    collector.finish(T, { silent: [1] });
    const rows = collector.streams().map((info) => ({ ...rowOf(info), hdr: info.id === 1 ? null : `HISTF${info.id}` }));
    const { intervals } = await get('?histograms=1');
    expect(intervals[0].results).to.deep.equal(rows);
    expect(Object.keys(intervals[0].results[0]).at(-1)).to.equal('hdr');
    expect((await get('?histograms=0')).intervals[0].results[0]).not.to.have.property('hdr');
  });

  it('filters by group, target and class, and by all of them at once', async () => {
    collector.finish(T);
    const ids = async (query: string) =>
      (await get(query)).intervals[0].results.map((row: { stream: number }) => row.stream);
    expect(await ids('?group=west')).to.deep.equal([0, 1, 2, 3]);
    expect(await ids('?group=east')).to.deep.equal([4]);
    expect(await ids('?class=cs0')).to.deep.equal([0, 2, 4]);
    expect(await ids('?class=EF')).to.deep.equal([1, 3]);
    expect(await ids('?target=10.2.0.2')).to.deep.equal([0, 1]);
    expect(await ids('?target=2001:DB8:0::2')).to.deep.equal([2, 3]);
    expect(await ids('?group=west&class=ef&target=10.2.0.2')).to.deep.equal([1]);
    const [row] = (await get('?group=east&histograms=1')).intervals[0].results;
    expect(row.hdr).to.equal('HISTF4');
  });

  it('gives no rows for a group, target or class that nothing has', async () => {
    collector.finish(T);
    for (const query of ['?group=none', '?target=10.0.0.99', '?class=af43'])
      expect((await get(query)).intervals[0].results).to.deep.equal([]);
  });

  it('streams rows of many chunks without damage', async () => {
    collector.finish(T, { padding: 50_000 });
    const rows = collector.streams().map((info) => ({ ...rowOf(info, 50_000), hdr: `HISTF${info.id}` }));
    expect((await get('?histograms=1')).intervals[0].results).to.deep.equal(rows);
  });

  for (const [query, name] of [
    ['?after=abc', 'after'],
    ['?after=-1', 'after'],
    ['?after=1.5', 'after'],
    ['?after=', 'after'],
    ['?after=1&after=2', 'after'],
    ['?after=99999999999999999999', 'after'],
    ['?limit=0', 'limit'],
    ['?histograms=yes', 'histograms'],
    ['?histogram=1', 'histogram'],
    ['?group=a&group=b', 'group'],
  ])
    it(`refuses ${query} and names the parameter`, async () => {
      const response = await app.inject(`/v1/results${query}`);
      expect(response.statusCode, response.body).to.equal(400);
      expect(response.headers['content-type']).to.match(/^application\/problem\+json/);
      const problem = response.json();
      expect(problem.code).to.equal('LLAMA_REQUEST_INVALID');
      expect(problem.problems.map((one: { path: string }) => one.path)).to.deep.equal([`/query/${name}`]);
    });

  it('names every wrong parameter, and the known one that an unknown one resembles', async () => {
    const response = await app.inject('/v1/results?histogram=1&after=x');
    const messages = response.json().problems.map((one: { message: string }) => one.message);
    expect(messages).to.have.length(2);
    expect(messages.join('\n'))
      .to.match(/did you mean "histograms"\?/)
      .and.to.match(/found "x" for the query parameter after/);
  });
});

function endOf(interval: { readonly endMs: number }): number {
  return interval.endMs;
}
