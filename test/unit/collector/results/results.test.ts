import { expect } from 'chai';
import { ResultsStore } from '../../../../src/collector/results/results.js';
import { LEAST_CURSOR } from '../../../../src/stats/cursorStart.js';
import { type IntervalReport, PATH_COLUMNS, PATH_TRAITS } from '../../../../src/threads/messages.js';
import { randomInteger, seededRandom } from '../../../support/harness/random.js';

const START = LEAST_CURSOR;

/** An interval with this many paths. */
function report(endMs: number, paths: number): IntervalReport {
  return {
    startMs: endMs - 1_000,
    endMs,
    clockStepMs: 0,
    early: false,
    streams: new Uint32Array(0),
    rows: new Uint8Array(0),
    rowOffsets: new Uint32Array(1),
    histograms: new Uint8Array(0),
    histogramOffsets: new Uint32Array(1),
    rowCounters: new Uint32Array(),
    rowRttSumsNs: new Float64Array(),
    rowRttBuckets: new Uint32Array(),
    forHistory: null,
    paths: new Uint32Array(paths),
    pathCounters: new Uint32Array(paths * PATH_COLUMNS.length),
    pathRttNs: new Float32Array(paths * 3),
    pathDelayNs: new Float32Array(paths * 6),
    pathTraits: new Uint8Array(paths * PATH_TRAITS.length),
    pathReasons: new Uint32Array(0),
    sent: 0,
    received: 0,
    lost: 0,
  };
}

/** 105 bytes a path: 25 MiB an interval. */
const MANY = 250_000;

describe('ResultsStore', () => {
  it('says that there is a gap when intervals after the cursor were dropped, and only then', () => {
    const store = new ResultsStore(2, START);
    for (const endMs of [1_000, 2_000, 3_000]) store.add({ report: report(endMs, 1), infos: [] });
    expect(store.after(START, 10)).to.include({ gap: true, oldest: START + 2, next: START + 3 });
    expect(store.after(START + 1, 10)).to.include({ gap: false, next: START + 3 });
    expect(store.after(0, 1)).to.include({ gap: false, next: START + 2 });
    expect(store.after(START + 3, 10)).to.include({ gap: false, next: START + 3 });
  });

  it('accepts a time as a cursor: later intervals follow, in the order in which they were closed', () => {
    const store = new ResultsStore(4);
    for (const endMs of [1_000, 5_000, 6_000, 2_000, 3_000]) store.add({ report: report(endMs, 1), infos: [] });
    const endsAfter = (ms: number) => {
      const { intervals, gap } = store.after(ms, 10);
      return [gap, ...intervals.map(({ report: { endMs } }) => endMs)];
    };
    expect(endsAfter(100)).to.deep.equal([true, 5_000, 6_000, 2_000, 3_000]);
    expect(endsAfter(4_000)).to.deep.equal([true, 5_000, 6_000, 2_000, 3_000]);
    expect(endsAfter(2_500)).to.deep.equal([true, 5_000, 6_000, 2_000, 3_000]);
    const steady = new ResultsStore(4);
    for (const endMs of [1_000, 2_000, 3_000]) steady.add({ report: report(endMs, 1), infos: [] });
    expect(steady.after(1_999, 10).intervals.map(({ report: { endMs } }) => endMs)).to.deep.equal([2_000, 3_000]);
    expect(steady.after(2_000, 10).intervals.map(({ report: { endMs } }) => endMs)).to.deep.equal([3_000]);
    expect(steady.after(3_000, 10)).to.deep.include({ intervals: [], gap: false });
    // Nothing is known of the time before the first interval: an earlier process may have measured then.
    const late = new ResultsStore(4);
    late.add({ report: report(9_000, 1), infos: [] });
    expect([late.after(7_000, 10).gap, late.after(8_000, 10).gap]).to.deep.equal([true, false]);
    // Its clock was ahead of what the collector's is now.
    expect(steady.after(9_000, 10).intervals).to.have.length(3);
    expect(steady.after(9_000, 10).gap).to.equal(true);
  });

  it('says that there is a gap to every reader with a cursor of another process, and gives all that it holds', () => {
    const random = seededRandom(41).next;
    for (let run = 0; run < 500; run++) {
      const earlier = new ResultsStore(60);
      const startMs = 1e12 * random();
      const count = randomInteger(random, 1, 20);
      for (let i = 1; i <= count; i++) earlier.add({ report: report(startMs + i * 1_000, 1), infos: [] });
      const { cursor } = earlier.newest;
      const next = new ResultsStore(60);
      // Its clock may be before or behind that of the earlier one, and pass it.
      const backMs = randomInteger(random, -20, 20) * 1_000;
      for (let i = 1; i <= 30; i++) {
        next.add({ report: report(startMs + backMs + i * 1_000, 1), infos: [] });
        expect(next.after(cursor, 100).gap).to.equal(true);
        expect(next.after(cursor, 100).intervals).to.have.length(i);
        expect(next.firstAfter(cursor)).to.deep.include({ gap: true, interval: next.all()[0] });
      }
    }
  });

  it('keeps the rows of every interval but the paths of the newest only, when paths take more than 64 MiB', () => {
    const store = new ResultsStore(10);
    for (const endMs of [1_000, 2_000, 3_000, 4_000]) store.add({ report: report(endMs, MANY), infos: [] });
    expect(store.after(0, 10).intervals.map((interval) => interval.report.paths.length)).to.deep.equal([
      0,
      0,
      MANY,
      MANY,
    ]);
    expect(store.pathsAfter(1_000)).to.include({ gap: true });
    expect(store.pathsAfter(1_000).interval?.report.endMs).to.equal(3_000);
    expect(store.pathsAfter(2_000)).to.include({ gap: false });
    expect(store.pathsAfter(3_000).interval?.report.endMs).to.equal(4_000);
    expect(store.pathsAfter(4_000).interval).to.equal(undefined);
  });

  it('keeps the paths of the newest interval, however many they are', () => {
    const store = new ResultsStore(10);
    store.add({ report: report(1_000, 3 * MANY), infos: [] });
    store.add({ report: report(2_000, 3 * MANY), infos: [] });
    expect(store.after(0, 10).intervals.map((interval) => interval.report.paths.length)).to.deep.equal([0, 3 * MANY]);
  });
});
