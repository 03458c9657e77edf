import { expect } from 'chai';
import { pino } from 'pino';
import { makeMatrix } from '../../../../src/history/matrix.js';
import { ScraperMemory } from '../../../../src/scraper/recent/memory.js';
import { readResults } from '../../../../src/scraper/results/answer.js';
import type { CollectedInterval, ResultRow } from '../../../../src/scraper/results/types.js';
import { HdrTextEncoder } from '../../../../src/stats/hdrText.js';
import { RttHistogram } from '../../../../src/stats/histogram.js';
import { roundedUs } from '../../../../src/stats/row.js';
import { row } from '../../../support/fakes/scraped.js';
import { randomInteger, seededRandom } from '../../../support/harness/random.js';

const T = 1_763_700_000_000;
const MINUTE = 60_000;
const encoder = new HdrTextEncoder();

function histogramOf(rttsNs: readonly number[]): RttHistogram {
  const histogram = new RttHistogram();
  for (const ns of rttsNs) histogram.record(ns);
  return histogram;
}

function percentileNs(rttsNs: readonly number[], perMille: number): number {
  const out = new Float64Array(1);
  histogramOf(rttsNs).percentiles([perMille], out);
  return Math.min(out[0], Math.max(...rttsNs));
}

/** A row as a collector publishes it. */
function published(target: string, rttsNs: readonly number[], lost: number): ResultRow {
  const sum = rttsNs.reduce((all, ns) => all + ns, 0);
  const us = (perMille: number): number => roundedUs(percentileNs(rttsNs, perMille));
  return row(target, {
    sent: rttsNs.length + lost,
    received: rttsNs.length,
    lost,
    hdr: rttsNs.length === 0 ? null : encoder.encode(histogramOf(rttsNs)),
    rttUs:
      rttsNs.length === 0
        ? null
        : {
            ...{ min: roundedUs(Math.min(...rttsNs)), mean: roundedUs(sum / rttsNs.length), stddev: 0 },
            ...{ p50: us(500), p90: us(900), p99: us(990), p999: us(999), max: roundedUs(Math.max(...rttsNs)) },
          },
  });
}

const interval = (collector: string, endMs: number, rows: readonly ResultRow[]): CollectedInterval => ({
  ...{ collector, intervalMs: 10_000, startMs: endMs - 10_000, endMs },
  rows,
});

