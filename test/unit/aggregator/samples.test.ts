import { expect } from 'chai';
import { RAW_SAMPLES_MAX, SAMPLE_ROW_WORDS, SampleStore } from '../../../src/aggregator/samples.js';
import type { RttHistogram } from '../../../src/stats/histogram.js';
import { randomInteger, seededRandom } from '../../support/harness/random.js';

/** Rows as an owner keeps them, with other words of the owner's between. */
class Rows {
  readonly store = new SampleStore();
  readonly stride = SAMPLE_ROW_WORDS + 2;
  readonly words: Uint32Array;
  readonly reference: number[][];

  constructor(rows: number) {
    this.words = new Uint32Array(rows * this.stride);
    this.reference = Array.from({ length: rows }, () => []);
  }

  push(row: number, ns: number): void {
    const count = this.reference[row].push(ns);
    this.store.push(this.words, row * this.stride, count, ns);
  }

  release(row: number): void {
    this.store.release(this.words, row * this.stride);
    this.reference[row] = [];
  }

  histogram(row: number): RttHistogram {
    return this.store.histogram(this.words, row * this.stride);
  }

  check(row: number): void {
    const expected = new Map<number, number>();
    const { hdr, count } = this.histogram(row);
    for (const ns of this.reference[row]) {
      const index = hdr.countsArrayIndex(ns);
      expected.set(index, (expected.get(index) ?? 0) + 1);
    }
    expect(count).to.equal(this.reference[row].length);
    for (const [index, times] of expected) expect(hdr.getCountAtIndex(index)).to.equal(times);
  }
}

describe('SampleStore', () => {
  it('keeps every sample of every row, in any order of rows, over many intervals', () => {
    const random = seededRandom(21).next;
    const rows = new Rows(50);
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 20_000; i++) rows.push(Math.floor(random() ** 3 * 50), randomInteger(random, 0, 2 ** 32));
      for (let row = 0; row < 50; row++) {
        if (random() < 0.2) continue;
        rows.check(row);
        rows.release(row);
        rows.check(row);
      }
    }
  }).timeout(60_000);

  it('leaves the other words of its owner unchanged', () => {
    const rows = new Rows(3);
    for (let i = 0; i < 10_000; i++) rows.push(i % 3, i);
    for (let row = 0; row < 3; row++) {
      expect([...rows.words.subarray(row * rows.stride + SAMPLE_ROW_WORDS, (row + 1) * rows.stride)]).to.deep.equal([
        0, 0,
      ]);
    }
    for (let row = 0; row < 3; row++) rows.release(row);
    expect(rows.words.every((word) => word === 0)).to.equal(true);
  });

  it('uses a histogram only for a row with many samples, and reuses it', () => {
    const rows = new Rows(2);
    for (let i = 1; i < RAW_SAMPLES_MAX; i++) rows.push(0, i);
    rows.check(0);
    expect(rows.store.histogramsInUse).to.equal(0);
    rows.push(0, 77);
    expect(rows.store.histogramsInUse).to.equal(1);
    rows.check(0);
    rows.release(0);
    expect(rows.store.histogramsInUse).to.equal(0);
    for (let i = 0; i < RAW_SAMPLES_MAX * 2 + 5; i++) rows.push(1, 5 + i * 3);
    rows.check(1);
    rows.push(1, 9);
    rows.check(1);
    expect(rows.store.histogramsInUse).to.equal(1);
  });

  it('stores ten thousand rows of 160 samples in less than 10 MB, and reuses them for the next interval', () => {
    const rows = new Rows(10_000);
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 1_600_000; i++) rows.push(i % 10_000, 60_000 + i);
      for (let row = 0; row < 10_000; row++) rows.release(row);
    }
    expect(rows.store.rawBytes).to.be.below(10_000_000);
  });
});
