import { expect } from 'chai';
import { NONE, parseDimensions } from '../../../src/history/dimensions.js';
import { MatrixHistory } from '../../../src/history/history.js';
import { type Matrix, METRICS, type Metric, makeMatrix } from '../../../src/history/matrix.js';
import type { HistoryRow } from '../../../src/history/types.js';
import { RttHistogram } from '../../../src/stats/histogram.js';
import { lossPct, roundedUs } from '../../../src/stats/row.js';
import { historyInterval, historyRow, type RowSpec } from '../../support/fakes/rows.js';
import { randomInteger, seededRandom } from '../../support/harness/random.js';

const START = 1_763_700_000_000;
const MINUTE = 60_000;
const PER_MILLE: Readonly<Record<string, number>> = { p50: 500, p90: 900, p99: 990, p999: 999 };

interface Sample {
  readonly collector: string;
  readonly endMs: number;
  readonly spec: RowSpec;
  readonly row: HistoryRow;
}

/** What a cell should say, the plain way: from all rows, one by one. */
function naive(samples: readonly Sample[], metric: Metric): number | null {
  const sum = (pick: (row: HistoryRow) => number): number => samples.reduce((all, { row }) => all + pick(row), 0);
  const rtts = samples.flatMap(({ spec }) => spec.rttsNs ?? []);
  if (metric === 'loss')
    return lossPct({
      sent: sum((row) => row.sent),
      received: sum((row) => row.received),
      lost: sum((row) => row.lost),
      unreachable: sum((row) => row.unreachable),
    });
  if (metric === 'jitter') {
    const known = samples.filter(({ row }) => row.jitterNs >= 0 && row.samples > 0);
    const weight = known.reduce((all, { row }) => all + row.samples, 0);
    return weight === 0
      ? null
      : roundedUs(known.reduce((all, { row }) => all + row.jitterNs * row.samples, 0) / weight);
  }
  if (rtts.length === 0) return null;
  if (metric === 'mean') return roundedUs(rtts.reduce((all, ns) => all + ns, 0) / rtts.length);
  if (metric === 'min') return roundedUs(Math.min(...rtts));
  if (metric === 'max') return roundedUs(Math.max(...rtts));
  const histogram = new RttHistogram();
  for (const ns of rtts) histogram.record(ns);
  const out = new Float64Array(1);
  histogram.percentiles([PER_MILLE[metric]], out);
  return roundedUs(Math.min(out[0], Math.max(...rtts)));
}

function cellsOf({ rows, columns, cells }: Matrix) {
  return new Map(
    Array.from(cells.value, (value, cell) => [
      `${rows[cells.row[cell]].join('|')} > ${columns[cells.column[cell]].join('|')}`,
      {
        value: Number.isNaN(value) ? null : value,
        sent: cells.sums.sent[cell],
        received: cells.sums.received[cell],
        lost: cells.sums.lost[cell],
        unreachable: cells.sums.unreachable[cell],
        samples: cells.sums.samples[cell],
        series: cells.sums.series[cell],
        newestMs: cells.sums.newestMs[cell],
        stale: cells.stale[cell] === 1,
      },
    ]),
  );
}

