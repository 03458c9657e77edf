import { expect } from 'chai';
import { Outcome, RingProducer } from '../../../src/ring/ring.js';
import { AggregatorBench, EPOCH_MS, rowsOf } from '../../support/harness/aggregatorBench.js';
import { randomInteger, seededRandom } from '../../support/harness/random.js';

const { received, lost, late } = Outcome;

/** Probes that a prober thread sent and had no record for when it died. */
function sendWithoutRecord(bench: AggregatorBench, thread: number, probes: number): void {
  const control = bench.proberControls[thread];
  control.counters[control.index('sent')] += probes;
}

function die(bench: AggregatorBench, thread: number, life: number): void {
  bench.aggregator.handle({ type: 'proberDied', thread, life });
  bench.producers[thread] = new RingProducer(bench.probers[thread].ring);
}

describe('Aggregator, when threads die', () => {
  it('reports outstanding probes of a dead thread for each incarnation', () => {
    const bench = new AggregatorBench(2);
    bench.addStreams(0);
    bench.record(0, 0, received, 1);
    bench.record(1, 1, received, 1);
    sendWithoutRecord(bench, 0, 5);
    bench.run(1);
    bench.record(0, 0, lost, 2);
    bench.record(0, 0, late, 1);
    bench.producers[0].publish();
    die(bench, 0, 1);
    expect(bench.threadLosses).to.deep.equal([5]);
    expect(bench.posted.at(-1)).to.deep.equal({ type: 'threadLosses', thread: 0, life: 1, probes: 5 });

    bench.record(0, 0, received, 3);
    sendWithoutRecord(bench, 0, 2);
    bench.producers[0].publish();
    die(bench, 0, 2);
    die(bench, 0, 3);
    die(bench, 1, 1);
    expect(bench.threadLosses).to.deep.equal([5, 2, 0, 0]);
  });

  it('counts unpublished records among the losses', () => {
    const bench = new AggregatorBench(1);
    bench.addStreams(0);
    bench.record(0, 0, received, 1);
    bench.producers[0].publish();
    bench.record(0, 0, received, 2);
    die(bench, 0, 1);
    expect(bench.threadLosses).to.deep.equal([1]);
    expect(bench.control.read('consumed')).to.equal(1);
  });

  it('excludes records dropped by a full ring from the losses of a thread', () => {
    const bench = new AggregatorBench(1, 4);
    bench.addStreams(0);
    for (let i = 0; i < 7; i++) bench.record(0, 0, received, 1);
    sendWithoutRecord(bench, 0, 2);
    bench.producers[0].publish();
    die(bench, 0, 1);
    expect(bench.proberControls[0].read('ringOverflows')).to.equal(3);
    expect(bench.threadLosses).to.deep.equal([2]);
  });

  it('closes no interval after a death before the next incarnation’s first watermark', () => {
    const bench = new AggregatorBench(2);
    bench.addStreams(0);
    bench.record(0, 0, received, 1);
    bench.watermark(0, 12);
    bench.producers[0].publish();
    die(bench, 0, 1);
    bench.watermark(1, 30);
    bench.run(30);
    expect(bench.reports).to.have.length(0);
    bench.record(0, 0, received, 29);
    bench.watermark(0, 20);
    bench.run(30);
    expect(bench.reports.map((report) => report.sent)).to.deep.equal([1, 0]);
  });

  it('reads a dead thread’s ring to the end although the iteration began before', () => {
    const bench = new AggregatorBench(1);
    bench.addStreams(0);
    bench.record(0, 0, received, 1);
    bench.producers[0].publish();
    bench.aggregator.turn(() => {
      bench.record(0, 0, received, 2);
      bench.producers[0].publish();
      die(bench, 0, 1);
    });
    expect(bench.threadLosses).to.deep.equal([0]);
    expect(bench.control.read('consumed')).to.equal(2);
    expect(bench.producers[0].size).to.equal(0);
  });

  it('keeps sent = reported + thread losses + ring overflows over random deaths', () => {
    const random = seededRandom(51).next;
    const bench = new AggregatorBench(3, 256);
    bench.addStreams(...Array.from({ length: 20 }, (_, id) => id));
    const lives = [1, 1, 1];
    for (let second = 0; second < 300; second++) {
      for (let thread = 0; thread < 3; thread++) {
        const count = randomInteger(random, 0, 90);
        for (let i = 0; i < count; i++)
          bench.record(thread, randomInteger(random, 0, 80), random() < 0.9 ? received : lost, second);
        if (random() < 0.3) bench.watermark(thread, second);
        bench.producers[thread].publish();
        if (random() < 0.05) {
          sendWithoutRecord(bench, thread, randomInteger(random, 0, 30));
          for (let i = 0; i < 5; i++) bench.record(thread, 0, received, second);
          die(bench, thread, lives[thread]++);
        }
      }
      if (random() < 0.5) bench.run(second);
    }
    bench.aggregator.handle({ type: 'flush' });
    const sum = (name: 'sent' | 'ringOverflows'): number =>
      bench.proberControls.reduce((total, control) => total + control.read(name), 0);
    const reported = bench.reports.reduce((total, report) => total + report.sent, 0);
    const losses = bench.threadLosses.reduce((total, probes) => total + probes, 0);
    expect(sum('ringOverflows')).to.be.above(0);
    expect(losses).to.be.above(0);
    expect(reported + losses + sum('ringOverflows')).to.equal(sum('sent'));
    expect(bench.control.read('reported')).to.equal(reported);
  });

  it('continues after its own death, reports each interval once, and leaves its losses countable', () => {
    const bench = new AggregatorBench(1);
    bench.addStreams(0);
    bench.record(0, 0, received, 5);
    bench.watermark(0, 10);
    bench.record(0, 0, received, 11);
    bench.record(0, 0, received, 12);
    bench.run(13);
    expect(bench.reports).to.have.length(1);
    // The thread ends here, with two records read and not reported, and two more in the ring.
    bench.record(0, 0, received, 14);
    bench.record(0, 0, lost, 9);
    const unreported = (): number =>
      bench.control.read('consumed') - bench.control.read('reported') - bench.control.read('orphans');
    expect(unreported()).to.equal(2);

    bench.nowNs = 15e9;
    bench.newLife(EPOCH_MS + 10_000);
    bench.addStreams(0);
    bench.run(16);
    expect(bench.control.read('orphans')).to.equal(1);
    bench.watermark(0, 20);
    bench.run(21);
    expect(bench.reports.map((report) => report.endMs - EPOCH_MS)).to.deep.equal([10_000, 20_000]);
    expect(bench.reports[1].sent).to.equal(1);
    expect(unreported()).to.equal(2);
  });

  it('knows the thread losses of earlier incarnations', () => {
    const bench = new AggregatorBench(1);
    bench.addStreams(0);
    bench.record(0, 0, received, 1);
    sendWithoutRecord(bench, 0, 4);
    bench.producers[0].publish();
    die(bench, 0, 1);
    bench.record(0, 0, received, 2);
    bench.run(2);
    bench.newLife(0);
    bench.addStreams(0);
    bench.record(0, 0, received, 3);
    sendWithoutRecord(bench, 0, 3);
    bench.producers[0].publish();
    die(bench, 0, 2);
    expect(bench.threadLosses).to.deep.equal([4, 3]);
  });

  it('closes no interval in a new incarnation before every thread has sent a watermark', () => {
    const bench = new AggregatorBench(2);
    bench.addStreams(0);
    bench.watermark(0, 15);
    bench.watermark(1, 15);
    bench.run(15);
    bench.newLife(EPOCH_MS + 10_000);
    bench.watermark(0, 25);
    bench.run(25);
    expect(bench.reports).to.have.length(1);
    bench.watermark(1, 25);
    bench.run(25);
    expect(bench.reports.map((report) => report.endMs - EPOCH_MS)).to.deep.equal([10_000, 20_000]);
  });

  it('continues exactly at the end of the last reported interval, also after a step of the wall clock', () => {
    const bench = new AggregatorBench(1);
    bench.addStreams(0);
    bench.watermark(0, 10);
    bench.run(10);
    bench.wallOffsetNs = 4e9;
    bench.newLife(EPOCH_MS + 10_000);
    bench.addStreams(0);
    bench.record(0, 0, received, 9.999);
    bench.record(0, 0, received, 10);
    bench.watermark(0, 16);
    bench.run(16);
    expect(bench.control.read('orphans')).to.equal(1);
    expect(bench.reports[1].sent).to.equal(1);
    expect(bench.reports[1].endMs).to.equal(EPOCH_MS + 20_000);
  });

  it('corrects its counter of consumed records from the rings', () => {
    const bench = new AggregatorBench(1);
    bench.addStreams(0);
    bench.record(0, 0, received, 1);
    bench.run(1);
    bench.control.counters[bench.control.index('consumed')] += 100;
    bench.newLife(0);
    expect(bench.control.read('consumed')).to.equal(1);
  });
});

