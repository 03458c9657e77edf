import { expect } from 'chai';
import { MatrixHistory } from '../../../src/history/history.js';
import { type Metric, makeMatrix } from '../../../src/history/matrix.js';
import { normalOf, type Slowness, slownessOf, type Times, type TimesMatrix } from '../../../src/history/slowness.js';
import { historyInterval, historyRow } from '../../support/fakes/rows.js';
import { seededRandom } from '../../support/harness/random.js';

const SECOND = 1000;
const START = 1_763_700_000_000;
const WINDOW_MS = 60 * SECOND;
const PROBES = 20;

/** Intervals of 10 s with the round trips of `rttsOf`; then the last minute against the time before it. */
async function compared(intervals: number, rttsOf: (interval: number) => readonly number[]): Promise<Slowness> {
  const clock = { nowMs: START };
  const history = new MatrixHistory({ horizonMs: 3_600_000, memoryBytes: 32 * 2 ** 20, now: () => clock.nowMs });
  for (let i = 1; i <= intervals; i++) {
    clock.nowMs = START + i * 10 * SECOND;
    await history.add(historyInterval('a', clock.nowMs, [historyRow({ rttsNs: rttsOf(i) })]));
  }
  const matrix = async (metric: Metric, windowMs: number, toMs?: number): Promise<TimesMatrix> => {
    const { rows, columns, cells } = await makeMatrix(history, {
      ...{ rows: ['source'], columns: ['target'], windowMs, toMs, metric },
    });
    const { row, column, value, sums, stale } = cells;
    return { rows, columns, cells: { row, column, value, samples: sums.samples, stale } };
  };
  const times = async (windowMs: number, toMs?: number): Promise<Times> => ({
    p50: await matrix('p50', windowMs, toMs),
    mean: await matrix('mean', windowMs, toMs),
  });
  const before = intervals > WINDOW_MS / (10 * SECOND) ? await times(3_600_000, clock.nowMs - WINDOW_MS) : undefined;
  return slownessOf(await times(WINDOW_MS), before, 5);
}

/** Of a healthy path: 100 µs and a little jitter. */
function healthy(): () => number[] {
  const random = seededRandom(5).next;
  return () => Array.from({ length: PROBES }, () => Math.round(100_000 + random() * 40_000));
}

describe('the latency of a pair against its own normal', () => {
  it('is no trouble while it stays as it was', async () => {
    expect(await compared(60, healthy())).to.deep.equal({ compared: 1, slow: 0, worst: [] });
  });

  it('is slow when the network became a thousand times slower, though nothing is lost', async () => {
    const rtts = healthy();
    const { slow, worst } = await compared(60, (i) => rtts().map((ns) => (i > 54 ? ns * 1000 : ns)));
    expect(slow).to.equal(1);
    expect(worst[0]).to.deep.include({ row: ['10.0.0.1'], column: ['10.0.0.2'] });
    expect(worst[0].nowUs / worst[0].normalUs).to.be.within(900, 1100);
  });

  it('is slow within half of the window, and for as long as the slow time is the lesser part of the hour', async () => {
    const rtts = healthy();
    const since = (begin: number, all: number) => compared(all, (i) => rtts().map((ns) => (i > begin ? ns * 3 : ns)));
    expect((await since(56, 60)).slow, 'four of six intervals').to.equal(1);
    expect((await since(300, 420)).slow, 'for 20 minutes').to.equal(1);
  });

  it('is no trouble for a single spike, a slow interval, or a tail of slow replies', async () => {
    const rtts = healthy();
    const spike = await compared(60, (i) => rtts().map((ns, n) => (i === 58 && n === 3 ? ns * 100_000 : ns)));
    expect(spike.slow, 'one reply of 10 s').to.equal(0);
    expect((await compared(60, (i) => rtts().map((ns) => (i === 58 ? ns * 50 : ns)))).slow, 'one interval').to.equal(0);
    const tail = await compared(60, (i) => rtts().map((ns, n) => (i > 54 && n < 4 ? ns * 50 : ns)));
    expect(tail.slow, 'one reply of five').to.equal(0);
  });

  it('is no trouble when its paths have two latencies and the median falls on the other one', async () => {
    const rtts = healthy();
    const two = (slowOnes: number) => rtts().map((ns, n) => (n < slowOnes ? ns * 4 : ns));
    expect((await compared(60, (i) => two(i > 54 ? 11 : 9))).slow).to.equal(0);
  });

  it('is no trouble for less than 100 µs: hosts alone make as much', async () => {
    const rtts = healthy();
    expect((await compared(60, (i) => rtts().map((ns) => (i > 54 ? ns + 90_000 : ns)))).slow).to.equal(0);
  });

  it('calls a latency normal only of pairs that answer', () => {
    expect(normalOf(3, 3, 3)).to.equal('');
    expect(normalOf(2, 3, 3)).to.equal(' on 2 of 3');
    expect(normalOf(2, 2, 3), 'one does not answer').to.equal(' on the 2 that answer');
    expect(normalOf(2, 1, 3), 'one stopped to answer in the window').to.equal(' on the 1 that answers');
    expect(normalOf(1, 2, 3)).to.equal(' on 1 of 2 that answer');
    expect(normalOf(2, 0, 3)).to.equal(null);
  });

  it('is not judged without a normal, or with a handful of replies', async () => {
    expect((await compared(6, healthy())).compared).to.equal(0);
    expect((await compared(60, (i) => (i > 54 ? [90_000_000] : [100_000]))).compared).to.equal(0);
  });
});
