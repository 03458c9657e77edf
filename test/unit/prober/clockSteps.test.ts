import { expect } from 'chai';
import { ClockSteps } from '../../../src/prober/clockSteps.js';
import { seededRandom } from '../../support/harness/random.js';

describe('ClockSteps', () => {
  it('ignores noise within the uncertainty of the readings', () => {
    const random = seededRandom(7);
    const steps = new ClockSteps(1000, 500);
    for (let i = 0; i < 100_000; i++) {
      const errorNs = 100 + random.below(5_000);
      expect(steps.see(1000 + (random.next() - 0.5) * errorNs, errorNs)).to.equal(false);
    }
    expect([steps.offsetNs, steps.epoch]).to.deep.equal([1000, 0]);
  });

  for (const stepNs of [10_000, -10_000, 3_600e9, -3_600e9])
    it(`detects a step of ${stepNs} ns once, and begins an epoch`, () => {
      const steps = new ClockSteps(0, 500);
      expect(steps.see(stepNs, 500)).to.equal(true);
      expect([steps.offsetNs, steps.epoch]).to.deep.equal([stepNs, 1]);
      expect(steps.see(stepNs + 300, 500)).to.equal(false);
      expect(steps.see(0, 500)).to.equal(true);
      expect([steps.offsetNs, steps.epoch]).to.deep.equal([0, 2]);
    });

  it('detects many small steps by their sum', () => {
    const steps = new ClockSteps(0, 100);
    let seen = 0;
    for (let i = 1; i <= 100; i++) if (steps.see(i * 500, 100)) seen++;
    expect(seen).to.be.within(15, 25);
  });

  it('detects a large step by an uncertain reading, and takes the next good reading without counting a step', () => {
    const steps = new ClockSteps(0, 500);
    expect(steps.see(400_000, 1_000_000)).to.equal(false);
    expect(steps.see(1e9 + 300_000, 900_000)).to.equal(true);
    expect(steps.see(1e9, 500)).to.equal(false);
    expect([steps.offsetNs, steps.epoch]).to.deep.equal([1e9, 2]);
    expect(steps.see(1e9 + 50_000, 500)).to.equal(true);
  });

  it('replaces an uncertain first reading by a good one', () => {
    const steps = new ClockSteps(70_000, 200_000);
    expect(steps.see(65_000, 150_000)).to.equal(false);
    expect(steps.epoch).to.equal(0);
    expect(steps.see(3, 400)).to.equal(false);
    expect([steps.offsetNs, steps.epoch]).to.deep.equal([3, 1]);
  });

  it('counts epochs modulo 256', () => {
    const steps = new ClockSteps(0, 0);
    for (let i = 1; i <= 257; i++) steps.see(i * 1e6, 0);
    expect(steps.epoch).to.equal(1);
  });
});
