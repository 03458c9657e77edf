import { constants } from 'node:os';
import { expect } from 'chai';
import { decodeFromCompressedBase64 } from 'hdr-histogram-js';
import { Outcome, RecordFlag } from '../../../src/ring/ring.js';
import { type Explanations, pathExplanations } from '../../../src/stats/explanations.js';
import { RTT_BOUNDS_NS } from '../../../src/stats/rttBuckets.js';
import {
  AggregatorBench,
  EPOCH_MS,
  histogramOf,
  icmpError,
  pathsOf,
  refused,
  rowsOf,
  SOURCE_PORTS,
  tooBigError,
} from '../../support/harness/aggregatorBench.js';
import { randomInteger, seededRandom } from '../../support/harness/random.js';

const { ENETUNREACH, EPERM } = constants.errno;
const { received, lost, unreachable, localDrop, late, duplicate, sendError, tooBig } = Outcome;

describe('Aggregator', () => {
  it('reports a published row with its histogram and its paths', () => {
    const bench = new AggregatorBench(1);
    bench.addStreams(3);
    const path = 3 * SOURCE_PORTS;
    bench.record(0, path, received, 1, { rttNs: 61_000, residenceNs: 4000, sequence: 0 });
    bench.record(0, path, received, 2, {
      rttNs: 131_007,
      residenceNs: 4200,
      sequence: 1,
      flags: RecordFlag.reordered | RecordFlag.timed,
    });
    bench.record(0, path + 2, lost, 2.5);
    bench.record(0, path + 2, Outcome.lostReverse, 2.5);
    bench.record(0, path + 2, received, 3, { flags: RecordFlag.noRtt });
    bench.record(0, path + 3, unreachable, 4, icmpError(3, 3, '10.9.0.2'));
    for (const outcome of [localDrop, late, duplicate]) bench.record(0, path + 3, outcome, 4);
    bench.record(0, path + 3, sendError, 4, refused(ENETUNREACH));
    bench.watermark(0, 10);
    bench.run(11);

    expect(bench.reports).to.have.length(1);
    const report = bench.reports[0];
    expect([report.startMs, report.endMs, report.early]).to.deep.equal([EPOCH_MS, EPOCH_MS + 10_000, false]);
    expect([report.sent, report.received, report.lost]).to.deep.equal([6, 3, 1]);
    expect([...report.streams]).to.deep.equal([3]);
    expect(rowsOf(report)).to.deep.equal([
      {
        id: 3,
        name: 'ü3',
        sent: 6,
        received: 3,
        lost: 1,
        unreachable: 1,
        lossPct: 33.3333,
        late: 1,
        duplicates: 1,
        reordered: 1,
        sendErrors: 1,
        localDrops: 1,
        tooBig: 0,
        mtu: null,
        sendErrorsBy: [{ count: 1, errno: 'ENETUNREACH' }],
        unreachableBy: [{ count: 1, type: 3, code: 3, reason: 'port unreachable', from: '10.9.0.2' }],
        tooBigBy: null,
        rttUs: {
          min: 61,
          mean: 96.004,
          stddev: 35.004,
          p50: 61.023,
          p90: 131.007,
          p99: 131.007,
          p999: 131.007,
          max: 131.007,
        },
        residenceUs: 4.1,
        jitterUs: 70.007,
        lostForward: 0,
        lostReverse: 1,
        lostUnknown: 0,
        forwardUs: { min: 0, mean: 17.502, max: 35.004, variation: 35.004, relative: true },
        reverseUs: { min: 0, mean: 17.502, max: 35.004, variation: 35.004, relative: true },
        dscpForward: null,
        dscpReverse: 0,
        remarked: 0,
        ceMarks: 0,
        hopsForward: 3,
        hopsReverse: 0,
        hopChanges: 0,
      },
    ]);
    expect([...report.rowCounters], 'the same as numbers, in the order of PATH_COLUMNS').to.deep.equal([
      6, 3, 1, 1, 1, 0, 1, 1, 1, 1, 0, 1, 0, 0, 0, 0,
    ]);
    expect([...report.rowRttSumsNs]).to.deep.equal([192_007]);
    const buckets = [...report.rowRttBuckets].flatMap((count, i) => (count === 0 ? [] : [[RTT_BOUNDS_NS[i], count]]));
    expect(buckets).to.deep.equal([
      [100_000, 1],
      [250_000, 1],
    ]);
    const histogram = decodeFromCompressedBase64(histogramOf(report, 0));
    expect(histogram.totalCount).to.equal(2);
    expect([...report.paths]).to.deep.equal([path, path + 2, path + 3]);
    expect(pathsOf(report).get(path + 3)).to.deep.equal({
      sent: 2,
      received: 0,
      lost: 0,
      unreachable: 1,
      localDrops: 1,
      tooBig: 0,
      late: 1,
      duplicates: 1,
      reordered: 0,
      sendErrors: 1,
      ...{ lostForward: 0, lostReverse: 0, lostUnknown: 0, remarked: 0, ceMarks: 0, hopChanges: 0 },
    });
    expect([...report.pathRttNs]).to.deep.equal([61_000, 96_003.5, 131_007, 0, 0, 0, 0, 0, 0]);
  });

  it('reports no loss for a row without sent probes', () => {
    const bench = new AggregatorBench(1);
    bench.addStreams(0);
    for (let i = 0; i < 20; i++) bench.record(0, i % SOURCE_PORTS, sendError, 1, refused(EPERM));
    bench.watermark(0, 10);
    bench.run(11);
    const [row] = rowsOf(bench.reports[0]);
    expect([row.sent, row.sendErrors, row.lossPct]).to.deep.equal([0, 20, null]);
    expect(row.sendErrorsBy).to.deep.equal([{ count: 20, errno: 'EPERM' }]);
    expect(row.unreachableBy).to.equal(null);
  });

  it('sums the reasons of a row’s paths, most frequent first, and starts each interval without any', () => {
    const bench = new AggregatorBench(1);
    bench.addStreams(0, 1);
    const errors = [
      ...[3, 1, 3, 0, 1, 2, 0, 3, 3, 1, 0, 3].map((code) => icmpError(3, code, '10.9.0.2')),
      ...[icmpError(1, 3, '2001:db8::1'), icmpError(1, 3, '2001:db8::1'), icmpError(3, 3, '0.0.0.0')],
    ];
    for (const [i, error] of errors.entries()) bench.record(0, i % SOURCE_PORTS, unreachable, 1, error);
    for (const errno of [ENETUNREACH, EPERM, ENETUNREACH]) bench.record(0, 1, sendError, 1, refused(errno));
    bench.watermark(0, 10);
    bench.run(11);
    const [report] = bench.reports;
    const [row] = rowsOf(report);
    expect(row.unreachableBy).to.deep.equal([
      { count: 5, type: 3, code: 3, reason: 'port unreachable', from: '10.9.0.2' },
      { count: 3, type: 3, code: 1, reason: 'host unreachable', from: '10.9.0.2' },
      { count: 3, type: 3, code: 0, reason: 'network unreachable', from: '10.9.0.2' },
      { count: 2, type: 1, code: 3, reason: 'address unreachable', from: '2001:db8::1' },
    ]);
    expect(row.sendErrorsBy).to.deep.equal([
      { count: 2, errno: 'ENETUNREACH' },
      { count: 1, errno: 'EPERM' },
    ]);
    const ofPath = (path: number): Explanations => pathExplanations(report, report.paths.indexOf(path));
    expect(ofPath(1)).to.deep.equal({
      sendErrorsBy: row.sendErrorsBy,
      unreachableBy: [
        { count: 2, type: 3, code: 1, reason: 'host unreachable', from: '10.9.0.2' },
        { count: 1, type: 3, code: 2, reason: 'protocol unreachable', from: '10.9.0.2' },
        { count: 1, type: 1, code: 3, reason: 'address unreachable', from: '2001:db8::1' },
      ],
      tooBigBy: null,
    });
    const unknown = ofPath(2).unreachableBy?.at(-1);
    expect(unknown, 'an error whose sender is unknown').to.include({ reason: 'port unreachable', from: null });
    expect(ofPath(2).sendErrorsBy).to.equal(null);

    bench.record(0, 0, unreachable, 12, icmpError(3, 13, '10.9.0.1'));
    bench.record(0, SOURCE_PORTS, lost, 12);
    bench.watermark(0, 20);
    bench.run(21);
    expect(rowsOf(bench.reports[1]).map(({ unreachableBy }) => unreachableBy)).to.deep.equal([
      [{ count: 1, type: 3, code: 13, reason: 'administratively prohibited', from: '10.9.0.1' }],
      null,
    ]);
  });

  it('names the senders of too-big errors in rows and paths, most frequent first', () => {
    const bench = new AggregatorBench(1);
    bench.addStreams(0);
    const routers = ['10.9.0.254', '10.9.0.253', '2001:db8::1', '10.9.0.254'];
    const errors = [
      ...routers.map((from) => tooBigError(1400, from)),
      ...[tooBigError(1500, null), tooBigError(1500, null), tooBigError(1500, null), tooBigError(0, '10.9.0.254')],
    ];
    for (const error of errors) bench.record(0, 1, tooBig, 1, error);
    bench.record(0, 2, tooBig, 1, tooBigError(1280, '10.9.0.253'));
    bench.watermark(0, 10);
    bench.run(11);
    const [report] = bench.reports;
    const [row] = rowsOf(report);
    expect([row.tooBig, row.mtu, row.unreachableBy]).to.deep.equal([9, 1280, null]);
    const mostFrequent = [
      { count: 3, mtu: 1500, from: null },
      { count: 2, mtu: 1400, from: '10.9.0.254' },
      { count: 1, mtu: 1400, from: '10.9.0.253' },
      { count: 1, mtu: 1400, from: '2001:db8::1' },
    ];
    expect(row.tooBigBy).to.deep.equal(mostFrequent);
    const ofPath = (path: number) => pathExplanations(report, report.paths.indexOf(path)).tooBigBy;
    expect(ofPath(1)).to.deep.equal(mostFrequent);
    expect(ofPath(2)).to.deep.equal([{ count: 1, mtu: 1280, from: '10.9.0.253' }]);
  });

  it('separates rows and histograms by their offsets', () => {
    const bench = new AggregatorBench(1);
    bench.addStreams(0, 1, 2);
    for (const stream of [0, 1, 2]) bench.record(0, stream * SOURCE_PORTS, stream === 1 ? lost : received, 1);
    bench.watermark(0, 10);
    bench.run(10);
    const { rows, rowOffsets, histogramOffsets } = bench.reports[0];
    expect([rowOffsets.length, histogramOffsets.length]).to.deep.equal([4, 4]);
    for (const stream of [0, 1, 2]) {
      const text = new TextDecoder().decode(rows.subarray(rowOffsets[stream], rowOffsets[stream + 1] - 1));
      expect(JSON.parse(text).id).to.equal(stream);
    }
    expect(histogramOf(bench.reports[0], 1)).to.equal('');
    expect(histogramOf(bench.reports[0], 2)).to.match(/^HISTFAAA/);
  });

  it('closes an interval only when every thread has passed its end', () => {
    const bench = new AggregatorBench(3);
    bench.addStreams(0);
    bench.record(0, 0, received, 9.999);
    bench.watermark(0, 25);
    bench.watermark(1, 10);
    bench.run(25);
    expect(bench.reports).to.have.length(0);
    bench.watermark(2, 9.9999);
    bench.run(26);
    expect(bench.reports).to.have.length(0);
    bench.record(2, 1, lost, 9.9999);
    bench.watermark(2, 30);
    bench.run(35);
    expect(bench.reports).to.have.length(1);
    expect(bench.reports[0].sent).to.equal(2);
    bench.watermark(1, 30);
    bench.run(35);
    expect(bench.reports.map((report) => report.endMs - EPOCH_MS)).to.deep.equal([10_000, 20_000]);
  });

  it('counts a probe in the interval of its sending, for any order of the records', () => {
    const bench = new AggregatorBench(1);
    bench.addStreams(0);
    for (const sentS of [12, 9, 21, 3, 10, 19.999999999]) bench.record(0, 0, received, sentS);
    bench.watermark(0, 30);
    bench.run(31);
    expect(bench.reports.map((report) => report.sent)).to.deep.equal([2, 3, 1]);
  });

  it('reports intervals without records, so that the cursor moves', () => {
    const bench = new AggregatorBench(1);
    bench.addStreams(0);
    bench.watermark(0, 35);
    bench.run(36);
    expect(bench.reports.map((report) => report.endMs - EPOCH_MS)).to.deep.equal([10_000, 20_000, 30_000]);
    for (const report of bench.reports)
      expect([report.rows.length, report.streams.length, report.sent]).to.deep.equal([0, 0, 0]);
  });

  it('omits rows and paths without records', () => {
    const bench = new AggregatorBench(1);
    bench.addStreams(0, 1, 2);
    bench.record(0, 2 * SOURCE_PORTS + 1, late, 2);
    bench.watermark(0, 10);
    bench.run(10);
    expect([...bench.reports[0].streams]).to.deep.equal([2]);
    expect([...bench.reports[0].paths]).to.deep.equal([2 * SOURCE_PORTS + 1]);
    expect(rowsOf(bench.reports[0])[0]).to.include({ sent: 0, lossPct: null, late: 1, rttUs: null });
  });

  it('reports the smallest MTU of a row with too big probes, and starts the next interval without', () => {
    const bench = new AggregatorBench(1);
    bench.addStreams(3, 4);
    const tooBig = (path: number, mtu: number, sentS: number): void => {
      bench.record(0, path, Outcome.tooBig, sentS, { residenceNs: mtu });
    };
    tooBig(3 * SOURCE_PORTS, 1500, 1);
    tooBig(3 * SOURCE_PORTS + 1, 1400, 2);
    tooBig(3 * SOURCE_PORTS + 1, 0, 3);
    tooBig(4 * SOURCE_PORTS, 0, 3);
    bench.record(0, 3 * SOURCE_PORTS, received, 11);
    bench.watermark(0, 21);
    bench.run(21);
    const [first, second] = bench.reports.map(rowsOf);
    expect(first.map(({ id, sent, tooBig: count, mtu, lossPct }) => [id, sent, count, mtu, lossPct])).to.deep.equal([
      [3, 3, 3, 1400, null],
      [4, 1, 1, null, null],
    ]);
    expect(second.map(({ sent, tooBig: count, mtu }) => [sent, count, mtu])).to.deep.equal([[1, 0, null]]);
  });

  it('keeps sent = received + lost + unreachable + localDrops + tooBig for every path and interval', () => {
    const random = seededRandom(41).next;
    const bench = new AggregatorBench(3, 1024);
    const streams = 300;
    bench.addStreams(...Array.from({ length: streams }, (_, id) => id));
    const expected = new Map<string, number[]>();
    let finals = 0;
    let overflows = 0;
    for (let second = 0; second < 60; second++) {
      for (let thread = 0; thread < 3; thread++) {
        for (let i = 0; i < 400; i++) {
          const path = randomInteger(random, 0, streams * SOURCE_PORTS);
          const outcome = random() < 0.7 ? received : randomInteger(random, lost, Outcome.watermark);
          const sentS = Math.max(0, second - random() * 2);
          if (!bench.record(thread, path, outcome, sentS)) {
            overflows++;
            continue;
          }
          if (outcome <= Outcome.tooBig) finals++;
          const key = `${path} ${EPOCH_MS + (Math.floor(sentS / 10) + 1) * 10_000}`;
          const list = expected.get(key) ?? [0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
          list[outcome]++;
          expected.set(key, list);
        }
        bench.watermark(thread, second - 2);
      }
      if (random() < 0.6) bench.run(second);
    }
    for (let thread = 0; thread < 3; thread++) bench.watermark(thread, 60);
    bench.run(60);

    expect(overflows).to.be.above(0);
    let sent = 0;
    for (const report of bench.reports) {
      const rows = new Map(rowsOf(report).map((row) => [row.id, row]));
      const rowSent = new Map<number, number>();
      for (const [path, counts] of pathsOf(report)) {
        const { tooBig } = counts;
        expect(counts.sent).to.equal(counts.received + counts.lost + counts.unreachable + counts.localDrops + tooBig);
        const key = `${path} ${report.endMs}`;
        expect(expected.get(key), key).to.deep.equal([
          counts.received,
          counts.lost,
          counts.unreachable,
          counts.localDrops,
          tooBig,
          counts.late,
          counts.duplicates,
          counts.sendErrors,
          // Never more than were lost.
          ...[Outcome.lostForward, Outcome.lostReverse].map((way) => expected.get(key)?.[way]),
        ]);
        const [out = 0, back = 0] = expected.get(key)?.slice(Outcome.lostForward) ?? [];
        expect(counts.lostForward).to.equal(Math.min(out, counts.lost));
        expect(counts.lostReverse).to.equal(Math.min(back, counts.lost - counts.lostForward));
        expect(counts.lostUnknown).to.equal(counts.lost - counts.lostForward - counts.lostReverse);
        expected.delete(key);
        const stream = Math.floor(path / SOURCE_PORTS);
        rowSent.set(stream, (rowSent.get(stream) ?? 0) + counts.sent);
      }
      expect([...rows.keys()]).to.deep.equal([...rowSent.keys()]);
      for (const [stream, row] of rows) {
        expect(row.sent).to.equal(rowSent.get(stream));
        expect(row.sent).to.equal(row.received + row.lost + row.unreachable + row.localDrops + row.tooBig);
      }
      sent += report.sent;
    }
    // The way of a loss that there was not makes no path.
    for (const [key, list] of expected) expect(list.slice(0, Outcome.lostForward), key).to.deep.equal(Array(8).fill(0));
    expect(sent).to.equal(finals);
    expect(bench.control.read('consumed')).to.equal(finals);
    expect(bench.control.read('reported')).to.equal(finals);
    expect(bench.control.read('orphans')).to.equal(0);
  });

  it('counts a late reply to a closed interval in the oldest open one', () => {
    const bench = new AggregatorBench(1);
    bench.addStreams(0);
    bench.record(0, 0, lost, 5);
    bench.watermark(0, 11);
    bench.run(11);
    bench.record(0, 0, late, 5);
    bench.record(0, 0, received, 12);
    bench.record(0, 0, late, 21);
    bench.watermark(0, 30);
    bench.run(31);
    expect(bench.reports.map((report) => rowsOf(report)[0])).to.have.length(3);
    expect(bench.reports.map((report) => rowsOf(report)[0].late)).to.deep.equal([0, 1, 1]);
    expect(bench.control.read('orphansOther')).to.equal(0);
  });

  it('counts a late reply in its probe’s interval while that is open', () => {
    const bench = new AggregatorBench(1);
    bench.addStreams(0);
    bench.record(0, 0, lost, 5);
    bench.record(0, 0, received, 12);
    bench.record(0, 0, late, 5);
    bench.watermark(0, 20);
    bench.run(21);
    expect(bench.reports.map((report) => rowsOf(report)[0].late)).to.deep.equal([1, 0]);
  });

  it('continues to read the rings while it closes an interval of many rows', () => {
    const bench = new AggregatorBench(1, 8192);
    const ids = Array.from({ length: 2000 }, (_, id) => id);
    bench.addStreams(...ids);
    for (const id of ids) bench.record(0, id * SOURCE_PORTS, received, 1);
    bench.watermark(0, 10);
    bench.nowNs = 12e9;
    bench.producers[0].publish();
    let turns = 0;
    let more = true;
    while (more) {
      more = bench.aggregator.turn(() => {});
      turns++;
      bench.record(0, 0, received, 11);
      bench.producers[0].publish();
      expect(bench.producers[0].size).to.equal(1);
    }
    expect(turns).to.be.above(10);
    expect(bench.reports[0].streams.length).to.equal(2000);
    bench.watermark(0, 20);
    bench.run(20);
    expect(bench.reports[1].sent).to.equal(turns);
  });

  it('handles messages before records, and reads only records from before the messages', () => {
    const bench = new AggregatorBench(1);
    bench.record(0, 0, received, 1);
    bench.producers[0].publish();
    bench.aggregator.turn(() => {
      bench.addStreams(0);
      bench.record(0, SOURCE_PORTS, received, 1);
      bench.producers[0].publish();
    });
    bench.aggregator.turn(() => bench.addStreams(1));
    expect(bench.control.read('orphans')).to.equal(0);
    expect(bench.control.read('consumed')).to.equal(2);
  });
});
