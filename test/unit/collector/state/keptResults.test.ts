import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { pino } from 'pino';
import { aheadOf, ResultsStore, type StoredInterval } from '../../../../src/collector/results/results.js';
import { KEPT_RESULTS, KeptResults } from '../../../../src/collector/state/keptResults.js';
import { LEAST_CURSOR } from '../../../../src/stats/cursorStart.js';
import { seededRandom } from '../../../support/harness/random.js';

const T = 1_763_700_000_000;
const START = LEAST_CURSOR;

function interval(endMs: number, bytes = 10): StoredInterval {
  const report = {
    ...{ startMs: endMs - 1000, endMs, clockStepMs: 0, early: false, sent: 1, received: 1, lost: 0, forHistory: null },
    ...{ rows: new Uint8Array(bytes).fill(endMs % 251), paths: Uint32Array.of(1), pathCounters: Uint32Array.of(2) },
    ...{ pathRttNs: Float32Array.of(3), pathDelayNs: Float32Array.of(4), pathTraits: Uint8Array.of(5) },
    pathReasons: new Uint32Array(0),
    ...{ histograms: new Uint8Array(4), streams: Uint32Array.of(0), rowOffsets: Uint32Array.of(0, bytes + 1) },
  };
  const infos = [{ id: 0, source: '10.1.0.2', group: { name: 'west' }, target: { address: '10.2.0.2' } }];
  return { report, infos } as unknown as StoredInterval;
}

