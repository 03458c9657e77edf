import { expect } from 'chai';
import { HdrTextEncoder } from '../../../../src/stats/hdrText.js';
import { RttHistogram } from '../../../../src/stats/histogram.js';
import { addHdr, logBins } from '../../../../src/ui/pair/hdr.js';
import { seededRandom } from '../../../support/harness/random.js';

/** The value that `share` of the counts is not above. */
function percentileOf(counts: ReadonlyMap<number, number>, share: number): number {
  const sorted = [...counts].sort(([a], [b]) => a - b);
  const total = sorted.reduce((sum, [, count]) => sum + count, 0);
  let below = 0;
  for (const [value, count] of sorted) {
    below += count;
    if (below >= total * share) return value;
  }
  return Number.NaN;
}

describe('the histograms that the page reads', () => {
  it('have the counts that were recorded, each within its bucket', async () => {
    const random = seededRandom(7);
    const encoder = new HdrTextEncoder();
    const counts = new Map<number, number>();
    const values: number[] = [];
    for (let text = 0; text < 3; text++) {
      const histogram = new RttHistogram();
      for (let i = 0; i < 2_000; i++) {
        const ns = Math.floor(10 ** (3 + random.next() * 6));
        histogram.record(ns);
        values.push(ns);
      }
      await addHdr(encoder.encode(histogram), counts);
    }
    values.sort((a, b) => a - b);
    expect([...counts.values()].reduce((a, b) => a + b, 0)).to.equal(values.length);
    for (const share of [0.001, 0.5, 0.9, 0.99, 1]) {
      const exact = values[Math.ceil(share * values.length) - 1];
      expect(percentileOf(counts, share) / exact, String(share)).to.be.within(0.999, 1.001);
    }
    const bins = logBins(counts, 1_000, 1_000_000_000, 60);
    expect(bins.reduce((sum, { count }) => sum + count, 0)).to.equal(values.length);
  });

  it('are refused when they are something else', async () => {
    for (const text of ['AAAAAAAAAAAA', 'HISTFAAAAAA'])
      expect(
        await addHdr(text, new Map()).then(
          () => 'read',
          () => 'refused',
        ),
        text,
      ).to.equal('refused');
  });
});
