import { expect } from 'chai';
import {
  fractionOfNanoseconds,
  nanosecondsOfFraction,
  ntpSecondsOfUnix,
  unixSecondsOfNtp,
} from '../../../src/wire/timestamps.js';
import { seededRandom } from '../../support/harness/random.js';

const ROUNDS = 200_000;

describe('NTP time stamps', () => {
  it('converts a fraction to the same nanoseconds as exact arithmetic', () => {
    const random = seededRandom(1);
    for (let i = 0; i < ROUNDS; i++) {
      const fraction = random.u32();
      const exact = Number((BigInt(fraction) * 1_000_000_000n) >> 32n);
      if (nanosecondsOfFraction(fraction) !== exact) expect.fail(`fraction ${fraction}`);
    }
  });

  it('converts nanoseconds to the smallest fraction not before them, and back unchanged', () => {
    const random = seededRandom(2);
    for (let i = 0; i < ROUNDS; i++) {
      const ns = random.below(1_000_000_000);
      const exact = Number(((BigInt(ns) << 32n) + 999_999_999n) / 1_000_000_000n);
      const fraction = fractionOfNanoseconds(ns);
      if (fraction !== exact) expect.fail(`${ns} ns became ${fraction}, not ${exact}`);
      if (nanosecondsOfFraction(fraction) !== ns) expect.fail(`${ns} ns did not come back`);
    }
  });

  it('stays below a second at the ends of the range', () => {
    expect(nanosecondsOfFraction(0)).to.equal(0);
    expect(nanosecondsOfFraction(0xffff_ffff)).to.equal(999_999_999);
    expect(nanosecondsOfFraction(0x8000_0000)).to.equal(500_000_000);
    expect(fractionOfNanoseconds(0)).to.equal(0);
    expect(fractionOfNanoseconds(500_000_000)).to.equal(0x8000_0000);
    expect(fractionOfNanoseconds(999_999_999)).to.equal(4_294_967_292);
  });

  it('continues past the end of NTP era 0 in February 2036', () => {
    const lastOfEra0 = Date.UTC(2036, 1, 7, 6, 28, 15) / 1000;
    expect(ntpSecondsOfUnix(lastOfEra0)).to.equal(0xffff_ffff);
    expect(unixSecondsOfNtp(0xffff_ffff)).to.equal(lastOfEra0);
    expect(ntpSecondsOfUnix(lastOfEra0 + 1)).to.equal(0);
    expect(unixSecondsOfNtp(0)).to.equal(lastOfEra0 + 1);
    expect(unixSecondsOfNtp(2_208_988_800)).to.equal(0);
    expect(unixSecondsOfNtp(2_208_988_799)).to.equal(0xffff_ffff);
  });
});
