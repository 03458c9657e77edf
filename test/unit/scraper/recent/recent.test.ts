import { expect } from 'chai';
import { RecentResults } from '../../../../src/scraper/recent/recent.js';
import type { CollectedInterval } from '../../../../src/scraper/results/types.js';
import { row } from '../../../support/fakes/scraped.js';

const T = 1_763_700_000_000;

function interval(collector: string, endMs: number, rows = 1): CollectedInterval {
  const made = Array.from({ length: rows }, (_, i) => row(`10.0.0.${i}`, { hdr: i % 2 === 0 ? 'HISTF' : null }));
  return { collector, intervalMs: 10_000, startMs: endMs - 10_000, endMs, rows: made };
}

describe('recent results', () => {
  it('lose none to a reader who follows, in whatever order intervals of several collectors come', async () => {
    const recent = new RecentResults(2 ** 20);
    const read: string[] = [];
    let cursor = 0;
    const follow = () => {
      const { intervals, gap } = recent.after(cursor);
      expect(gap).to.equal(false);
      for (const one of intervals) read.push(`${one.collector} ${one.report.endMs}`);
      cursor = intervals.at(-1)?.cursor ?? cursor;
    };
    // The second collector is late by three intervals; all ends are multiples of the same length.
    const order: readonly [string, number][] = [
      ['a', 1],
      ['a', 2],
      ['b', 1],
      ['a', 3],
      ['a', 4],
      ['b', 2],
      ['b', 3],
      ['b', 4],
    ];
    for (const [collector, step] of order) {
      await recent.add(interval(collector, T + step * 10_000));
      follow();
      follow();
    }
    expect(read).to.deep.equal(order.map(([collector, step]) => `${collector} ${T + step * 10_000}`));
  });

  it('lose none to a reader from an earlier process with a known last number', async () => {
    const first = new RecentResults(2 ** 20);
    for (const step of [1, 2]) await first.add(interval('a', T + step * 10_000));
    const cursor = first.end;
    const second = new RecentResults(2 ** 20, first.end - 1);
    for (const step of [3, 4]) await second.add(interval('a', T + step * 10_000));
    const { intervals, gap } = second.after(cursor);
    expect(gap).to.equal(true);
    expect(intervals.map(({ report }) => report.endMs - T)).to.deep.equal([30_000, 40_000]);
  });

  it('give out a cursor only when the interval that bears it can be asked for', async () => {
    const recent = new RecentResults(2 ** 20);
    const first = recent.end;
    const added = Promise.all([recent.add(interval('a', T, 500)), recent.add(interval('b', T, 500))]);
    let looks = 0;
    while (recent.after(0).intervals.length < 2) {
      looks += 1;
      expect(recent.end).to.equal(first + recent.after(0).intervals.length);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await added;
    expect(looks).to.be.greaterThan(0);
  });

  it('stay within their bytes: the oldest go, and a reader who has not seen them is told of a gap', async () => {
    const recent = new RecentResults(20_000);
    const before = recent.end;
    for (let step = 1; step <= 40; step++) {
      await recent.add(interval('a', T + step * 10_000, 3));
      expect(recent.bytes).to.be.at.most(20_000);
    }
    const { intervals, gap } = recent.after(before);
    expect(gap).to.equal(true);
    expect(intervals.length).to.be.within(3, 39);
    expect(recent.oldest).to.equal(intervals[0].cursor);
    // Whoever has all up to the oldest has missed nothing.
    expect(recent.after(intervals[0].cursor - 1).gap).to.equal(false);
    expect(recent.after(intervals[0].cursor - 2).gap).to.equal(true);
    expect(recent.after(0).gap).to.equal(false);
  });

  it('tell of a gap to a reader of an earlier process, however late it comes', async () => {
    const earlier = new RecentResults(2 ** 20);
    await earlier.add(interval('a', T));
    const cursor = earlier.end;
    for (let run = 0; run < 100; run++) {
      const recent = new RecentResults(2 ** 20);
      expect(recent.after(cursor)).to.deep.equal({ intervals: [], gap: true });
      for (let count = 1; count <= 3; count++) {
        await recent.add(interval('b', T + count * 10_000));
        const { intervals, gap } = recent.after(cursor);
        expect([intervals.length, gap]).to.deep.equal([count, true]);
      }
      expect(recent.after(recent.end)).to.deep.equal({ intervals: [], gap: false });
    }
  });

  it('let an interval go that is larger than all of their memory', async () => {
    const recent = new RecentResults(1000);
    await recent.add(interval('a', T, 10));
    expect(recent.bytes).to.equal(0);
    expect(recent.after(T * 100)).to.deep.equal({ intervals: [], gap: true });
  });
});
