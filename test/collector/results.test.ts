import { expect } from 'chai';
import { type IntervalReport, PATH_COLUMNS, PATH_TRAITS } from '../../src/collector/messages.js';
import { ResultsStore } from '../../src/collector/results.js';

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
    const store = new ResultsStore(2);
    for (const endMs of [1_000, 2_000, 3_000]) store.add({ report: report(endMs, 1), infos: [] });
    expect(store.after(1, 10)).to.include({ gap: true, oldest: 2_000, next: 3_000 });
    expect(store.after(1_000, 10)).to.include({ gap: false, next: 3_000 });
    expect(store.after(0, 1)).to.include({ gap: false, next: 2_000 });
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
