import { expect } from 'chai';
import { addPath, IntervalAccumulator, PathNumbers } from '../../../src/aggregator/accumulator.js';
import { PathHistory } from '../../../src/aggregator/pathHistory.js';
import { SampleStore } from '../../../src/aggregator/samples.js';
import { Outcome, RecordFlag } from '../../../src/ring/ring.js';
import { OutcomeNumbers, RttNumbers } from '../../../src/stats/row.js';
import { randomInteger, seededRandom } from '../../support/harness/random.js';

const PORTS = 3;

function accumulator(history = new PathHistory(PORTS)): IntervalAccumulator {
  return new IntervalAccumulator(PORTS, new SampleStore(), history);
}

function receive(
  counts: IntervalAccumulator,
  stream: number,
  path: number,
  flags: number,
  rttNs: number,
  residenceNs: number,
  sequence: number,
): void {
  counts.received(stream, { path, flags, sentNs: 0, receivedNs: rttNs + residenceNs, residenceNs, sequence });
}

function readRow(counts: IntervalAccumulator, stream: number): { rtt: RttNumbers; outcomes: OutcomeNumbers } {
  const rtt = new RttNumbers();
  const outcomes = new OutcomeNumbers();
  const path = new PathNumbers();
  counts.readRow(stream, rtt);
  for (let port = 0; port < PORTS; port++) {
    counts.readPath(stream * PORTS + port, path);
    addPath(path, outcomes, rtt);
  }
  return { rtt, outcomes };
}

/** As a textbook has it: two passes over all values. */
function naive(values: readonly number[]): { mean: number; stddev: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, stddev: Math.sqrt(variance) };
}

describe('IntervalAccumulator', () => {
  it('agrees with a naive reference on random round trips', () => {
    const random = seededRandom(31).next;
    const counts = accumulator();
    const rtts = new Map<number, number[]>();
    const lastOfPath = new Map<number, { sequence: number; rttNs: number }>();
    const jumps = new Map<number, number[]>();
    const sequences = new Uint32Array(200 * PORTS);
    for (let i = 0; i < 100_000; i++) {
      const stream = Math.floor(random() ** 2 * 200);
      const path = stream * PORTS + randomInteger(random, 0, PORTS);
      if (!counts.has(stream)) counts.open(stream);
      const sequence = sequences[path]++;
      if (random() < 0.1) {
        counts.count(path, Outcome.lost);
        continue;
      }
      const rttNs = randomInteger(random, 40_000, 4_000_000) + stream * 1_000_000;
      receive(counts, stream, path, 0, rttNs, 1000, sequence);
      rtts.set(stream, [...(rtts.get(stream)?.slice(-1e6) ?? []), rttNs]);
      const last = lastOfPath.get(path);
      if (last?.sequence === sequence - 1) {
        const list = jumps.get(stream) ?? [];
        list.push(Math.abs(rttNs - last.rttNs));
        jumps.set(stream, list);
      }
      lastOfPath.set(path, { sequence, rttNs });
    }
    for (const [stream, values] of rtts) {
      const { rtt, outcomes } = readRow(counts, stream);
      const { mean, stddev } = naive(values);
      expect(outcomes.received).to.equal(values.length);
      expect(rtt.minNs).to.equal(Math.min(...values));
      expect(rtt.maxNs).to.equal(Math.max(...values));
      expect(rtt.meanNs).to.be.closeTo(mean, mean * 1e-12);
      expect(rtt.stddevNs).to.be.closeTo(stddev, stddev * 1e-9);
      const differences = jumps.get(stream) ?? [];
      expect(rtt.jitterPairs).to.equal(differences.length);
      if (differences.length > 0) expect(rtt.jitterNs).to.be.closeTo(naive(differences).mean, 1e-3);
      expect(counts.histogram(stream).count).to.equal(values.length);
    }
  }).timeout(60_000);

  it('computes the spread where squares of the values would hide it', () => {
    const counts = accumulator();
    counts.open(0);
    for (let i = 0; i < 100_000; i++) receive(counts, 0, 0, 0, 4_000_000_000 + (i % 3), 0, i);
    expect(readRow(counts, 0).rtt.stddevNs).to.be.closeTo(Math.sqrt(2 / 3), 1e-4);
  });

  it('computes the spread when the first round trip was far from all others', () => {
    const counts = accumulator();
    counts.open(0);
    const values = [2_000_000_000, ...Array.from({ length: 50_000 }, (_, i) => 60_000 + (i % 7))];
    for (const [i, value] of values.entries()) receive(counts, 0, 0, 0, value, 0, i);
    const { stddev } = naive(values);
    expect(readRow(counts, 0).rtt.stddevNs).to.be.closeTo(stddev, stddev * 1e-6);
  });

  it('counts a round trip without a trustworthy RTT as received only', () => {
    const counts = accumulator();
    counts.open(0);
    receive(counts, 0, 0, RecordFlag.noRtt, 5000, 1000, 0);
    receive(counts, 0, 0, 0, -1, 1000, 1);
    receive(counts, 0, 0, 0, Number.NaN, 1000, 2);
    const { rtt, outcomes } = readRow(counts, 0);
    expect([outcomes.received, rtt.count, rtt.jitterPairs]).to.deep.equal([3, 0, 0]);
  });

  it('keeps the exact maximum of a round trip that is too long for a sample', () => {
    const counts = accumulator();
    counts.open(0);
    receive(counts, 0, 0, 0, 9_000_000_000, 0, 0);
    expect(readRow(counts, 0).rtt.maxNs).to.equal(9_000_000_000);
    expect(counts.histogram(0).hdr.maxValue).to.equal(2 ** 32 - 1);
  });

  it('takes jitter only from consecutive probes of a path, also across intervals', () => {
    const history = new PathHistory(PORTS);
    const first = accumulator(history);
    const second = accumulator(history);
    for (const counts of [first, second]) counts.open(0);
    receive(first, 0, 0, 0, 100, 0, 4);
    receive(first, 0, 1, 0, 900, 0, 5);
    receive(second, 0, 0, 0, 130, 0, 5);
    receive(second, 0, 0, 0, 500, 0, 7);
    expect(readRow(first, 0).rtt.jitterPairs).to.equal(0);
    expect(readRow(second, 0).rtt.jitterPairs).to.equal(1);
    expect(readRow(second, 0).rtt.jitterNs).to.equal(30);
  });

  it('follows sequence numbers past 2^32', () => {
    const counts = accumulator();
    counts.open(0);
    receive(counts, 0, 0, 0, 100, 0, 2 ** 32 - 1);
    receive(counts, 0, 0, 0, 110, 0, 0);
    expect(readRow(counts, 0).rtt.jitterPairs).to.equal(1);
  });

  it('is as new after clearing every row', () => {
    const counts = accumulator();
    for (const stream of [0, 999]) {
      counts.open(stream);
      receive(counts, stream, stream * PORTS + 2, RecordFlag.reordered, 100, 5, 0);
      for (let outcome = 1; outcome < Outcome.watermark; outcome++) counts.count(stream * PORTS, outcome);
      counts.clear(stream);
      expect(counts.has(stream)).to.equal(false);
      const { rtt, outcomes } = readRow(counts, stream);
      expect(Object.values(outcomes).every((value) => value === 0)).to.equal(true);
      expect([rtt.count, rtt.sumNs, rtt.firstNs, rtt.residenceSumNs]).to.deep.equal([0, 0, 0, 0]);
    }
  });
});
