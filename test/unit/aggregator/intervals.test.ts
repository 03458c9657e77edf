import { expect } from 'chai';
import { cutOffMs, type Interval, IntervalGrid } from '../../../src/aggregator/intervals.js';
import { msToNs, sToNs } from '../../../src/base/units.js';
import { randomInteger, seededRandom } from '../../support/harness/random.js';

const EPOCH_S = 1_763_700_003;
const EPOCH_MS = EPOCH_S * 1000;
const LENGTH_MS = 10_000;
const LENGTH_NS = msToNs(LENGTH_MS);

function started(nowNs = 0): IntervalGrid<string> {
  const grid = new IntervalGrid<string>(LENGTH_MS, EPOCH_S);
  grid.start(nowNs, 0);
  return grid;
}

/** Closes all but the newest interval, after opening up to `ns`. */
function closeUpTo(grid: IntervalGrid<string>, ns: number, offsetNs: number): Interval<string>[] {
  const closed: Interval<string>[] = [];
  grid.openUpTo(ns, offsetNs);
  for (let oldest = grid.oldest; oldest !== undefined && oldest.endNs <= ns; oldest = grid.oldest) {
    closed.push(oldest);
    grid.closeOldest(offsetNs);
  }
  return closed;
}

describe('IntervalGrid', () => {
  it('begins with the rest of the current interval, which also takes earlier probes', () => {
    const grid = started();
    const first = grid.oldest;
    expect(first?.startMs).to.equal(EPOCH_MS);
    expect(first?.endMs).to.equal(1_763_700_010_000);
    expect(first?.endNs).to.equal(sToNs(7));
    expect(grid.find(-5)).to.equal(first);
    expect(grid.find(sToNs(7) - 1)).to.equal(first);
    expect(grid.find(sToNs(7))).to.equal(undefined);
  });

  it('begins with a whole interval on a boundary', () => {
    const grid = started(sToNs(7));
    expect(grid.oldest?.endNs).to.equal(sToNs(17));
  });

  it('aligns by the wall clock of the start, not by the time line', () => {
    const grid = new IntervalGrid<string>(LENGTH_MS, EPOCH_S);
    grid.start(0, sToNs(4));
    expect(grid.oldest?.endMs).to.equal(1_763_700_010_000);
    expect(grid.oldest?.endNs).to.equal(sToNs(3));
  });

  it('opens aligned intervals without gap or overlap', () => {
    const grid = started();
    const closed = closeUpTo(grid, sToNs(100), 0);
    expect(closed).to.have.length(10);
    for (const [i, interval] of closed.entries()) {
      expect(interval.endMs).to.equal(1_763_700_010_000 + i * LENGTH_MS);
      expect(interval.startMs).to.equal(i === 0 ? EPOCH_MS : interval.endMs - LENGTH_MS);
      if (i > 0) expect(interval.startNs).to.equal(closed[i - 1].endNs);
    }
  });

  it('finds the interval of a time among several open ones, and none before the oldest', () => {
    const grid = started();
    grid.openUpTo(sToNs(35), 0);
    grid.closeOldest(0);
    expect(grid.find(sToNs(7) - 1)).to.equal(undefined);
    expect(grid.find(sToNs(7))?.endNs).to.equal(sToNs(17));
    expect(grid.find(sToNs(16))?.endNs).to.equal(sToNs(17));
    expect(grid.find(sToNs(36.9))?.endNs).to.equal(sToNs(37));
    expect(grid.find(sToNs(37))).to.equal(undefined);
  });

  it('splits an interval in which one process ends and the next one starts, each part with its own end', () => {
    const random = seededRandom(5).next;
    for (let i = 0; i < 2_000; i++) {
      const startNs = randomInteger(random, 0, 30e9);
      const stopNs = startNs + randomInteger(random, 0, 30e9);
      const grid = started(startNs);
      grid.openUpTo(stopNs, 0);
      let last = grid.oldest;
      for (; last !== undefined && last.endNs <= stopNs; last = grid.oldest) grid.closeOldest(0);
      if (last === undefined) throw new Error('no interval is open');
      const end = cutOffMs(last, stopNs);
      const next = started(stopNs + randomInteger(random, 1, 5) * 1e6).oldest;
      if (next === undefined) throw new Error('no interval is open');
      expect(end).to.be.greaterThan(last.startMs);
      expect(end - (EPOCH_MS + stopNs / 1e6)).to.be.within(0, 1 + 1e-6);
      expect(next.startMs).to.be.at.least(end - 1);
      expect(next.endMs).to.be.greaterThan(end);
    }
  });

  it('always has an open interval', () => {
    const grid = started();
    for (let i = 0; i < 5; i++) expect(grid.closeOldest(0)?.endNs).to.equal(sToNs(7) + i * LENGTH_NS);
    expect(grid.oldest).to.not.equal(undefined);
  });

  it('follows a slewed clock: each end moves by the slew', () => {
    const grid = started();
    grid.openUpTo(sToNs(7), msToNs(3));
    expect(grid.endNs).to.equal(sToNs(17) - msToNs(3));
    grid.openUpTo(sToNs(17), -msToNs(3));
    expect(grid.endNs).to.equal(sToNs(27) + msToNs(3));
  });

  it('shortens an interval when the wall clock stepped forward by up to half a length', () => {
    const grid = started();
    grid.openUpTo(sToNs(7), sToNs(5));
    expect(grid.endNs).to.equal(sToNs(12));
  });

  it('skips boundaries when the wall clock stepped forward by more than half a length', () => {
    for (const stepS of [5.001, 6, 9.999, 10, 14, 15.1, 3600, 86_400 * 365]) {
      const grid = started();
      grid.openUpTo(sToNs(7), sToNs(stepS));
      const newest = grid.find(sToNs(7));
      const lengthNs = grid.endNs - sToNs(7);
      expect(lengthNs, `step ${stepS}`).to.be.within(LENGTH_NS / 2, LENGTH_NS * 1.5);
      expect((newest?.endMs ?? 0) % LENGTH_MS).to.equal(0);
      expect(newest?.endMs).to.equal(EPOCH_MS + (grid.endNs + sToNs(stepS)) / 1e6);
    }
  });

  it('extends an interval when the wall clock stepped back by up to one length', () => {
    const grid = started();
    grid.openUpTo(sToNs(7), -sToNs(10));
    expect(grid.endNs).to.equal(sToNs(27));
    expect(grid.find(sToNs(20))?.endMs).to.equal(1_763_700_020_000);
  });

  it('ends on the first boundary at least half a length away when the wall clock stepped back by more', () => {
    for (const stepS of [10.001, 14, 15.1, 600, 3600.5, 86_400 * 365 * 20]) {
      const grid = started();
      grid.openUpTo(sToNs(36.9), 0);
      grid.openUpTo(sToNs(37), -sToNs(stepS));
      const lengthNs = grid.endNs - sToNs(37);
      expect(lengthNs, `step ${stepS}`).to.be.within(LENGTH_NS / 2, LENGTH_NS * 1.5);
      const newest = grid.find(sToNs(37));
      expect((newest?.endMs ?? 0) % LENGTH_MS).to.equal(0);
      expect(newest?.endMs).to.equal(Math.round(EPOCH_MS + (grid.endNs - sToNs(stepS)) / 1e6));
    }
  });

  it('reports the step of the clock at the time that fixed the end, and leaves open intervals unchanged', () => {
    const grid = started();
    grid.openUpTo(sToNs(7), -sToNs(7200));
    expect(grid.oldest).to.include({ endMs: 1_763_700_010_000, endNs: sToNs(7), clockStepNs: 0 });
    expect(grid.find(sToNs(7))).to.include({ clockStepNs: -sToNs(7200) });
  });

  /**
   * The naive reference: a reader with a wall clock of its own, which knows when each interval ended on the time line, and what the wall
   * clock said then.
   */
  it('follows the wall clock from the second interval after any step, with lengths between half and double', () => {
    const random = seededRandom(71).next;
    for (let run = 0; run < 300; run++) {
      const grid = started(randomInteger(random, 0, 1e12));
      let offsetNs = 0;
      let before = grid.oldest;
      for (let i = 0; i < 100; i++) {
        if (random() < 0.3) offsetNs += Math.round((random() - 0.5) * LENGTH_NS * 10 ** randomInteger(random, -3, 6));
        const ns = grid.endNs;
        grid.openUpTo(ns, offsetNs);
        const next = grid.find(ns);
        expect(next?.startNs).to.equal(before?.endNs);
        expect((next?.endMs ?? 0) % LENGTH_MS).to.equal(0);
        const wallAtEndMs = EPOCH_MS + ((next?.endNs ?? 0) + offsetNs) / 1e6;
        expect(Math.abs((next?.endMs ?? 0) - wallAtEndMs)).to.be.lessThan(0.01);
        expect((next?.endNs ?? 0) - (next?.startNs ?? 0)).to.be.within(LENGTH_NS / 2, 2 * LENGTH_NS);
        // An end repeats only where the wall clock was set back by more than a length.
        if ((next?.endMs ?? 0) <= (before?.endMs ?? 0))
          expect(offsetNs - (before?.clockStepNs ?? 0)).to.be.lessThan(-LENGTH_NS);
        before = next;
      }
    }
  });

  it('continues after a reported interval, and never opens that again', () => {
    const grid = new IntervalGrid<string>(LENGTH_MS, EPOCH_S);
    grid.resume(1_763_700_020_000, sToNs(17), 0);
    expect(grid.find(sToNs(17) - 1)).to.equal(undefined);
    expect(grid.find(sToNs(17))?.startMs).to.equal(1_763_700_020_000);
    expect(grid.endNs).to.equal(sToNs(27));
  });
});
