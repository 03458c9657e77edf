import { expect } from 'chai';
import { SteadyClock } from '../../../src/base/steadyClock.js';
import { randomInteger, seededRandom } from '../../support/harness/random.js';

const T = 1_763_700_000_000;

/** Both clocks of a host, and a thread that is held up between two readings. */
class Host {
  lineMs = 1_000;
  stepMs = 0;
  heldUp = (): number => 0;
  readonly clocks = {
    monotonicMs: (): number => {
      this.lineMs += this.heldUp();
      return this.lineMs;
    },
    wallMs: (): number => Math.floor(T + this.lineMs + this.stepMs),
  };
}

describe('SteadyClock', () => {
  it('continues over steps of the wall clock, and reports their sum', () => {
    const random = seededRandom(41).next;
    for (let run = 0; run < 100; run++) {
      const host = new Host();
      const clock = new SteadyClock(host.clocks);
      for (let i = 0; i < 50; i++) {
        if (random() < 0.2) host.stepMs += randomInteger(random, -1, 1) * 10 ** randomInteger(random, 2, 12);
        host.lineMs += random() * 1e5;
        expect(clock.aheadMs()).to.be.within(host.stepMs - 11, host.stepMs + 11);
        expect(clock.nowMs()).to.be.within(T + host.lineMs - 2, T + host.lineMs + 2);
        expect(clock.nowMs() + clock.aheadMs()).to.be.within(clock.wallMs() - 12, clock.wallMs() + 12);
      }
    }
  });

  it('reports exactly 0 without steps, for any number of readings', () => {
    const clock = new SteadyClock();
    for (let i = 0; i < 100_000; i++) expect(clock.aheadMs()).to.equal(0);
  });

  it('ignores a delay of the thread between two readings', () => {
    const random = seededRandom(43).next;
    const host = new Host();
    const clock = new SteadyClock(host.clocks);
    host.heldUp = () => (random() < 0.5 ? random() * 1e3 : 0);
    for (let i = 0; i < 10_000; i++) expect(clock.aheadMs()).to.equal(0);
    host.stepMs = -600_000;
    for (let i = 0; i < 20; i++) clock.aheadMs();
    expect(clock.aheadMs()).to.be.within(-600_002, -599_998);
  });
});
