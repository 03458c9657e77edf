import { deflateSync } from 'node:zlib';
import { expect } from 'chai';
import { Int32Histogram } from 'hdr-histogram-js';
import { HdrTextReader } from '../../../src/stats/hdrRead.js';
import { HdrTextEncoder } from '../../../src/stats/hdrText.js';
import { INDEXES, indexOfNs, RttHistogram } from '../../../src/stats/histogram.js';
import { HistogramSum, MAX_SPARSE_BYTES, writeEntry } from '../../../src/stats/histogramSum.js';
import { randomInteger, seededRandom } from '../../support/harness/random.js';

/** A million with LLAMA_FUZZ_RUNS=1000000; each costs up to 100 µs. */
const FUZZ_RUNS = Number(process.env.LLAMA_FUZZ_RUNS ?? 30_000);
const PER_MILLE = [1, 500, 900, 990, 999, 1000];

const encoder = new HdrTextEncoder();
const reader = new HdrTextReader();

function textOf(values: readonly number[]): string {
  const histogram = new RttHistogram();
  for (const value of values) histogram.record(value);
  return encoder.encode(histogram);
}

/** A text around bytes that were not made by the encoder. */
function wrapped(plain: Buffer): string {
  const body = deflateSync(plain);
  const head = Buffer.alloc(8);
  head.writeInt32BE(0x1c849314, 0);
  head.writeInt32BE(body.length, 4);
  return Buffer.concat([head, body]).toString('base64');
}

/** With another byte there; from the end, when `at` is negative. */
function damaged(text: string, at: number): string {
  const bytes = Buffer.from(text, 'base64');
  bytes[at < 0 ? bytes.length + at : at] ^= 1;
  return bytes.toString('base64');
}

function plainOf(counts: readonly number[], change: (plain: Buffer) => void = () => {}): Buffer {
  const plain = Buffer.alloc(40 + counts.length);
  plain.writeInt32BE(0x1c849313, 0);
  plain.writeInt32BE(counts.length, 4);
  plain.writeInt32BE(3, 12);
  plain.writeInt32BE(1, 20);
  plain.writeInt32BE(2, 28);
  plain.writeDoubleBE(1, 32);
  plain.set(counts, 40);
  change(plain);
  return plain;
}

function addRead(sum: HistogramSum): void {
  for (let i = 0; i < reader.length; i++) sum.add(reader.indexes[i], reader.counts[i]);
}