describe('the matrix', () => {
  it('equals the plain sum over all rows, for random rows, windows that end now or earlier, dimensions and metrics, within short memory', async function () {
    this.timeout(60_000);
    const random = seededRandom(41).next;
    const pick = <Item>(items: readonly Item[]): Item => items[randomInteger(random, 0, items.length)];
    for (let run = 0; run < 12; run++) {
      const clock = { nowMs: START };
      // Every second history has to merge slots.
      const memoryBytes = run % 2 === 0 ? 32 * 2 ** 20 : 130_000;
      const history = new MatrixHistory({ horizonMs: 6 * 3_600_000, memoryBytes, now: () => clock.nowMs });
      const samples: Sample[] = [];
      for (let step = 1; step <= 60; step++) {
        clock.nowMs = START + step * 10_000;
        for (const collector of ['a', 'b', 'c']) {
          if (random() < 0.1) continue;
          const endMs = clock.nowMs - (random() < 0.1 ? 20_000 : 0);
          if (samples.some((sample) => sample.collector === collector && sample.endMs === endMs)) continue;
          const rows = [];
          for (let target = 0; target < 6; target++) {
            if (random() < 0.2) continue;
            const spec: RowSpec = {
              source: `10.0.0.${collector}`,
              target: `10.0.1.${target}`,
              class: target % 2 === 0 ? 'cs0' : 'ef',
              group: target % 3 === 0 ? 'west' : 'east',
              tags: target === 5 ? {} : { dst_rack: `r${target % 3}`, src_region: `region ${collector}` },
              rttsNs: Array.from({ length: randomInteger(random, 0, 12) }, () =>
                randomInteger(random, 1, 2 ** randomInteger(random, 10, 31)),
              ),
              lost: randomInteger(random, 0, 4),
              unreachable: randomInteger(random, 0, 2),
              // Where slots are merged, a part without jitter takes on that of the others.
              jitterNs: run % 2 === 0 && random() < 0.2 ? Number.NaN : randomInteger(random, 0, 50_000),
            };
            const row = historyRow(spec);
            rows.push(row);
            samples.push({ collector, endMs, spec, row });
          }
          await history.add(historyInterval(collector, endMs, rows));
        }
      }
      expect(history.bytes).to.be.at.most(memoryBytes);
      expect(
        history.slots.some(({ lengthMs }) => lengthMs > 10_000),
        'slots were merged',
      ).to.equal(run % 2 === 1);
      const dimensions = ['collector', 'source', 'target', 'group', 'class', 'port', 'dst_rack', 'src_region'];
      const key = (names: readonly string[], { collector, row }: Sample): string =>
        names
          .map((name) => ({ ...row, collector, port: String(row.port) })[name as 'source'] ?? row.tags[name] ?? NONE)
          .join('|');
      for (let ask = 0; ask < 30; ask++) {
        const metric = pick(METRICS);
        const rows = [pick(dimensions), ...(random() < 0.3 ? [pick(dimensions)] : [])];
        const columns = [pick(dimensions)];
        const group = random() < 0.3 ? pick(['west', 'east']) : undefined;
        const className = random() < 0.3 ? pick(['cs0', 'ef']) : undefined;
        const windowMs = pick([10_000, 30_000, MINUTE, 5 * MINUTE, 60 * MINUTE]);
        const toMs = random() < 0.5 ? undefined : START + randomInteger(random, 1, 600_000);
        const matrix = await makeMatrix(history, { rows, columns, windowMs, toMs, metric, group, class: className });
        const title = `run ${run}: ${metric} ${rows} x ${columns} ${windowMs} to ${toMs} ${group} ${className}`;
        // Of what the answer says that it covers.
        const { startMs, endMs } = matrix.window;
        const expected = new Map<string, Sample[]>();
        for (const sample of samples) {
          if (sample.endMs <= startMs || sample.endMs > endMs) continue;
          if (group !== undefined && sample.row.group !== group) continue;
          if (className !== undefined && sample.row.class !== className) continue;
          const name = `${key(rows, sample)} > ${key(columns, sample)}`;
          expected.set(name, [...(expected.get(name) ?? []), sample]);
        }
        const found = cellsOf(matrix);
        expect([...found.keys()], title).to.have.members([...expected.keys()]);
        if (run % 2 === 0) {
          const lastMs = toMs ?? clock.nowMs;
          // Whole slots of 10 s, also those that the window begins and ends within.
          const within = samples.filter(
            (sample) => sample.endMs > lastMs - windowMs && sample.endMs < lastMs + (toMs === undefined ? 1 : 10_000),
          );
          const [first, last] = [Math.min, Math.max].map((of) => of(...within.map((sample) => sample.endMs)));
          expect([startMs, endMs], title).to.deep.equal(within.length === 0 ? [0, 0] : [first - 10_000, last]);
        }
        if (toMs !== undefined && endMs > 0) {
          // The slots that hold the ends of the window may be long ones after merging, but none more than those.
          const held = history.slots.filter((slot) => slot.fromMs < toMs && slot.endMs > toMs - windowMs);
          expect(endMs, title).to.be.at.most(Math.max(...held.map((slot) => slot.fromMs + slot.lengthMs)));
        }
        for (const [name, cell] of found) {
          const of = expected.get(name) ?? [];
          const sum = (field: 'sent' | 'received' | 'lost' | 'unreachable' | 'samples'): number =>
            of.reduce((all, { row }) => all + row[field], 0);
          expect(cell, `${title}: ${name}`).to.deep.include({
            sent: sum('sent'),
            received: sum('received'),
            lost: sum('lost'),
            unreachable: sum('unreachable'),
            samples: sum('samples'),
          });
          const newestMs = Math.max(...of.map((sample) => sample.endMs));
          // Where in a merged slot a series stopped is not known: it counts as there to the slot's end.
          const latestMs = toMs === undefined || run % 2 === 0 ? newestMs : endMs;
          expect(cell.newestMs, `${title}: ${name}`).to.be.within(newestMs, latestMs);
          const value = naive(of, metric);
          // Means of means of whole nanoseconds.
          if (value === null || !['mean', 'jitter'].includes(metric))
            expect(cell.value, `${title}: ${name}`).to.equal(value);
          else expect(cell.value, `${title}: ${name}`).to.be.closeTo(value, 0.0021);
        }
      }
    }
  });

  it('marks a cell stale when its newest data are older than two and a half intervals', async () => {
    const clock = { nowMs: START };
    const history = new MatrixHistory({ horizonMs: 3_600_000, memoryBytes: 2 ** 24, now: () => clock.nowMs });
    const rows = [historyRow({ lost: 1 })];
    await history.add(historyInterval('slow', START, rows, MINUTE));
    await history.add(historyInterval('quick', START, rows, 10_000));
    const stale = async (nowMs: number) => {
      clock.nowMs = nowMs;
      const request = { rows: ['collector'], columns: ['class'], windowMs: 5 * MINUTE, metric: 'loss' } as const;
      return [...cellsOf(await makeMatrix(history, request))].filter(([, cell]) => cell.stale).map(([name]) => name);
    };
    expect(await stale(START + 25_000)).to.deep.equal([]);
    expect(await stale(START + 25_001)).to.deep.equal(['quick > cs0']);
    expect(await stale(START + 150_000)).to.deep.equal(['quick > cs0']);
    expect(await stale(START + 150_001)).to.have.members(['quick > cs0', 'slow > cs0']);
  });

  it('measures ages in the past from the end of the window: later data do not count, and a series that was silent then is stale', async () => {
    const history = new MatrixHistory({ horizonMs: 3_600_000, memoryBytes: 2 ** 24, now: () => START + 600_000 });
    const rows = [historyRow({ lost: 1 })];
    // `steady` never stops; `broken` is away for two minutes.
    for (let step = 0; step <= 60; step++) {
      const endMs = START + step * 10_000;
      await history.add(historyInterval('steady', endMs, rows, 10_000));
      if (step <= 12 || step >= 24) await history.add(historyInterval('broken', endMs, rows, 10_000));
    }
    const at = async (step: number) => {
      const toMs = START + step * 10_000;
      const request = { rows: ['collector'], columns: ['class'], windowMs: 3 * MINUTE, toMs, metric: 'loss' } as const;
      const cells = cellsOf(await makeMatrix(history, request));
      return ['steady', 'broken'].map((name) => {
        const cell = cells.get(`${name} > cs0`);
        return cell && [(toMs - cell.newestMs) / 10_000, cell.stale];
      });
    };
    expect(await at(12)).to.deep.equal([
      [0, false],
      [0, false],
    ]);
    expect(await at(14)).to.deep.equal([
      [0, false],
      [2, false],
    ]);
    expect(await at(15)).to.deep.equal([
      [0, false],
      [3, true],
    ]);
    expect(await at(24)).to.deep.equal([
      [0, false],
      [0, false],
    ]);
  });

  it('has keys in the order of people, nested, and says so where a tag is missing', async () => {
    const history = new MatrixHistory({ horizonMs: 3_600_000, memoryBytes: 2 ** 24, now: () => START });
    const rows = ['r10', 'r2', undefined, 'r1'].map((rack, i) =>
      historyRow({ target: `10.0.0.${i}`, lost: 1, tags: rack === undefined ? {} : { dst_rack: rack } }),
    );
    await history.add(historyInterval('a', START, rows));
    const { rows: keys, cells } = await makeMatrix(history, {
      rows: ['group', 'dst_rack'],
      columns: ['constructor'],
      windowMs: MINUTE,
      metric: 'p50',
    });
    expect(keys).to.deep.equal([
      ['west', NONE],
      ['west', 'r1'],
      ['west', 'r2'],
      ['west', 'r10'],
    ]);
    expect([...cells.row]).to.have.members([0, 1, 2, 3]);
    expect([...cells.value]).to.deep.equal([NaN, NaN, NaN, NaN]);
  });

  it('is empty before the first interval', async () => {
    const history = new MatrixHistory({ horizonMs: 3_600_000, memoryBytes: 2 ** 24 });
    for (const metric of METRICS) {
      const matrix = await makeMatrix(history, { rows: ['source'], columns: ['target'], windowMs: MINUTE, metric });
      expect(matrix.cells.value).to.have.length(0);
      expect(matrix.window).to.deep.equal({ startMs: 0, endMs: 0, coveredMs: 0 });
    }
  });

  it('uses the tags of the newest interval', async () => {
    const history = new MatrixHistory({ horizonMs: 3_600_000, memoryBytes: 2 ** 24, now: () => START });
    const row = (rack: string) => [historyRow({ lost: 1, tags: { dst_rack: rack } })];
    await history.add(historyInterval('a', START - 10_000, row('old')));
    await history.add(historyInterval('a', START, row('new')));
    await history.add(historyInterval('a', START - 20_000, row('older')));
    const { rows } = await makeMatrix(history, {
      rows: ['dst_rack'],
      columns: ['class'],
      windowMs: MINUTE,
      metric: 'loss',
    });
    expect(rows).to.deep.equal([['new']]);
  });

  it('notices a tag more, a tag less and another value, and keeps tags in whatever order they come', async () => {
    const history = new MatrixHistory({ horizonMs: 3_600_000, memoryBytes: 2 ** 24, now: () => START });
    const lives: readonly Record<string, string>[] = [
      { a: '1', b: '2' },
      { b: '2', a: '1' },
      { a: '1' },
      {},
      { b: '2' },
      { b: '3' },
    ];
    for (const [i, tags] of lives.entries()) {
      await history.add(historyInterval('a', START - 60_000 + i * 10_000, [historyRow({ lost: 1, tags })]));
      expect(history.series.tags(0), `life ${i}`).to.deep.equal(tags);
    }
  });

  it('has no loss where every probe of the window was too big for the path or dropped by this host', async () => {
    const history = new MatrixHistory({ horizonMs: 60 * MINUTE, memoryBytes: 2 ** 20, now: () => START });
    const rows = [
      historyRow({ target: 'a', tooBig: 7 }),
      historyRow({ target: 'b', localDrops: 3 }),
      historyRow({ target: 'c', tooBig: 1, lost: 1 }),
    ];
    await history.add(historyInterval('host', START - 10_000, rows));
    const { cells } = await makeMatrix(history, {
      ...{ rows: ['source'], columns: ['target'], windowMs: MINUTE, metric: 'loss' },
    });
    expect([...cells.value]).to.deep.equal([Number.NaN, Number.NaN, 50]);
  });

  it('counts the series of a cell that have no answer, though others of it answer', async () => {
    const history = new MatrixHistory({ horizonMs: 60 * MINUTE, memoryBytes: 2 ** 20, now: () => START });
    const rows = [
      historyRow({ target: 'a', rttsNs: [1000, 2000] }),
      historyRow({ target: 'b', tooBig: 7, reason: 'too big for the path (mtu 1400)' }),
      historyRow({ target: 'c', sendErrors: 20 }),
      historyRow({ target: 'd', localDrops: 3 }),
    ];
    await history.add(historyInterval('host', START - 10_000, rows));
    const request = { rows: ['collector'], columns: ['group'], windowMs: MINUTE, metric: 'loss' } as const;
    const { cells } = await makeMatrix(history, request);
    const { sums } = cells;
    expect([sums.series[0], sums.silentSeries[0], sums.unmeasuredSeries[0]]).to.deep.equal([4, 1, 2]);
    expect([sums.tooBig[0], sums.sendErrors[0], sums.localDrops[0]]).to.deep.equal([7, 20, 3]);
    expect(cells.reason(0)).to.equal('too big for the path (mtu 1400)');
    // All answer in a later interval: the reason is gone, the counts of the window stay.
    await history.add(
      historyInterval(
        'host',
        START,
        rows.map(({ target }) => historyRow({ target, rttsNs: [1000] })),
      ),
    );
    const after = (await makeMatrix(history, request)).cells;
    expect([after.sums.silentSeries[0], after.sums.unmeasuredSeries[0], after.reason(0)]).to.deep.equal([0, 0, null]);
    expect(after.sums.tooBig[0]).to.equal(7);
  });

  it('calls no series well after an interval with many probes and no answer, or two with few', async () => {
    const clock = { nowMs: START };
    const history = new MatrixHistory({ horizonMs: 60 * MINUTE, memoryBytes: 2 ** 20, now: () => clock.nowMs });
    const intervalMs = 10_000;
    const reason = 'not sent: no route to 10.2.0.2 (ENETUNREACH)';
    const next = async (row: RowSpec, windowMs = 5 * MINUTE) => {
      clock.nowMs += intervalMs;
      await history.add(historyInterval('host', clock.nowMs, [historyRow(row)], intervalMs));
      const { cells } = await makeMatrix(history, {
        ...{ rows: ['source'], columns: ['target'], windowMs, metric: 'loss' },
      });
      return [cells.sums.answering(0), cells.reason(0), cells.value[0]];
    };
    const answered = { rttsNs: [1000, 2000] };
    const [refused, fewRefused] = [
      { sendErrors: 20, reason },
      { sendErrors: 9, reason },
    ];
    for (let i = 0; i < 6; i++) expect(await next(answered)).to.deep.equal(['answers', null, 0]);
    expect(await next(fewRefused), 'one interval may be chance').to.deep.equal(['answers', reason, 0]);
    expect(await next(refused)).to.deep.equal(['unmeasured', reason, 0]);
    expect((await next({ tooBig: 7 }))[0]).to.equal('silent');
    expect((await next({ lost: 2 }))[0]).to.equal('silent');
    expect((await next(answered))[0]).to.equal('answers');
    for (const many of [refused, { lost: 10 }, { tooBig: 10 }]) {
      expect((await next(many))[0], 'with many probes it is not').to.not.equal('answers');
      expect((await next(answered))[0]).to.equal('answers');
    }
    // The same of a window that ended when nothing was sent, and of one that ended before.
    const until = async (intervals: number) => {
      const toMs = START + intervals * intervalMs;
      const { cells } = await makeMatrix(history, {
        ...{ rows: ['source'], columns: ['target'], windowMs: MINUTE, toMs, metric: 'loss' },
      });
      return cells.sums.answering(0);
    };
    expect([await until(6), await until(8), await until(10), await until(11), await until(14)]).to.deep.equal([
      'answers',
      'unmeasured',
      'silent',
      'answers',
      'silent',
    ]);
  });

  it('judges a group that is probed less often than once an interval by its own pace', async () => {
    const clock = { nowMs: START };
    const history = new MatrixHistory({ horizonMs: 60 * MINUTE, memoryBytes: 2 ** 20, now: () => clock.nowMs });
    const states: string[] = [];
    // Three intervals of 10 s in a period: the ones between have no row, or a late reply only.
    for (let i = 0; i < 30; i++) {
      clock.nowMs += 10_000;
      const probed = i % 3 === 0;
      const lost = i === 12 || i >= 24;
      const rows = probed ? [historyRow(lost ? { lost: 1 } : { rttsNs: [1000] })] : i === 13 ? [historyRow({})] : [];
      await history.add(historyInterval('host', clock.nowMs, rows));
      const { cells } = await makeMatrix(history, {
        ...{ rows: ['source'], columns: ['target'], windowMs: 5 * MINUTE, metric: 'loss' },
      });
      states.push(cells.stale[0] === 1 ? 'stale' : cells.sums.answering(0));
    }
    expect(states.slice(6, 27), 'one lost probe is no silence').to.deep.equal(new Array(21).fill('answers'));
    expect(states.slice(27)).to.deep.equal(['silent', 'silent', 'silent']);
    clock.nowMs += 76_000;
    const { cells } = await makeMatrix(history, {
      ...{ rows: ['source'], columns: ['target'], windowMs: 5 * MINUTE, metric: 'loss' },
    });
    expect(cells.stale[0], 'stale after two and a half periods').to.equal(1);
  });

  it('reads names of dimensions', () => {
    expect(parseDimensions('source')).to.deep.equal(['source']);
    expect(parseDimensions('src_region, src_rack')).to.deep.equal(['src_region', 'src_rack']);
    for (const wrong of ['', ',', 'a,', 'a,b,c,d,e,f,g,h,i']) expect(parseDimensions(wrong)).to.equal(undefined);
  });
});
