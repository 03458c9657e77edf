import { expect } from 'chai';
import { Outcome } from '../../../src/ring/ring.js';
import { AggregatorBench, rowsOf, SOURCE_PORTS } from '../../support/harness/aggregatorBench.js';

const { received, lost, duplicate } = Outcome;

describe('Aggregator with changing streams', () => {
  it('counts records of unknown streams and of impossible times as orphans, and reports the others', () => {
    const bench = new AggregatorBench(1);
    bench.addStreams(0);
    bench.record(0, 0, received, 1);
    bench.record(0, 7 * SOURCE_PORTS, received, 1);
    bench.record(0, 4_294_967_295, lost, 1);
    bench.record(0, 7 * SOURCE_PORTS, duplicate, 1);
    bench.record(0, 0, received, 1e9);
    bench.producers[0].push(0, 250, 0, 0, 0, 1e9, 0, 0, 0);
    bench.watermark(0, 10);
    bench.run(10);
    expect(bench.reports.map((report) => report.sent)).to.deep.equal([1]);
    expect(bench.control.read('orphans')).to.equal(3);
    expect(bench.control.read('orphansOther')).to.equal(1);
    expect(bench.control.read('consumed')).to.equal(4);
  });

  it('forgets a stream: its number starts again, without jitter against the old stream', () => {
    const bench = new AggregatorBench(1);
    bench.addStreams(0);
    bench.record(0, 0, received, 1, { rttNs: 1000, sequence: 0 });
    bench.watermark(0, 10);
    bench.run(10);
    bench.aggregator.handle({ type: 'forget', ids: Uint32Array.of(0) });
    bench.record(0, 0, received, 11, { sequence: 1 });
    bench.run(11);
    expect(bench.control.read('orphans')).to.equal(1);
    bench.addStreams(0);
    bench.record(0, 0, received, 12, { rttNs: 9000, sequence: 1 });
    bench.watermark(0, 20);
    bench.run(20);
    expect(rowsOf(bench.reports[1])[0].jitterUs).to.equal(null);
  });

  it('writes rows with the latest prefix', () => {
    const bench = new AggregatorBench(1);
    bench.addStreams(0);
    bench.record(0, 0, received, 1);
    bench.aggregator.handle({ type: 'streams', rows: [{ id: 0, prefix: '{"id":42,' }] });
    bench.watermark(0, 10);
    bench.run(10);
    expect(rowsOf(bench.reports[0])[0].id).to.equal(42);
  });

  it('reuses its memory over many intervals of the same streams', () => {
    const bench = new AggregatorBench(1);
    bench.addStreams(0, 1);
    for (let i = 0; i < 50; i++) {
      bench.record(0, i % 2 === 0 ? 0 : SOURCE_PORTS, received, i * 10 + 1);
      bench.watermark(0, (i + 1) * 10);
      bench.run((i + 1) * 10);
    }
    expect(bench.reports.map((report) => report.sent)).to.deep.equal(Array.from({ length: 50 }, () => 1));
    for (const [i, report] of bench.reports.entries()) expect([...report.streams]).to.deep.equal([i % 2]);
  });
});
