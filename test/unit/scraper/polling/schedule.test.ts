import { expect } from 'chai';
import { Schedule } from '../../../../src/scraper/polling/schedule.js';

const T = 1_763_700_000_000;

describe('the schedule of a collector', () => {
  it('spreads 200 collectors over a fifth of the interval, each always in its own place', () => {
    const wait = (i: number): number => {
      const schedule = new Schedule(`http://10.1.0.${i}:5000`, () => 0);
      schedule.intervalMs = 10_000;
      return schedule.afterIntervals(T, T);
    };
    const waits = Array.from({ length: 200 }, (_, i) => wait(i));
    expect(Array.from({ length: 200 }, (_, i) => wait(i))).to.deep.equal(waits);
    const least = Math.min(...waits);
    const tenths = new Array<number>(10).fill(0);
    for (const ms of waits) tenths[Math.min(9, Math.floor((ms - least) / 200))] += 1;
    expect(Math.max(...waits) - least).to.be.within(1800, 2000);
    for (const count of tenths) expect(count).to.be.within(8, 36);
  });

  it('asks at once when an interval is overdue, and never waits longer than one', () => {
    const schedule = new Schedule('a', () => 0);
    schedule.intervalMs = 10_000;
    expect(schedule.afterIntervals(T, T + 60_000)).to.equal(0);
    expect(schedule.afterIntervals(T + 3_600_000, T)).to.be.within(10_000, 12_000);
  });

  it('learns how long an interval takes to be ready, and forgets it slowly', () => {
    const schedule = new Schedule('a', () => 0);
    schedule.intervalMs = 10_000;
    const first = schedule.afterIntervals(T, T + 5000);
    schedule.afterNothing();
    schedule.afterNothing();
    const later = schedule.afterIntervals(T, T + 5000);
    expect(later).to.be.within(first + 1000, first + 2500);
    for (let i = 0; i < 200; i++) schedule.afterIntervals(T, T + 5000);
    expect(schedule.afterIntervals(T, T + 5000)).to.be.lessThan(first);
  });

  it('asks in vain ever more seldom, at most once an interval', () => {
    const schedule = new Schedule('a', () => 0);
    schedule.intervalMs = 10_000;
    expect(Array.from({ length: 6 }, () => schedule.afterNothing())).to.deep.equal([
      1000, 2000, 4000, 8000, 10_000, 10_000,
    ]);
  });

  it('backs off with jitter after errors, up to three intervals and a minute, and obeys Retry-After', () => {
    const schedule = new Schedule('a', () => 0);
    schedule.intervalMs = 10_000;
    expect(Array.from({ length: 7 }, () => schedule.afterError())).to.deep.equal(
      [1, 2, 4, 8, 16, 30, 30].map((s) => s * 1000),
    );
    expect(schedule.afterError(45_000)).to.equal(45_000);
    expect(schedule.afterError(3_600_000)).to.equal(60_000);
    schedule.afterIntervals(T, T);
    expect(schedule.afterError()).to.equal(1000);
    const half = new Schedule('a', () => 1);
    expect(half.afterError()).to.equal(500);
  });
});
