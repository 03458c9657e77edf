import { expect } from 'chai';
import type { FastifyInstance } from 'fastify';
import { buildApi } from '../../../../src/api/collector/app.js';
import { FakeCollector, type PathSpec } from '../../../support/fakes/fakeCollector.js';

const T = 1_763_700_010_000;

/**
 * Streams of the fake: 0, 1 west 10.2.0.2 cs0, ef; 2, 3 west 2001:db8::2; 4 east. Two source ports: path = stream * 2 +
 * index.
 */
const PATHS: readonly PathSpec[] = [
  { path: 0, sent: 10, lost: 0, rttNs: [50_000, 60_000, 70_000] },
  { path: 1, sent: 10, lost: 0, rttNs: [50_000, 90_000, 170_000] },
  { path: 3, sent: 1000, lost: 20, rttNs: [1, 2, 3] },
  { path: 5, sent: 10, lost: 10 },
  { path: 8, sent: 3, lost: 1, rttNs: [61_234, 61_235, 61_236] },
];

describe('GET /v1/paths', () => {
  let collector: FakeCollector;
  let app: FastifyInstance;

  beforeEach(() => {
    collector = new FakeCollector();
    app = buildApi(collector);
  });
  afterEach(() => app.close());

  async function get(query = '') {
    const response = await app.inject(`/v1/paths${query}`);
    expect(response.statusCode, response.body).to.equal(200);
    return response.json();
  }

  it('answers without paths before the first interval is finished', async () => {
    expect(await get()).to.deep.equal({
      ...{ cursor: null, follows: null, incarnation: null, clockEpoch: null, clockAheadMs: null },
      ...{ start: null, end: null, endMs: null, gap: false, total: 0, paths: [] },
    });
  });

  it('answers with the interval behind a cursor, and without paths when there is none', async () => {
    for (const i of [0, 1, 2]) collector.finish(T + i * 10_000, { paths: PATHS });
    for (const i of [0, 1, 2]) {
      const { endMs, total } = await get(`?after=${T + i * 10_000 - 1}`);
      expect([endMs, total]).to.deep.equal([T + i * 10_000, PATHS.length]);
    }
    expect(await get('?after=0')).to.include({ endMs: T });
    expect(await get(`?after=${T + 20_000}`)).to.include({ endMs: null, total: 0 });
  });

  it('answers with the interval of a moment', async () => {
    for (const i of [0, 1, 2]) collector.finish(T + i * 10_000, { paths: PATHS });
    expect(await get(`?at=${T + 1}`)).to.include({ endMs: T + 10_000, total: PATHS.length });
    expect(await get(`?at=${T + 20_000}`)).to.include({ endMs: T + 20_000 });
    expect(await get(`?at=${T + 20_001}`)).to.include({ endMs: null, total: 0 });
  });

  it('answers with the last interval, every field of a path in its unit', async () => {
    collector.finish(T - 10_000, { paths: PATHS.slice(0, 1) });
    collector.finish(T, { paths: PATHS });
    const answer = await get('?group=east');
    const { incarnation, cursor } = collector.results.newest;
    expect(answer).to.deep.equal({
      ...{ incarnation, cursor, follows: cursor - 1, clockEpoch: 0, clockAheadMs: 0 },
      start: new Date(T - 10_000).toISOString(),
      end: new Date(T).toISOString(),
      endMs: T,
      gap: false,
      total: 1,
      paths: [
        {
          group: 'east',
          protocol: 'stamp',
          source: '10.9.0.1',
          sourcePort: 40_000,
          target: '10.1.0.2',
          port: 8100,
          class: 'cs0',
          dscp: 0,
          sent: 3,
          received: 2,
          lost: 1,
          unreachable: 0,
          localDrops: 0,
          tooBig: 0,
          late: 0,
          duplicates: 0,
          reordered: 0,
          sendErrors: 0,
          sendErrorsBy: null,
          unreachableBy: null,
          tooBigBy: null,
          lossPct: 33.3333,
          rttUs: { min: 61.234, mean: 61.235, max: 61.236 },
          ...{ lostForward: 0, lostReverse: 0, lostUnknown: 0, remarked: 0, ceMarks: 0, hopChanges: 0 },
          ...{ forwardUs: null, reverseUs: null, dscpForward: null, dscpReverse: null },
          ...{ hopsForward: null, hopsReverse: null },
        },
      ],
    });
  });

  it('puts the highest loss ratio first, then the highest mean RTT', async () => {
    collector.finish(T, { paths: PATHS });
    const { paths, total } = await get();
    expect(total).to.equal(5);
    expect(paths.map((path: { lossPct: number }) => path.lossPct)).to.deep.equal([100, 33.3333, 2, 0, 0]);
    expect(paths.slice(3).map((path: { rttUs: { mean: number } }) => path.rttUs.mean)).to.deep.equal([90, 60]);
  });

  it('ranks paths without sent probes, or with too big ones only, with fully lost ones', async () => {
    collector.finish(T, {
      paths: [...PATHS, { path: 2, sent: 0, sendErrors: 20 }, { path: 4, sent: 7, tooBig: 7 }, { path: 6, late: 1 }],
    });
    const { paths } = await get();
    const first = paths.slice(0, 3).map((path: Record<string, number>) => [path.sendErrors, path.tooBig, path.lost]);
    expect(first).to.have.deep.members([
      [20, 0, 0],
      [0, 7, 0],
      [0, 0, 10],
    ]);
    expect(paths.find((path: { sendErrors: number }) => path.sendErrors > 0).lossPct).to.equal(null);
    const places = paths.map((path: { lossPct: number | null; late: number }) =>
      path.late > 0 ? 'unknown' : path.lossPct,
    );
    expect(places.slice(-3), 'nothing is known of a path without an outcome').to.deep.equal(['unknown', 0, 0]);
  });

  it('ranks a path by the probes that were refused, too', async () => {
    collector.finish(T, { paths: [...PATHS, { path: 2, sent: 1, sendErrors: 99 }] });
    const { paths } = await get();
    expect(paths[1]).to.include({ sent: 1, sendErrors: 99, lossPct: 0 });
  });

  it('has a null RTT where nothing was received, and the port of the right address family', async () => {
    collector.finish(T, { paths: PATHS });
    const [worst] = (await get()).paths;
    expect(worst.rttUs).to.equal(null);
    expect(worst).to.include({ target: '2001:db8::2', port: 8200, sourcePort: 60_001, sent: 10, lost: 10 });
  });

  it('keeps the worst when there are more than the limit, and says how many there are in all', async () => {
    const paths = Array.from({ length: 10 }, (_, path) => ({ path, sent: 100, lost: (path * 7) % 10 }));
    collector.finish(T, { paths });
    for (const limit of [1, 3, 9, 10, 11]) {
      const answer = await get(`?limit=${limit}`);
      expect(answer.total).to.equal(10);
      expect(answer.paths.map((path: { lost: number }) => path.lost)).to.deep.equal(
        [9, 8, 7, 6, 5, 4, 3, 2, 1, 0].slice(0, limit),
      );
    }
  });

  it('filters by group, target and class', async () => {
    collector.finish(T, { paths: PATHS });
    expect((await get('?group=west')).total).to.equal(4);
    expect((await get('?class=ef')).total).to.equal(1);
    expect((await get('?target=2001:db8:0:0::2')).total).to.equal(1);
    expect(await get('?target=10.0.0.99')).to.include({ total: 0, endMs: T });
  });

  it('refuses an unknown parameter and a wrong limit', async () => {
    for (const query of ['?limit=0', '?limit=x', '?before=1']) {
      const response = await app.inject(`/v1/paths${query}`);
      expect(response.statusCode).to.equal(400);
      expect(response.json().code).to.equal('LLAMA_REQUEST_INVALID');
    }
  });
});
