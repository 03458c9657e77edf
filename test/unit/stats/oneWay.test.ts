import { expect } from 'chai';
import { Baseline, OneWayHistory } from '../../../src/stats/oneWay.js';

/** Closes intervals in which the least delays were these (ns, true ones), by clocks that are `offsetNs` apart; what the last says of them. */
function relativeOf(intervals: readonly { out: number; back: number; offsetNs: number; kept?: boolean }[]) {
  const history = new OneWayHistory();
  const baseline = new Baseline();
  let last = { forward: 0, reverse: 0, relative: true };
  for (const { out, back, offsetNs, kept = false } of intervals) {
    history.close(5, out + offsetNs, back - offsetNs, out + back, kept, baseline);
    last = {
      forward: out + offsetNs - baseline.forwardNs,
      reverse: back - offsetNs - baseline.reverseNs,
      relative: baseline.relative,
    };
  }
  return last;
}

describe('one-way delays of two clocks', () => {
  const quiet = { out: 100_000, back: 150_000 };

  it('are relative to the minimum of each direction, for any difference of the clocks', () => {
    for (const offsetNs of [0, 7e12, -7e12])
      expect(
        relativeOf([
          { ...quiet, offsetNs },
          { out: 400_000, back: 150_000, offsetNs },
        ]),
      ).to.deep.equal({
        forward: 300_000,
        reverse: 0,
        relative: true,
      });
  });

  it('are absolute where both clocks are synchronised, unless a packet arrives before it was sent', () => {
    expect(relativeOf([{ ...quiet, offsetNs: 0, kept: true }])).to.deep.equal({
      forward: 100_000,
      reverse: 150_000,
      relative: false,
    });
    expect(relativeOf([{ ...quiet, offsetNs: -200_000, kept: true }])).to.include({ forward: 0, relative: true });
  });

  it('distinguish a clock that was set from a queue', () => {
    for (const stepNs of [1e9, -1e9, 300_000, -300_000])
      expect(
        relativeOf([
          { ...quiet, offsetNs: 0 },
          { ...quiet, offsetNs: stepNs },
        ]),
        `${stepNs}`,
      ).to.include({
        forward: 0,
        reverse: 0,
      });
  });

  it('stay within the tolerance for clocks that drift by 50 ppm', () => {
    const intervals = Array.from({ length: 30 }, (_, i) => ({ ...quiet, offsetNs: i * 10e9 * 50e-6 }));
    const { forward, reverse } = relativeOf(intervals);
    expect(forward).to.be.within(0, 20_000 + 250_000 / 8);
    expect(reverse).to.be.within(0, 20_000 + 250_000 / 8);
  });

  it('forget intervals beyond the window of six, and removed streams', () => {
    const queue = { out: 400_000, back: 150_000, offsetNs: 0 };
    expect(relativeOf([{ ...quiet, offsetNs: 0 }, ...Array(5).fill(queue)]).forward).to.equal(300_000);
    expect(relativeOf([{ ...quiet, offsetNs: 0 }, ...Array(6).fill(queue)]).forward).to.equal(0);
  });
});