describe('Aggregator, at a clean end', () => {
  it('reads the rings to the end, closes the current interval early, and reports the end', () => {
    const bench = new AggregatorBench(2);
    bench.addStreams(0);
    bench.record(0, 0, received, 5);
    bench.record(1, 1, received, 12);
    bench.record(1, 1, lost, 13.5);
    bench.nowNs = 14e9;
    for (const producer of bench.producers) producer.publish();
    bench.aggregator.handle({ type: 'flush' });
    expect(bench.posted.map((message) => message.type)).to.deep.equal(['interval', 'interval', 'flushed']);
    const [first, second] = bench.reports;
    expect([first.endMs, first.early, first.sent]).to.deep.equal([EPOCH_MS + 10_000, false, 1]);
    expect([second.endMs, second.early, second.sent]).to.deep.equal([EPOCH_MS + 14_000, true, 2]);
    expect(bench.aggregator.finished).to.equal(true);
    expect(bench.aggregator.turn(() => {})).to.equal(false);
  });

  it('finishes an interval in the process of closing', () => {
    const bench = new AggregatorBench(1, 8192);
    const ids = Array.from({ length: 1000 }, (_, id) => id);
    bench.addStreams(...ids);
    for (const id of ids) bench.record(0, id * 4, received, 1);
    bench.watermark(0, 10);
    bench.producers[0].publish();
    bench.nowNs = 10e9 - 1;
    bench.aggregator.turn(() => {});
    bench.aggregator.handle({ type: 'flush' });
    expect(bench.reports).to.have.length(1);
    expect(rowsOf(bench.reports[0])).to.have.length(1000);
    expect(bench.reports[0].early).to.equal(false);
  });

  it('reports a begun interval without records, and omits a future one', () => {
    const bench = new AggregatorBench(1);
    bench.watermark(0, 10);
    bench.run(10);
    bench.nowNs = 10e9;
    bench.aggregator.handle({ type: 'flush' });
    expect(bench.reports.map((report) => report.early)).to.deep.equal([false, true]);
    expect(bench.reports.map((report) => report.endMs - EPOCH_MS)).to.deep.equal([10_000, 10_001]);
  });
});
