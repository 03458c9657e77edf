import { expect } from 'chai';
import { comparePaths, worstPaths } from '../../../../src/api/collector/worst.js';
import { Breather } from '../../../../src/base/yielding.js';
import { makeReport } from '../../../support/fakes/fakeCollector.js';
import { seededRandom } from '../../../support/harness/random.js';

describe('worstPaths', () => {
  it('ranks unsent probes as failures, and puts paths with unknown state before healthy ones', async () => {
    const paths = [
      { path: 0, sent: 100, received: 100 },
      { path: 1, sent: 1, received: 1, sendErrors: 99 },
      { path: 2, sent: 9, localDrops: 9 },
      { path: 3, sent: 100, received: 50, lost: 50 },
      { path: 4, sent: 2, received: 1, localDrops: 1 },
      { path: 5, sent: 10, received: 1, unreachable: 9 },
      { path: 6, sendErrors: 20 },
    ].map((one) => ({ ...one, rttNs: [0, 0, 0] as const }));
    const report = makeReport(10_000, [], { paths });
    const { rows } = await worstPaths(report, 10, () => true, new Breather());
    expect([...rows].map((row) => report.paths[row])).to.deep.equal([6, 1, 5, 3, 2, 0, 4]);
  });

  it('gives the same as sorting all of them, for any size, limit and filter', async () => {
    const random = seededRandom(7).next;
    for (let round = 0; round < 300; round++) {
      const paths = Array.from({ length: Math.floor(random() * 200) }, (_, path) => {
        const sent = Math.floor(random() * 4);
        const mean = Math.floor(random() * 5);
        return { path, sent, lost: Math.floor(random() * (sent + 1)), rttNs: [mean, mean, mean] as const };
      });
      const report = makeReport(10_000, [], { paths: [...paths] });
      const keep = random();
      const matching = paths.map((_, row) => row).filter((row) => (row * 31) % 97 < keep * 97);
      const limit = 1 + Math.floor(random() * 220);
      const { rows, total } = await worstPaths(report, limit, (row) => (row * 31) % 97 < keep * 97, new Breather());
      expect(total).to.equal(matching.length);
      expect([...rows]).to.deep.equal(matching.toSorted((a, b) => comparePaths(report, a, b)).slice(0, limit));
    }
  });
});