describe('the memory of a scraper', () => {
  const logged: { readonly msg: string; readonly problem?: string }[] = [];
  const logger = pino({ base: null }, { write: (line: string) => logged.push(JSON.parse(line)) });
  let nowMs = T;
  let memory: ScraperMemory;

  beforeEach(() => {
    nowMs = T;
    logged.length = 0;
    memory = new ScraperMemory({ hours: 6, memoryBytes: 16 * 2 ** 20, logger, now: () => nowMs });
  });

  const matrix = (metric: 'loss' | 'p50' | 'p99' | 'p999' | 'max' | 'mean', windowMs = MINUTE) =>
    makeMatrix(memory.history, { rows: ['source'], columns: ['target'], windowMs, metric });

  it('gives the percentiles of all samples of all collectors, from their published histograms', async () => {
    const random = seededRandom(51).next;
    const all: number[] = [];
    for (let step = 0; step < 6; step++) {
      for (const collector of ['a', 'b', 'c']) {
        const rttsNs = Array.from({ length: randomInteger(random, 1, 200) }, () =>
          randomInteger(random, 20_000, 2 ** randomInteger(random, 17, 31)),
        );
        all.push(...rttsNs);
        memory.take(interval(collector, T - step * 10_000, [published('10.2.0.2', rttsNs, 0)]));
      }
    }
    await memory.settled();
    for (const [metric, perMille] of [
      ['p50', 500],
      ['p99', 990],
      ['p999', 999],
    ] as const) {
      const { cells } = await matrix(metric);
      expect([...cells.value]).to.deep.equal([roundedUs(percentileNs(all, perMille))]);
      expect([...cells.sums.samples]).to.deep.equal([all.length]);
      expect([...cells.sums.series]).to.deep.equal([3]);
    }
    expect([...(await matrix('max')).cells.value]).to.deep.equal([roundedUs(Math.max(...all))]);
    const mean = (await matrix('mean')).cells.value[0];
    expect(mean).to.be.closeTo(roundedUs(all.reduce((sum, ns) => sum + ns, 0) / all.length), 0.002);
  });

  it('counts an interval once that is fetched twice', async () => {
    const one = interval('a', T, [published('10.2.0.2', [1000], 1)]);
    for (let i = 0; i < 3; i++) memory.take(one);
    await memory.settled();
    expect([...(await matrix('loss')).cells.sums.sent]).to.deep.equal([2]);
    expect(memory.recent.after(0).intervals).to.have.length(1);
    expect(memory.counters().duplicates).to.equal(2);
  });

  it('leaves a histogram that cannot be read out, counts it, and says so once', async () => {
    const bad = { ...published('10.2.0.2', [1000, 2000], 1), hdr: 'HISTFAAA!' };
    for (let step = 0; step < 3; step++) memory.take(interval('a', T - step * 10_000, [bad]));
    await memory.settled();
    expect(memory.unreadableHistograms).to.equal(3);
    expect(logged.map(({ msg }) => msg)).to.have.length(1);
    expect(logged[0].msg).to.match(/histogram cannot be read/);
    expect((await matrix('loss')).cells.sums.sent[0]).to.equal(9);
    expect((await matrix('max')).cells.value[0]).to.equal(2);
    const { cells } = await matrix('p99');
    expect([cells.value[0], cells.sums.samples[0]]).to.deep.equal([Number.NaN, 0]);
  });

  it("takes a collector in that tells means only, as Dropbox's LLAMA does, and invents no percentile", async () => {
    const rttUs = { min: null, mean: 80, stddev: null, p50: null, p90: null, p99: null, p999: null, max: null };
    memory.take(interval('old', T, [row('10.2.0.2', { group: '', class: '', port: 0, rttUs, hdr: null })]));
    await memory.settled();
    expect((await matrix('mean')).cells.value[0]).to.equal(80);
    for (const metric of ['p50', 'max'] as const)
      expect((await matrix(metric)).cells.value[0]).to.deep.equal(Number.NaN);
    const { rows } = await makeMatrix(memory.history, {
      rows: ['group', 'class'],
      columns: ['port'],
      windowMs: MINUTE,
      metric: 'loss',
    });
    expect(rows).to.deep.equal([['(none)', '(none)']]);
  });

  it('leaves intervals out when too many have waited for too long, rather than keep the others waiting', async () => {
    const rows = Array.from({ length: 3_000 }, () => row('10.2.0.2', { rttUs: null }));
    const taken: Promise<void>[] = [];
    const take = (step: number): void => void taken.push(memory.take(interval('a', T - step * 10_000, rows)));
    for (const step of [0, 1, 2]) take(step);
    expect(memory.leftOut).to.equal(0);
    nowMs += 6_000;
    for (const step of [3, 4]) take(step);
    expect(memory.leftOut).to.equal(2);
    await Promise.all(taken);
    take(5);
    await memory.settled();
    expect(memory.leftOut).to.equal(2);
    expect((await matrix('loss')).cells.sums.sent[0]).to.equal(4 * 3_000 * row('10.2.0.2').sent);
    expect(logged.some(({ msg }) => msg.startsWith('intervals come faster'))).to.equal(true);
  });

  it('answers with rows as the collector sent them, without their histograms, however they are written', async () => {
    const rows = [
      row('10.2.0.2', { hdr: 'HISTFAAA' }),
      row('10.2.0.3', { hdr: null }),
      row('10.2.0.4'),
      row('10.2.0.5', { tags: { note: ',"hdr":"x"}', other: 'ä' }, hdr: 'HIST+/==' }),
      { ...row('10.2.0.6'), hdr: 'HISTF', later: { hdr: 'x' } },
    ];
    const [first, ...others] = rows;
    const text = (indent: number): Buffer => {
      const intervals = [0, 1].map((step) => ({
        start: new Date(T - 20_000 + step * 10_000).toISOString(),
        endMs: T - 10_000 + step * 10_000,
        results: step === 0 ? [first] : others,
      }));
      const head = { collector: 'a "b"', intervalMs: 10_000, oldest: T - 10_000, gap: false };
      return Buffer.from(JSON.stringify({ ...head, intervals }, null, indent));
    };
    for (const indent of [0, 2]) {
      memory = new ScraperMemory({ hours: 6, memoryBytes: 16 * 2 ** 20, logger, now: () => nowMs });
      for (const one of readResults(text(indent), 0).intervals) await memory.take(one);
      const { intervals } = memory.recent.after(0);
      const answered = intervals.map(({ report }) => Buffer.from(report.rows).toString());
      expect(answered.join('')).not.to.match(/[\r\n]/);
      expect(answered.flatMap((some) => JSON.parse(`[${some}]`) as unknown[])).to.deep.equal(
        rows.map(({ hdr: _, ...rest }) => ({ collector: 'a "b"', ...rest })),
      );
      const hdrs = intervals.flatMap(({ report: { histograms, histogramOffsets } }) =>
        [...histogramOffsets.slice(1)].map((end, i) =>
          Buffer.from(histograms).toString('utf8', histogramOffsets[i], end),
        ),
      );
      expect(hdrs).to.deep.equal(rows.map(({ hdr }) => hdr ?? ''));
    }
  });
});
