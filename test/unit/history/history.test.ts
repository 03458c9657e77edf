import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { MatrixHistory, SLOT_MS } from '../../../src/history/history.js';
import { type Metric, makeMatrix } from '../../../src/history/matrix.js';
import { Flag } from '../../../src/history/slot.js';
import { pointOf } from '../../../src/history/timeSeries.js';
import type { HistoryRow } from '../../../src/history/types.js';
import { highestNsAt, indexOfNs, RttHistogram } from '../../../src/stats/histogram.js';
import { historyInterval, historyRow, type RowSpec } from '../../support/fakes/rows.js';
import { randomInteger, seededRandom } from '../../support/harness/random.js';
import { waitFor } from '../../support/harness/wait.js';

const START = 1_763_700_000_000;
const HOUR = 3_600_000;
/** Slots are not merged beyond that. */
const LONG = 12 * HOUR;

function historyOf(memoryBytes = 64 * 2 ** 20, horizonMs = 6 * HOUR) {
  const clock = { nowMs: START };
  const history = new MatrixHistory({ horizonMs, memoryBytes, now: () => clock.nowMs });
  return { clock, history };
}

/** Percentile of all samples, by the rules of an HdrHistogram. */
function percentile(rttsNs: readonly number[], perMille: number): number {
  const histogram = new RttHistogram();
  for (const ns of rttsNs) histogram.record(ns);
  const out = new Float64Array(1);
  histogram.percentiles([perMille], out);
  return Math.min(out[0], Math.max(...rttsNs));
}

const us = (ns: number): number => Math.round(ns) / 1000;