describe('HdrTextReader', () => {
  it('merges exactly: the sum of many has the percentiles of one library histogram with all samples', () => {
    const random = seededRandom(21).next;
    for (let run = 0; run < 100; run++) {
      const all = new Int32Histogram(1, 2, 3);
      all.autoResize = true;
      const sum = new HistogramSum();
      const stored = new HistogramSum();
      const sparse = new Uint8Array(MAX_SPARSE_BYTES);
      for (let part = randomInteger(random, 1, 12); part > 0; part--) {
        const scale = 2 ** randomInteger(random, 1, 33);
        const values = Array.from({ length: randomInteger(random, 1, 300) }, () => randomInteger(random, 0, scale));
        for (const value of values) all.recordValue(value);
        expect(reader.read(textOf(values))).to.equal(null);
        expect(reader.total).to.equal(values.length);
        addRead(sum);
        let before = -1;
        let end = 0;
        for (let i = 0; i < reader.length; i++) {
          end = writeEntry(sparse, end, reader.indexes[i] - before, reader.counts[i]);
          before = reader.indexes[i];
        }
        sparse[end] = 0;
        expect(stored.addSparse(sparse, 0)).to.equal(end + 1);
      }
      const expected = PER_MILLE.map((perMille) => all.getValueAtPercentile(perMille / 10));
      const found = new Float64Array(PER_MILLE.length);
      for (const one of [sum, stored]) {
        expect(one.total).to.equal(all.totalCount);
        one.percentiles(PER_MILLE, found);
        expect([...found], `run ${run}`).to.deep.equal(expected);
      }
      // And written and read once more.
      const again = new HistogramSum();
      const end = sum.writeSparse(sparse, 7);
      expect(again.addSparse(sparse, 7)).to.equal(end);
      again.percentiles(PER_MILLE, found);
      expect([...found]).to.deep.equal(expected);
      sum.clear();
      expect(sum.total).to.equal(0);
      sum.percentiles([500], found);
      expect(found[0]).to.deep.equal(Number.NaN);
    }
  });

  it('reads an empty histogram, and one with the highest index and count', () => {
    expect(reader.read(textOf([]))).to.equal(null);
    expect([reader.length, reader.total]).to.deep.equal([0, 0]);
    const histogram = new RttHistogram();
    histogram.record(2 ** 32 - 1);
    histogram.hdr.setCountAtIndex(INDEXES - 1, 2 ** 32 - 1);
    expect(reader.read(encoder.encode(histogram))).to.equal(null);
    expect([reader.indexes[0], reader.counts[0]]).to.deep.equal([indexOfNs(2 ** 32 - 1), 2 ** 32 - 1]);
    const sum = new HistogramSum();
    const sparse = new Uint8Array(64);
    for (let i = 0; i < 3; i++) addRead(sum);
    const again = new HistogramSum();
    expect(again.addSparse(sparse, 0)).to.equal(1);
    sum.writeSparse(sparse, 0);
    again.addSparse(sparse, 0);
    expect(again.total).to.equal(3 * (2 ** 32 - 1));
  });

  const refused: readonly (readonly [string, string, RegExp])[] = [
    ['nothing', '', /no compressed HdrHistogram V2/],
    ['text that is not base64', '!!!!', /no compressed/],
    ['another cookie', Buffer.alloc(40).toString('base64'), /no compressed/],
    ['a text that is cut off', textOf([1, 2, 3]).slice(0, -8), /length/],
    ['a stored text whose checksum is wrong', damaged(textOf([1, 2, 3]), -1), /zlib stream is damaged/],
    ['a stored text whose length is wrong', damaged(textOf([1, 2, 3]), 8 + 3), /zlib stream is damaged/],
    ['a text of megabytes', 'A'.repeat(5_000_000), /characters/],
    ['a zlib bomb', wrapped(Buffer.alloc(10_000_000)), /unpacks to more/],
    [
      'another histogram inside',
      wrapped(plainOf([2], (plain) => plain.writeInt32BE(0x1c849301, 0))),
      /no HdrHistogram V2/,
    ],
    ['a wrong length inside', wrapped(plainOf([2], (plain) => plain.writeInt32BE(2, 4))), /as long as it says/],
    ['an index offset', wrapped(plainOf([2], (plain) => plain.writeInt32BE(1, 8))), /index offset/],
    [
      'other precision',
      wrapped(plainOf([2], (plain) => plain.writeInt32BE(2, 12))),
      /2 significant digits, expected 3/,
    ],
    ['another unit', wrapped(plainOf([2], (plain) => plain.writeInt32BE(1000, 20))), /lowest discernible/],
    ['a conversion ratio', wrapped(plainOf([2], (plain) => plain.writeDoubleBE(2, 32))), /ratio/],
    ['a count that is cut off', wrapped(plainOf([2, 0x82])), /cut off/],
    ['a count of 40 bits', wrapped(plainOf([0x80, 0x80, 0x80, 0x80, 0x80, 1])), /32 bits/],
    ['a count above 32 bits', wrapped(plainOf([0xfe, 0xff, 0xff, 0xff, 0x7f])), /32 bits/],
    ['zeros beyond the last index', wrapped(plainOf([0xff, 0xff, 0xff, 0xff, 0x0f])), /4.29 s/],
    // -23552 zeros, then a count.
    ['a count beyond the last index', wrapped(plainOf([0xff, 0xef, 0x02, 2])), /4.29 s/],
  ];
  for (const [what, text, problem] of refused)
    it(`refuses ${what}, and is empty afterwards`, () => {
      expect(reader.read(textOf([5]))).to.equal(null);
      expect(reader.read(text)).to.match(problem);
      expect([reader.length, reader.total]).to.deep.equal([0, 0]);
      expect(reader.read(textOf([5, 6]))).to.equal(null);
      expect(reader.total).to.equal(2);
    });

  it(`ends with a valid result or a refusal for ${FUZZ_RUNS} damaged texts`, function () {
    this.timeout(60_000 + FUZZ_RUNS / 5);
    const random = seededRandom(22);
    const texts = Array.from({ length: 20 }, (_, i) =>
      textOf(Array.from({ length: i * 10 + 1 }, () => random.below(2 ** (8 + i)))),
    );
    let read = 0;
    for (let run = 0; run < FUZZ_RUNS; run++) {
      const plainly = run % 2 === 0;
      const bytes = Buffer.from(texts[random.below(texts.length)], 'base64');
      let text: string;
      if (plainly) {
        // Inside the compression, where a checksum does not find it first.
        const counts = Array.from({ length: random.below(30) + 1 }, () => random.u32() & 0xff);
        text = wrapped(
          plainOf(counts, (plain) => {
            if (random.below(4) === 0) plain[random.below(40)] = random.u32();
          }),
        );
      } else {
        for (let n = random.below(4) + 1; n > 0; n--) bytes[random.below(bytes.length)] = random.u32();
        const cut = random.below(8) === 0 ? random.below(bytes.length) : bytes.length;
        text = bytes.subarray(0, cut).toString('base64');
      }
      const problem = reader.read(text);
      if (problem !== null) continue;
      read += 1;
      let total = 0;
      for (let i = 0; i < reader.length; i++) {
        if (reader.indexes[i] >= INDEXES || (i > 0 && reader.indexes[i] <= reader.indexes[i - 1]))
          throw new Error(`run ${run}: index ${reader.indexes[i]}`);
        if (!(reader.counts[i] >= 1 && reader.counts[i] <= 2 ** 32 - 1)) throw new Error(`run ${run}: count`);
        total += reader.counts[i];
      }
      expect(total).to.equal(reader.total);
    }
    expect(read).to.be.greaterThan(FUZZ_RUNS / 100);
  });
});
