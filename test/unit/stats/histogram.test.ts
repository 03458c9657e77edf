import { expect } from 'chai';
import { build, Int32Histogram } from 'hdr-histogram-js';
import { indexOfNs, MAX_SAMPLE_NS, RttHistogram } from '../../../src/stats/histogram.js';
import { RTT_BOUNDS_NS, RTT_BUCKETS } from '../../../src/stats/rttBuckets.js';
import { randomInteger, seededRandom } from '../../support/harness/random.js';

/** Values of all magnitudes, and those around each power of two. */
function someValues(random: () => number, count: number): number[] {
  const values = [0, MAX_SAMPLE_NS];
  for (let bits = 1; bits <= 32; bits++) values.push(2 ** bits - 2, 2 ** bits - 1, Math.min(2 ** bits, MAX_SAMPLE_NS));
  while (values.length < count) values.push(randomInteger(random, 0, 2 ** randomInteger(random, 1, 33)));
  return values;
}

describe('RttHistogram', () => {
  it('counts every value at the library’s index', () => {
    const library = new Int32Histogram(1, MAX_SAMPLE_NS, 3);
    for (const value of someValues(seededRandom(1).next, 20_000)) {
      expect(indexOfNs(value), `${value}`).to.equal(library.countsArrayIndex(value));
    }
  });

  it('has the percentiles of a histogram filled by the library', () => {
    const random = seededRandom(2).next;
    const perMille = [0, 1, 100, 500, 900, 990, 999, 1000];
    const found = new Float64Array(perMille.length);
    for (let run = 0; run < 300; run++) {
      const mine = new RttHistogram();
      const library = build({ bitBucketSize: 32, autoResize: true, numberOfSignificantValueDigits: 3 });
      const count = randomInteger(random, 1, 1200);
      const scale = 2 ** randomInteger(random, 1, 33);
      for (let i = 0; i < count; i++) {
        const value = randomInteger(random, 0, scale);
        mine.record(value);
        library.recordValue(value);
      }
      mine.percentiles(perMille, found);
      expect(mine.count).to.equal(library.totalCount);
      // For percentile 0 the library gives the lower end of the range of equivalent values. It is never requested here.
      for (let i = 1; i < perMille.length; i++) {
        expect(found[i], `${perMille[i]} of ${count}`).to.equal(library.getValueAtPercentile(perMille[i] / 10));
        expect(found[i]).to.equal(mine.hdr.getValueAtPercentile(perMille[i] / 10));
      }
    }
  });

  it('counts every value in the bucket of a naive search, also after a reset', () => {
    const random = seededRandom(4).next;
    const histogram = new RttHistogram();
    const around = RTT_BOUNDS_NS.flatMap((boundNs) => [boundNs - 1, boundNs, boundNs + 1]);
    for (let run = 0; run < 200; run++) {
      histogram.reset();
      const expected = new Array<number>(RTT_BUCKETS).fill(0);
      for (const value of [...around, ...someValues(random, randomInteger(random, 100, 1000))]) {
        histogram.record(value);
        const bucket = RTT_BOUNDS_NS.findIndex((boundNs) => value <= boundNs);
        expected[bucket === -1 ? RTT_BUCKETS - 1 : bucket] += 1;
      }
      expect([...histogram.buckets]).to.deep.equal(expected);
    }
  });

  it('has percentiles within a thousandth of the exact ones', () => {
    const random = seededRandom(3).next;
    const values = Array.from({ length: 5000 }, () => Math.round(60_000 - 40_000 * Math.log(1 - random())));
    const histogram = new RttHistogram();
    for (const value of values) histogram.record(value);
    values.sort((a, b) => a - b);
    const found = new Float64Array(3);
    histogram.percentiles([500, 900, 999], found);
    for (const [i, rank] of [2499, 4499, 4994].entries()) {
      expect(found[i]).to.be.within(values[rank], values[rank] * 1.001);
    }
  });

  it('is as new after a reset', () => {
    const histogram = new RttHistogram();
    for (const value of [5, 70_000, 4_000_000_000]) histogram.record(value);
    histogram.reset();
    expect([histogram.count, histogram.firstIndex, histogram.lastIndex]).to.deep.equal([0, 0, 0]);
    histogram.record(100);
    const found = new Float64Array(2);
    histogram.percentiles([1, 1000], found);
    expect([...found]).to.deep.equal([100, 100]);
    expect(histogram.firstIndex).to.equal(100);
  });

  it('has zeros for percentiles when it is empty', () => {
    const found = new Float64Array([7, 7]);
    new RttHistogram().percentiles([500, 999], found);
    expect([...found]).to.deep.equal([0, 0]);
  });
});