describe('a history', () => {
  it('files an interval once, however often it comes', async () => {
    const { history, clock } = historyOf();
    const interval = historyInterval('a', START, [historyRow({ rttsNs: [1000, 2000] })]);
    clock.nowMs = START + 1000;
    for (let i = 0; i < 3; i++) await history.add(interval);
    expect(history.slots).to.have.length(1);
    expect(history.slots[0].sent.values[0]).to.equal(2);
    expect(history.refused.duplicates).to.equal(2);
  });

  it('takes intervals in any order, and keeps different collectors apart', async () => {
    const { history } = historyOf();
    for (const steps of [3, 1, 2, 0, 2, 3])
      for (const collector of ['a', 'b'])
        await history.add(historyInterval(collector, START - steps * SLOT_MS, [historyRow({ lost: 1 })]));
    expect(history.slots.map(({ endMs }) => endMs)).to.deep.equal([3, 2, 1, 0].map((steps) => START - steps * SLOT_MS));
    expect(history.series.size).to.equal(2);
    expect(history.refused.duplicates).to.equal(4);
    for (const slot of history.slots) expect([slot.lost.values[0], slot.lost.values[1]]).to.deep.equal([1, 1]);
  });

  it('refuses intervals older than its horizon, and those of a clock far ahead, and counts both', async () => {
    const { history } = historyOf();
    await history.add(historyInterval('a', START, [historyRow({})]));
    await history.add(historyInterval('a', START - 6 * HOUR, [historyRow({})]));
    await history.add(historyInterval('b', START + 6 * HOUR, [historyRow({})]));
    expect(history.slots).to.have.length(1);
    expect(history.refused).to.deep.include({ tooOld: 1, ahead: 1 });
  });

  it('adds intervals that are shorter than a slot up, exactly', async () => {
    const { history } = historyOf();
    const all: number[] = [];
    for (let i = 0; i < 100; i++) {
      const rttsNs = [1000 * (i + 1), 500_000 + i];
      all.push(...rttsNs);
      await history.add(
        historyInterval('a', START - SLOT_MS + (i + 1) * 100, [historyRow({ rttsNs, lost: 1, jitterNs: i * 10 })], 100),
      );
    }
    expect(history.slots).to.have.length(1);
    const point = pointOf(history.slots[0], 0);
    expect(point).to.deep.equal({
      sent: 300,
      received: 200,
      lost: 100,
      ...{ unreachable: 0, tooBig: 0, sendErrors: 0, localDrops: 0 },
      p50Ns: percentile(all, 500),
      p90Ns: percentile(all, 900),
      p99Ns: percentile(all, 990),
      maxNs: 500_099,
      upperBound: false,
    });
  });

  it('says that a percentile is an upper bound when a part of its samples has no histogram', async () => {
    const { history } = historyOf();
    const parts: readonly RowSpec[] = [{ rttsNs: [1000, 2000] }, { rttsNs: [5000], withoutHistogram: true }];
    for (const [i, spec] of parts.entries())
      await history.add(historyInterval('a', START - 2000 + i * 1000, [historyRow(spec)], 1000));
    const [slot] = history.slots;
    expect(slot.flags[0] & Flag.upperBound).to.equal(Flag.upperBound);
    expect(pointOf(slot, 0)).to.deep.include({ maxNs: 5000, upperBound: true, p50Ns: 5000 });
    expect(slot.histograms?.has(0)).to.equal(false);
  });

  it('knows no percentile where a part does not know its own', async () => {
    const { history } = historyOf();
    const mean = { ...historyRow({ rttsNs: [7000], withoutHistogram: true }), p50Ns: NaN, p90Ns: NaN, p99Ns: NaN };
    await history.add(historyInterval('a', START - 1000, [historyRow({ rttsNs: [1000] })], 1000));
    await history.add(historyInterval('a', START, [mean], 1000));
    expect(pointOf(history.slots[0], 0)?.p50Ns).to.deep.equal(Number.NaN);
  });

  it('counts beyond 16 and 32 bits', async () => {
    const { history } = historyOf();
    for (const [i, sent] of [65_535, 1, 2 ** 32, 2 ** 40].entries())
      await history.add(historyInterval('a', START - 4000 + i * 1000, [{ ...historyRow({}), sent, lost: sent }], 1000));
    expect(history.slots[0].sent.values[0]).to.equal(65_536 + 2 ** 32 + 2 ** 40);
  });

  it('forgets series that vanished, after the horizon, and gives their numbers to others', async () => {
    const { history, clock } = historyOf(64 * 2 ** 20, 60_000);
    for (let i = 0; i < 30; i++) {
      clock.nowMs = START + i * SLOT_MS;
      const rows = [historyRow({ target: `10.1.0.${i}`, lost: i + 1 }), historyRow({ rttsNs: [1000] })];
      await history.add(historyInterval('a', clock.nowMs, rows));
      expect(history.series.size).to.be.at.most(9);
    }
    expect(history.series.length).to.be.at.most(9);
    const { cells, columns } = await makeMatrix(history, {
      rows: ['source'],
      columns: ['target'],
      windowMs: 60_000,
      metric: 'loss',
    });
    const lost = Object.fromEntries(
      [...cells.column].map((column, cell) => [columns[column][0], cells.sums.lost[cell]]),
    );
    expect(lost).to.deep.equal({
      '10.0.0.2': 0,
      ...Object.fromEntries([24, 25, 26, 27, 28, 29].map((i) => [`10.1.0.${i}`, i + 1])),
    });
  });

  it('merges old slots when memory is short, and keeps counts, extremes and means exact', async () => {
    const { history, clock } = historyOf(600_000, 2 * HOUR);
    const random = seededRandom(31).next;
    const sums = { sent: 0, lost: 0, samples: 0, ns: 0, maxNs: 0, minNs: Number.POSITIVE_INFINITY };
    for (let i = 1; i <= 700; i++) {
      clock.nowMs = START + i * SLOT_MS;
      const rows: HistoryRow[] = [];
      for (let target = 0; target < 20; target++) {
        const rttsNs = Array.from({ length: 50 }, () => randomInteger(random, 50_000, 900_000));
        rows.push(historyRow({ target: `10.1.0.${target}`, rttsNs, lost: i % 3 }));
        sums.sent += 50 + (i % 3);
        sums.lost += i % 3;
        sums.samples += 50;
        sums.ns += rttsNs.reduce((all, ns) => all + ns, 0);
        sums.maxNs = Math.max(sums.maxNs, ...rttsNs);
        sums.minNs = Math.min(sums.minNs, ...rttsNs);
      }
      await history.add(historyInterval('a', clock.nowMs, rows));
      expect(history.bytes).to.be.at.most(600_000);
    }
    expect(history.slots.length).to.be.lessThan(200);
    expect(history.slots.some(({ lengthMs }) => lengthMs > SLOT_MS)).to.equal(true);
    const ask = async (metric: Metric) => {
      const { window, cells } = await makeMatrix(history, {
        rows: ['group'],
        columns: ['class'],
        windowMs: 2 * HOUR,
        metric,
      });
      expect(cells.value).to.have.length(1);
      return { window, value: cells.value[0], sums: cells.sums };
    };
    const loss = await ask('loss');
    expect(loss.window).to.deep.equal({ startMs: START, endMs: clock.nowMs, coveredMs: 7_000_000 });
    expect([loss.sums.sent[0], loss.sums.lost[0]]).to.deep.equal([sums.sent, sums.lost]);
    expect(loss.value).to.be.closeTo((100 * sums.lost) / sums.sent, 1e-4);
    expect((await ask('max')).value).to.equal(us(sums.maxNs));
    expect((await ask('min')).value).to.equal(us(sums.minNs));
    expect((await ask('mean')).value).to.be.closeTo(us(sums.ns / sums.samples), 0.001);
    // Those of the oldest slots are gone: it says how much is covered, and is exact for that.
    const p99 = await ask('p99');
    expect(p99.window.coveredMs).to.be.within(60_000, 6_000_000);
    expect(p99.window.endMs).to.equal(clock.nowMs);
    expect(p99.sums.samples[0]).to.equal((p99.window.coveredMs / SLOT_MS) * 1000);
  });

  describe('with memory for some slots', () => {
    const random = seededRandom(72).next;
    const rows = Array.from({ length: 300 }, (_, i) =>
      historyRow({
        target: `10.1.${i >> 8}.${i & 255}`,
        rttsNs: Array.from({ length: 100 }, () => randomInteger(random, 50_000, 500_000)),
      }),
    );
    const interval = (slot: number) => historyInterval('a', START + slot * SLOT_MS, rows);

    async function historyOfSlots(slots: number): Promise<MatrixHistory> {
      const { history: one } = historyOf();
      await one.add(interval(1));
      const [{ columnBytes, histogramBytes }] = one.slots;
      const { history, clock } = historyOf(one.series.bytes + slots * (columnBytes + histogramBytes));
      clock.nowMs = START + 100_000;
      return history;
    }

    it('merges in a pause the slots that would not fit with the next interval, so that this does not have to wait', async () => {
      const history = await historyOfSlots(6.2);
      for (let slot = 1; slot < 6; slot++) await history.add(interval(slot));
      await history.add(historyInterval('b', START + 5.5 * SLOT_MS, [historyRow({ rttsNs: [1000] })]));
      await sleep(900);
      expect(history.slots, 'the last one is not whole').to.have.length(6);
      await history.add(interval(6));
      expect(history.slots, 'something may still come').to.have.length(6);
      await waitFor('slots to be merged', () => history.slots.length === 4);
      expect(history.slots[0]).to.include({ lengthMs: 3 * SLOT_MS, startMs: START, endMs: START + 3 * SLOT_MS });
      expect(history.slots[0].sent.values[7]).to.equal(300);
      await history.add(interval(7));
      expect(history.slots, 'nothing is left to do').to.have.length(5);
      expect(history.slots.every(({ histograms }) => histograms !== null)).to.equal(true);
    });

    it('merges no histograms that it would have to let go at once: they reach back further as they are', async () => {
      const history = await historyOfSlots(3.6);
      for (let slot = 1; slot <= 3; slot++) await history.add(interval(slot));
      await sleep(900);
      expect(history.slots).to.have.length(3);
      await history.add(interval(4));
      expect(history.slots.map(({ histograms }) => histograms !== null)).to.deep.equal([false, true, true, true]);
      expect(history.bytes).to.be.at.most(history.memoryBytes);
    });

    it('merges none with a slot whose histograms are gone, for all would be then', async () => {
      const history = await historyOfSlots(4);
      for (let slot = 1; slot <= 5; slot++) await history.add(interval(slot));
      await sleep(900);
      const [first, ...others] = history.slots.map(({ histograms }) => histograms !== null);
      expect(first).to.equal(false);
      expect(others).to.deep.equal([true, true, true, true]);
    });
  });

  it('drops the oldest slots when no more can be merged, and reports the covered time', async () => {
    const { history, clock } = historyOf(60_000, 24 * LONG);
    for (let i = 1; i <= 120; i++) {
      clock.nowMs = START + i * LONG;
      await history.add(historyInterval('a', clock.nowMs, [historyRow({ rttsNs: [1000] })], LONG));
    }
    expect(history.bytes).to.be.at.most(60_000);
    const { window } = await makeMatrix(history, {
      rows: ['group'],
      columns: ['class'],
      windowMs: 24 * LONG,
      metric: 'loss',
    });
    expect(window.endMs).to.equal(clock.nowMs);
    expect(window.coveredMs).to.be.within(LONG, 24 * LONG);
    expect(window.coveredMs).to.equal(history.slots.length * LONG);
  });

  it('bounds the texts of reasons: beyond ten thousand they name no address', async () => {
    const { history } = historyOf(32 * 2 ** 20);
    const rows = Array.from({ length: 10_100 }, (_, i) => {
      const target = `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`;
      const reason =
        i % 2 === 0
          ? `not sent: no route to ${target} (ENETUNREACH)`
          : `unreachable (port unreachable, from ${target})`;
      return historyRow({ target, sendErrors: 1, reason });
    });
    await history.add(historyInterval('a', START, rows));
    const { series } = history;
    expect(series.reason(7)).to.equal('unreachable (port unreachable, from 10.0.0.7)');
    expect(series.reason(10_098)).to.equal('not sent: no route (ENETUNREACH)');
    expect(series.reason(10_099)).to.equal('unreachable (port unreachable)');
    await history.add(
      historyInterval(
        'a',
        START + SLOT_MS,
        rows.map(({ target }) => historyRow({ target, rttsNs: [1] })),
      ),
    );
    expect([series.reason(7), series.hasReason(10_099)]).to.deep.equal([null, false]);
  });

  it('refuses series for which there is no memory, counts them, and goes on', async () => {
    const { history } = historyOf(300_000);
    const rows = Array.from({ length: 5000 }, (_, i) => historyRow({ target: `10.0.${i >> 8}.${i & 255}` }));
    await history.add(historyInterval('a', START, rows));
    expect(history.refused.seriesWithoutRoom).to.be.greaterThan(0);
    expect(history.series.size + history.refused.seriesWithoutRoom).to.equal(5000);
    expect(history.bytes).to.be.at.most(300_000);
  });

  it('packs published values without loss', async () => {
    const random = seededRandom(33).next;
    const { history } = historyOf();
    for (let run = 0; run < 200; run++) {
      const rttsNs = Array.from({ length: randomInteger(random, 1, 20) }, () =>
        randomInteger(random, 0, 2 ** randomInteger(random, 1, 31)),
      );
      const row = historyRow({ rttsNs, target: `t${run}` });
      await history.add(historyInterval(`c${run}`, START, [row]));
      const point = pointOf(history.slots[0], run);
      expect(point?.maxNs).to.equal(row.maxNs);
      expect(point?.p50Ns).to.equal(percentile(rttsNs, 500));
      expect(highestNsAt(indexOfNs(row.p99Ns))).to.equal(row.p99Ns);
      expect(point?.p99Ns).to.equal(percentile(rttsNs, 990));
    }
  });
});
