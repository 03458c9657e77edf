import { expect } from 'chai';
import { TextCache } from '../../../../src/scraper/results/textCache.js';
import { seededRandom } from '../../../support/harness/random.js';

describe('texts that come again', () => {
  it('match their bytes, whatever text used the same slot before', () => {
    const cache = new TextCache();
    const random = seededRandom(48);
    const letters = ['a', 'b', '0', '.', ' ', 'ä', '€', '😀'];
    for (let run = 0; run < 100_000; run++) {
      const length = random.below(random.below(50) === 0 ? 200 : 8);
      const text = Array.from({ length }, () => letters[random.below(letters.length)]).join('');
      const bytes = Buffer.from(`<${text}>`);
      if (cache.of(bytes, 1, bytes.length - 1) !== text) throw new Error(`run ${run}: ${text}`);
    }
    expect(cache.of(Buffer.alloc(0), 0, 0)).to.equal('');
  });
});
