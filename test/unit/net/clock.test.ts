import { expect } from 'chai';
import { SystemClock, systemClock } from '../../../src/net/clock.js';

describe('the time line', () => {
  it('starts at the wall clock’s time, and never goes back', () => {
    const clock = new SystemClock();
    const wallMs = (): number => clock.timeBase.epochS * 1000 + clock.nowNs() / 1e6;
    for (let i = 0; i < 100; i++) {
      const beforeMs = Date.now();
      const ms = wallMs();
      expect(ms).to.be.within(beforeMs - 1, Date.now() + 1);
    }
    let last = clock.nowNs();
    for (let i = 0; i < 100_000; i++) {
      const nowNs = clock.nowNs();
      if (nowNs < last) throw new Error(`went back by ${last - nowNs} ns`);
      last = nowNs;
    }
    expect(Number.isInteger(last)).to.equal(true);
  });

  it('has a wall-clock offset of 0 at the start, within the reported error', () => {
    const clock = new SystemClock();
    let best = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 1000 && best > 5_000; i++) {
      const offsetNs = Math.abs(clock.wallOffsetNs());
      expect(clock.wallOffsetErrorNs).to.be.at.least(0);
      // The base itself was read from two clocks, one behind the other.
      best = Math.min(best, offsetNs + clock.wallOffsetErrorNs);
    }
    expect(best).to.be.lessThan(1e6);
  });

  it('is the same for all users of its base, also long after the boot', () => {
    const clock = new SystemClock();
    const other = systemClock(clock.timeBase);
    const ns = clock.nowNs();
    const later = other.nowNs();
    expect(later - ns).to.be.within(0, 1e9);
    expect(Math.abs(other.wallNs() - other.nowNs())).to.be.lessThan(1e9);
  });
});
