import { expect } from 'chai';
import { hopsOf, PathTraits } from '../../../src/stats/pathTraits.js';

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
