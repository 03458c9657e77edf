import { expect } from 'chai';
import { Baseline, OneWayHistory } from '../../../src/stats/oneWay.js';
import { hopsOf, PathTraits } from '../../../src/stats/pathTraits.js';

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

describe('PathTraits', () => {
  it('counts hops from the nearest initial TTL of hosts', () => {
    expect([64, 61, 65, 128, 129, 255, 252, 1].map(hopsOf)).to.deep.equal([0, 3, 63, 0, 126, 0, 3, 63]);
    expect(hopsOf(0)).to.equal(255);
  });

  it('reports a change of hops in either direction once, and ignores unknown values', () => {
    const traits = new PathTraits(2);
    traits.open(700);
    const path = 1400;
    expect(traits.note(path, 46, 61, 255, 0)).to.equal(false);
    expect(traits.note(path, 46, 60, 255, 0)).to.equal(true);
    expect(traits.note(path, 46, 60, 46, 62)).to.equal(false);
    expect(traits.note(path, 46, 60, 46, 61)).to.equal(true);
    expect(traits.note(path, 46, 60, 46, 61)).to.equal(false);
    traits.forget(700);
    expect([traits.dscpReverse(path), traits.hopsForward(path)]).to.deep.equal([255, 255]);
    expect(traits.note(path, 46, 33, 46, 61)).to.equal(false);
  });

  it('takes variation only from consecutive probes', () => {
    const traits = new PathTraits(1);
    expect(traits.follows(3, 1)).to.equal(false);
    traits.noteDelays(3, 1, 10, 20);
    expect([traits.follows(3, 2), traits.follows(3, 3)]).to.deep.equal([true, false]);
    expect([traits.forwardNs(3), traits.reverseNs(3)]).to.deep.equal([10, 20]);
  });
});
