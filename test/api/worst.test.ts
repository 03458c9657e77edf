import { expect } from 'chai';
import { comparePaths, worstPaths } from '../../src/api/worst.js';
import { Breather } from '../../src/base/yielding.js';
import { makeReport } from '../support/fake-collector.js';
import { seededRandom } from '../support/random.js';

describe('worstPaths', () => {
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