describe('results that outlive a collector', () => {
  let folder: string;
  const logged: string[] = [];
  const logger = pino({}, { write: (line: string) => void logged.push(line) });
  const aside: string[] = [];
  const directory = () => ({
    path: folder,
    setAside: async (file: string) => void aside.push(file),
  });
  const file = (): string => join(folder, KEPT_RESULTS);

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'llama-kept-'));
    logged.length = 0;
    aside.length = 0;
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function store(...intervals: readonly StoredInterval[]): ResultsStore {
    const results = new ResultsStore(60, START);
    for (const one of intervals) results.add(one);
    return results;
  }

  it('are served with those of the next one, without their paths, and are not taken for its own', async () => {
    const first = store(interval(T + 1000), interval(T + 1400));
    await new KeptResults(directory(), 'a', logger).save(first.toKeep());
    const kept = await new KeptResults(directory(), 'a', logger).load(60);
    const second = new ResultsStore(60);
    second.restore(first.newest, kept, T + 1500);
    expect(second.latest).to.equal(undefined);
    expect(second.newest).to.deep.equal(first.newest);
    second.add(interval(T + 2000));
    const { intervals, gap, oldest } = second.after(START + 1, 10);
    expect(intervals.map(({ report }) => report.endMs)).to.deep.equal([T + 1400, T + 2000]);
    expect(intervals[0].report.rows).to.deep.equal(first.after(START + 1, 1).intervals[0].report.rows);
    expect(intervals[0].infos).to.deep.equal(interval(T).infos);
    expect([gap, oldest]).to.deep.equal([false, START + 1]);
    expect(second.latest?.report.endMs).to.equal(T + 2000);
    expect(second.pathsAfter(T).interval?.report.endMs).to.equal(T + 2000);
    expect(logged).to.deep.equal([]);
  });

  it('are left alone when an older version wrote them in another form', async () => {
    await new KeptResults(directory(), 'a', logger).save(store(interval(T + 1000)).toKeep());
    const bytes = readFileSync(file());
    bytes.write('LKR1', 'latin1');
    writeFileSync(file(), bytes);
    expect(await new KeptResults(directory(), 'a', logger).load(60)).to.equal(undefined);
    expect([aside, logged]).to.deep.equal([[], []]);
  });

  it('are the newest that fit, and the omitted ones are a gap', async () => {
    const results = store(...[1, 2, 3, 4].map((step) => interval(T + step * 1000, 6 * 2 ** 20)));
    const { intervals, droppedCursor } = results.toKeep();
    expect(intervals.map(({ report }) => report.endMs - T)).to.deep.equal([3000, 4000]);
    expect(droppedCursor).to.equal(START + 2);
    const next = new ResultsStore(60);
    next.restore(results.newest, { intervals, droppedCursor }, T + 5000);
    expect(next.after(START + 1, 10).gap).to.equal(true);
    expect(next.after(START + 2, 10).gap).to.equal(false);
    expect(store(interval(T, 20 * 2 ** 20)).toKeep().intervals).to.have.length(1);
  });

  it('exclude those of another collector, and exceed no requested number', async () => {
    await new KeptResults(directory(), 'a', logger).save(
      store(...[1, 2, 3].map((i) => interval(T + i * 1000))).toKeep(),
    );
    expect(await new KeptResults(directory(), 'b', logger).load(60)).to.equal(undefined);
    const kept = await new KeptResults(directory(), 'a', logger).load(2);
    expect(kept?.intervals.map(({ report }) => report.endMs)).to.deep.equal([T + 2000, T + 3000]);
    expect(kept?.droppedCursor).to.equal(START + 1);
  });

  it('are told from the first interval of the next one by the cursor and the epoch, when the clock was set back in between', async () => {
    const first = store(interval(T + 7_200_000));
    await new KeptResults(directory(), 'a', logger).save(first.toKeep());
    const kept = await new KeptResults(directory(), 'a', logger).load(60);
    const next = new ResultsStore(60);
    next.restore(first.newest, kept, T + 1_000);
    next.add(interval(T + 2_000));
    const { intervals } = next.after(0, 10);
    expect(intervals.map(({ incarnation, cursor, clockEpoch }) => [incarnation, cursor, clockEpoch])).to.deep.equal([
      [START, START + 1, 0],
      [START, START + 2, 1],
    ]);
    expect(intervals.map((one) => aheadOf(one, { aheadMs: () => 0 }))).to.deep.equal([7_199_000, 0]);
    expect(next.after(START + 1, 10)).to.include({ gap: false, next: START + 2 });
  });

  it('are a gap to who has not read them, where only the last cursor was kept', () => {
    const first = store(...[1, 2, 3].map((i) => interval(T + i * 1000)));
    const next = new ResultsStore(60);
    next.restore(first.newest, undefined, T + 4000);
    for (const [cursor, gap] of [
      [START + 2, true],
      [T + 2000, true],
      [START + 3, false],
    ] as const)
      expect(next.after(cursor, 10), String(cursor)).to.deep.include({ gap, intervals: [] });
    next.add(interval(T + 5000));
    expect(next.after(START + 2, 10).gap).to.equal(true);
    expect(next.after(START + 3, 10)).to.include({ gap: false, next: START + 4 });
  });

  it('keep their names but not their cursors, where a process was killed before it had an interval', () => {
    const first = store(...[1, 2].map((i) => interval(T + i * 1000)));
    const next = new ResultsStore(60);
    next.restore(undefined, first.toKeep(), T + 3000);
    next.add(interval(T + 4000));
    const { intervals, gap } = next.after(START + 1, 10);
    expect(gap).to.equal(true);
    expect(intervals.map(({ incarnation, report }) => [incarnation === START, report.endMs - T])).to.deep.equal([
      [true, 1000],
      [true, 2000],
      [false, 4000],
    ]);
    const cursors = intervals.map(({ cursor }) => cursor - intervals[0].cursor);
    expect(cursors).to.deep.equal([0, 1, 2]);
    expect(next.after(intervals[1].cursor, 10)).to.include({ gap: false, next: intervals[2].cursor });
  });

  it('are no longer there when the next collector has an interval of its own and is killed', async () => {
    const kept = new KeptResults(directory(), 'a', logger);
    await kept.save(store(interval(T)).toKeep());
    await kept.discard();
    expect(await kept.load(60)).to.equal(undefined);
    expect(logged).to.deep.equal([]);
  });

  it('are left out when the file is missing, and set aside when its bytes are others', async () => {
    const kept = new KeptResults(directory(), 'a', logger);
    expect(await kept.load(60)).to.equal(undefined);
    expect(logged).to.deep.equal([]);
    await kept.save(store(interval(T)).toKeep());
    const whole = readFileSync(file());
    const random = seededRandom(4);
    for (let i = 0; i < 300; i++) {
      const bytes = Buffer.from(whole);
      bytes[random.below(bytes.length)] ^= 1 + random.below(255);
      writeFileSync(file(), i % 2 === 0 ? bytes : whole.subarray(0, random.below(whole.length)));
      expect(await kept.load(60)).to.equal(undefined);
      expect(aside).to.have.length(i + 1);
    }
  });

  it('that the disk refuses cost a line in the log, not the end of the collector', async () => {
    const gone = { ...directory(), path: join(folder, 'gone') };
    await new KeptResults(gone, 'a', logger).save(store(interval(T)).toKeep());
    expect(logged.join()).to.include('the last intervals cannot be kept');
  });
});
