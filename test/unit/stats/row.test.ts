import { expect } from 'chai';
import { explanationsJson, NO_EXPLANATIONS } from '../../../src/stats/explanations.js';
import { lossPct, OutcomeNumbers, RttNumbers, roundedUs, rowJson } from '../../../src/stats/row.js';

const NONE = explanationsJson(NO_EXPLANATIONS);

describe('rowJson', () => {
  it('writes the published names in the published order', () => {
    const outcomes = Object.assign(new OutcomeNumbers(), { sent: 160, received: 159, lost: 1 });
    const rtt = Object.assign(new RttNumbers(), { count: 2, minNs: 61_000, maxNs: 131_007, firstNs: 61_000 });
    Object.assign(rtt, {
      sumNs: 70_007,
      squaresNs2: 70_007 ** 2,
      residenceSumNs: 8200,
      jitterPairs: 1,
      jitterSumNs: 70_007,
    });
    rtt.percentilesNs.set([61_023, 131_071, 131_071, 131_071]);
    expect(`{${rowJson(outcomes, rtt, 2, NONE, '')}`).to.equal(
      '{"sent":160,"received":159,"lost":1,"unreachable":0,"lossPct":0.625,' +
        '"late":0,"duplicates":0,"reordered":0,"sendErrors":0,"localDrops":0,"tooBig":0,"mtu":null,"sendErrorsBy":null,"unreachableBy":null,"tooBigBy":null,' +
        '"rttUs":{"min":61,"mean":96.004,"stddev":35.004,"p50":61.023,"p90":131.007,"p99":131.007,"p999":131.007,"max":131.007},' +
        '"residenceUs":4.1,"jitterUs":70.007}',
    );
  });

  it('writes null for values without measurements', () => {
    const row = JSON.parse(
      `{${rowJson(Object.assign(new OutcomeNumbers(), { sent: 3, lost: 3 }), new RttNumbers(), 0, NONE, '')}`,
    );
    expect([row.rttUs, row.residenceUs, row.jitterUs, row.lossPct]).to.deep.equal([null, null, null, 100]);
  });

  it('writes no jitter for a single round trip, but its other numbers', () => {
    const rtt = Object.assign(new RttNumbers(), { count: 1, minNs: 5, maxNs: 5, firstNs: 5 });
    const row = JSON.parse(`{${rowJson(new OutcomeNumbers(), rtt, 1, NONE, '')}`);
    expect(row.jitterUs).to.equal(null);
    expect(row.rttUs.stddev).to.equal(0);
    expect(row.rttUs.mean).to.equal(0.005);
  });

  it('rounds times to whole nanoseconds and loss to four decimals', () => {
    expect(roundedUs(61_234.4)).to.equal(61.234);
    expect(roundedUs(61_234.6)).to.equal(61.235);
    const lost1 = (sent: number): number | null => lossPct({ sent, received: sent - 1, lost: 1, unreachable: 0 });
    expect(lost1(3)).to.equal(33.3333);
    expect(lost1(1_000_000)).to.equal(0.0001);
    expect(lost1(1)).to.equal(100);
  });

  it('writes no loss where no probe gives evidence', () => {
    for (const counts of [{ sent: 0 }, { sent: 7, tooBig: 7, mtu: 1400 }, { sent: 7, localDrops: 7 }, { sent: 7 }]) {
      const outcomes = Object.assign(new OutcomeNumbers(), counts);
      const row = JSON.parse(`{${rowJson(outcomes, new RttNumbers(), 0, NONE, '')}`);
      expect(row.lossPct, JSON.stringify(counts)).to.equal(null);
    }
    const some = Object.assign(new OutcomeNumbers(), { sent: 4, received: 2, lost: 1, tooBig: 1 });
    expect(lossPct(some)).to.equal(25);
  });
});
