import { inflateSync } from 'node:zlib';
import { expect } from 'chai';
import { decodeFromCompressedBase64, encodeIntoCompressedBase64, Int32Histogram } from 'hdr-histogram-js';
import { HdrTextEncoder } from '../../../src/stats/hdrText.js';
import { RttHistogram } from '../../../src/stats/histogram.js';
import { randomInteger, seededRandom } from '../../support/harness/random.js';

function filled(values: readonly number[]): RttHistogram {
  const histogram = new RttHistogram();
  for (const value of values) histogram.record(value);
  return histogram;
}

function envelope(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64');
  expect(bytes.readInt32BE(0)).to.equal(0x1c849314);
  expect(bytes.readInt32BE(4)).to.equal(bytes.length - 8);
  return bytes;
}

/** The bytes before compression. */
function plain(text: string): Buffer {
  return inflateSync(envelope(text).subarray(8));
}

function counts(histogram: Int32Histogram, length: number): number[] {
  return Array.from({ length }, (_, index) =>
    index < histogram.countsArrayLength ? histogram.getCountAtIndex(index) : 0,
  );
}

function decoded(text: string): Int32Histogram {
  const histogram = decodeFromCompressedBase64(text, 32);
  if (!(histogram instanceof Int32Histogram)) throw new Error('the library decoded to another kind of histogram');
  return histogram;
}

describe('HdrTextEncoder', () => {
  const encoder = new HdrTextEncoder();

  it('writes these bytes before compression', () => {
    const bytes = plain(encoder.encode(filled([2, 2, 4, 5, 5, 5])));
    expect(bytes.toString('hex')).to.equal(
      '1c849313' +
        '00000005' +
        '00000000' +
        '00000003' +
        '0000000000000001' +
        '0000000000000002' +
        '3ff0000000000000' +
        '03' +
        '04' +
        '00' +
        '02' +
        '06',
    );
  });

  it('starts as the standard text', () => {
    expect(encoder.encode(filled([61_000]))).to.match(/^HISTFAAA[A-Za-z0-9+/]+=*$/);
  });

  it('writes the library’s counts, byte by byte', () => {
    const random = seededRandom(11).next;
    for (let run = 0; run < 300; run++) {
      const scale = 2 ** randomInteger(random, 1, 33);
      const values = Array.from({ length: randomInteger(random, 1, 400) }, () => randomInteger(random, 0, scale));
      const histogram = filled(values);
      const mine = plain(encoder.encode(histogram));
      const library = plain(encodeIntoCompressedBase64(histogram.hdr));
      expect(mine.subarray(40).equals(library.subarray(40)), `run ${run}`).to.equal(true);
      expect(mine.subarray(0, 8).equals(library.subarray(0, 8))).to.equal(true);
      expect(mine.subarray(12, 32).equals(library.subarray(12, 32))).to.equal(true);
    }
  });

  it('gives the library the same counts and percentiles', () => {
    const random = seededRandom(12).next;
    for (let run = 0; run < 200; run++) {
      const scale = 2 ** randomInteger(random, 1, 33);
      const values = Array.from({ length: randomInteger(random, 1, 2000) }, () => randomInteger(random, 0, scale));
      const histogram = filled(values);
      const read = decoded(encoder.encode(histogram));
      expect(read.totalCount).to.equal(values.length);
      const length = histogram.hdr.countsArrayLength;
      expect(counts(read, length)).to.deep.equal(counts(histogram.hdr, length));
      for (const percentile of [1, 50, 90, 99, 99.9, 100]) {
        expect(read.getValueAtPercentile(percentile)).to.equal(histogram.hdr.getValueAtPercentile(percentile));
      }
    }
  });

  it('supports counts of up to 32 bits', () => {
    const histogram = filled([70_000]);
    const index = histogram.firstIndex;
    for (const count of [63, 64, 8191, 8192, 2 ** 20, 2 ** 31, 2 ** 32 - 1]) {
      histogram.hdr.setCountAtIndex(index, count);
      expect(decoded(encoder.encode(histogram)).getCountAtIndex(index)).to.equal(count);
    }
  });

  it('allows the library to merge: two intervals give the percentiles of both', () => {
    const sum = decoded(encoder.encode(filled([100, 200, 300])));
    sum.autoResize = true;
    sum.add(decoded(encoder.encode(filled([1_000_000, 2_000_000]))));
    expect(sum.totalCount).to.equal(5);
    expect(sum.getValueAtPercentile(60)).to.equal(300);
    expect(sum.getValueAtPercentile(100)).to.be.within(2_000_000, 2_002_000);
  });

  it('stores a short histogram, and compresses a long one', () => {
    const random = seededRandom(13).next;
    const some = (samples: number) => Array.from({ length: samples }, () => randomInteger(random, 50_000, 100_000));
    for (const samples of [1, 160, 250])
      expect(
        envelope(encoder.encode(filled(some(samples))))
          .subarray(8, 11)
          .toString('hex'),
      ).to.equal('780101');
    const long = envelope(encoder.encode(filled(some(20_000))));
    expect(long[10] & 7, 'not a stored block').not.to.equal(1);
    expect(long.length).to.be.lessThan(plain(long.toString('base64')).length * 0.9);
  });

  it('is right on both sides of the compression threshold', () => {
    const lengths = new Set<number>();
    for (let samples = 230; samples < 240; samples++)
      for (const first of [0, 1]) {
        // Two bytes for each: a zero, and the count 1.
        const text = encoder.encode(filled(Array.from({ length: samples }, (_, i) => first + i * 2)));
        lengths.add(plain(text).length);
        expect(decoded(text).totalCount).to.equal(samples);
      }
    for (const length of [511, 512, 513]) expect([...lengths]).to.include(length);
  });

  it('reads an empty histogram back as empty', () => {
    expect(decoded(encoder.encode(new RttHistogram())).totalCount).to.equal(0);
  });
});
