import { expect } from 'chai';
import { isPartialLoss } from '../../../src/stats/outcome.js';
import { type Random, seededRandom } from '../../support/harness/random.js';

/** Paths with so many probes each, of which a share is lost by chance. */
function paths(random: Random, count: number, sent: number, loss: number) {
  return Array.from({ length: count }, () => {
    let failed = 0;
    for (let i = 0; i < sent; i++) if (random.next() < loss) failed++;
    return { sent, failed };
  });
}

describe('isPartialLoss', () => {
  it('calls equal loss on all paths partial in less than one of a hundred windows', () => {
    const random = seededRandom(5);
    let partial = 0;
    for (let i = 0; i < 1_000; i++) if (isPartialLoss(paths(random, 32, 20, 0.1))) partial++;
    expect(partial).to.be.lessThan(10);
  });

  it('finds a quarter of the paths that lose a fifth', () => {
    const random = seededRandom(6);
    let partial = 0;
    for (let i = 0; i < 200; i++)
      if (isPartialLoss([...paths(random, 8, 40, 0.2), ...paths(random, 24, 40, 0)])) partial++;
    expect(partial).to.be.greaterThan(190);
  });

  it('claims nothing without loss, without a path, or where every path loses', () => {
    expect(isPartialLoss([])).to.equal(false);
    expect(isPartialLoss([{ sent: 0, failed: 0 }])).to.equal(false);
    expect(isPartialLoss([{ sent: 10, failed: 0 }])).to.equal(false);
    expect(isPartialLoss([{ sent: 10, failed: 10 }])).to.equal(false);
    expect(isPartialLoss(Array.from({ length: 9 }, () => ({ sent: 10, failed: 1 })))).to.equal(false);
  });
});
