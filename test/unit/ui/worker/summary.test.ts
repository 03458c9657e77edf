import { expect } from 'chai';
import type { Answering } from '../../../../src/stats/outcome.js';
import { heldAt } from '../../../../src/ui/lib/heldAt.js';
import { packAnswer } from '../../../../src/ui/lib/packed.js';
import { durationMs, fieldText, lengthOf, matrixStretch, stepped } from '../../../../src/ui/lib/time.js';
import type { PathRow, PathsAnswer } from '../../../../src/ui/lib/types.js';
import { besideText, hasPorts } from '../../../../src/ui/overview/beside.js';
import { ownTroubles } from '../../../../src/ui/overview/own.js';
import { lastIntervals } from '../../../../src/ui/pair/lastIntervals.js';
import { rowUnit, summaryOf, withoutBadPathText, withoutTroubleText } from '../../../../src/ui/worker/summary.js';
import { randomInteger, seededRandom } from '../../../support/harness/random.js';

interface Cell {
  readonly row: number;
  readonly column: number;
  readonly value: number | null;
  readonly sent: number;
  readonly lost: number;
  readonly unreachable: number;
  readonly tooBig: number;
  readonly ageMs: number;
  readonly stale: boolean;
  readonly state: Answering;
  readonly reason: string | null;
}

const STATES: readonly Answering[] = ['silent', 'unmeasured'];

describe('the summary that the overview shows', () => {
  it('says no loss only of pairs and paths that have current data', () => {
    expect(withoutTroubleText({ rows: 3, stale: 1 })).to.equal('No loss on any pair with current data.');
    for (const none of [
      { rows: 0, stale: 0 },
      { rows: 2, stale: 2 },
    ])
      expect(withoutTroubleText(none)).not.to.match(/no loss/i);
    expect(withoutBadPathText(12)).to.equal('No loss on 12 paths.');
    expect(withoutBadPathText(0)).not.to.match(/no loss/i);
  });

  it('counts pairs, and classes with them only where there are several', () => {
    expect([rowUnit(undefined), rowUnit({ classes: 1 }), rowUnit({ classes: 2 })]).to.deep.equal([
      'pairs',
      'pairs',
      'pairs and classes',
    ]);
  });

  it('tells pairs and paths of two groups, ports or collectors on one address apart', () => {
    const path = { collector: 'host-a', group: 'west', port: 8109 };
    expect(besideText(path, { collectors: false, groups: false })).to.equal('');
    expect(besideText(path, { collectors: true, groups: true, ports: true })).to.equal('host-a · west · port 8109');
    expect(besideText({ ...path, collector: null }, { collectors: true, groups: true })).to.equal('west');
    expect([hasPorts([]), hasPorts([path, path]), hasPorts([path, { port: 1 }])]).to.deep.equal([false, false, true]);
  });

  it('is what the plain sums, and the sorted list, of all cells give', () => {
    const random = seededRandom(11).next;
    for (let run = 0; run < 200; run++) {
      const metric = run % 2 === 0 ? 'loss' : 'p99';
      const rows = Array.from({ length: 4 }, (_, i) => [`host-${i % 3}`, `10.0.0.${i}`]);
      const columns = Array.from({ length: 6 }, (_, i) => [
        'west',
        '10.1.0.1',
        `${8100 + (i >> 1)}`,
        i % 2 === 0 ? 'cs0' : 'ef',
      ]);
      const cells: Cell[] = [];
      for (let row = 0; row < 4; row++)
        for (let column = 0; column < 6; column++) {
          if (random() < 0.3) continue;
          const value = random() < 0.1 ? null : randomInteger(random, 0, 5);
          const failed = metric === 'loss' ? (value ?? 0) : randomInteger(random, 0, 2);
          const unreachable = failed > 0 ? randomInteger(random, 0, failed + 1) : 0;
          const tooBig = randomInteger(random, 0, 2);
          const counts = { sent: 100, lost: failed - unreachable, unreachable, tooBig };
          const state = STATES[randomInteger(random, 0, 9)] ?? 'answers';
          const said = { state, reason: state === 'answers' ? null : 'no answer' };
          const age = { ageMs: randomInteger(random, 0, 9), stale: random() < 0.2 };
          cells.push({ row, column, value, ...counts, ...age, ...said });
        }
      const pick = <Name extends keyof Cell>(name: Name): Cell[Name][] => cells.map((cell) => cell[name]);
      const window = { startMs: 1, endMs: 2, coveredMs: 1, askedMs: 1 };
      const answer = {
        ...{ window, newest: { ageMs: 0, staleAfterMs: 25_000 } },
        ...{ metric, unit: '', rowTags: [], columnTags: [], rows, columns },
        cells: {
          ...{ row: pick('row'), column: pick('column'), value: pick('value'), sent: pick('sent') },
          ...{ lost: pick('lost'), unreachable: pick('unreachable'), ageMs: pick('ageMs'), stale: pick('stale') },
          ...{ state: pick('state'), reason: pick('reason'), tooBig: pick('tooBig') },
        },
      };
      const found = summaryOf(packAnswer(answer), 5);
      const failed = (cell: Cell): number => cell.lost + cell.unreachable;
      const current = cells.filter(({ stale }) => !stale);
      const of = (state: Answering) => current.filter((cell) => cell.state === state);
      const losing = of('answers').filter((cell) => failed(cell) > 0);
      expect(found).to.deep.include({
        window,
        rows: cells.length,
        groups: 1,
        stale: cells.filter(({ stale }) => stale).length,
        sent: cells.length * 100,
        failed: cells.reduce((sum, cell) => sum + failed(cell), 0),
        losing: losing.length,
        silent: of('silent').length,
        unmeasured: of('unmeasured').length,
        tooBig: of('answers').filter((cell) => cell.tooBig > 0).length,
        severalPorts: true,
        classes: new Set(cells.map(({ column }) => column % 2)).size,
      });
      expect(found.losingClasses).to.have.members([
        ...new Set([...losing, ...of('silent')].map(({ column }) => columns[column][3])),
      ]);
      // Of loss: those without an answer, those that are not measured, then the greatest loss.
      const byLoss = ({ state, value }: Cell): number | null =>
        ({ silent: 102, unmeasured: 101, answers: value })[state];
      const rank = (cell: Cell): number | null => (metric === 'loss' ? byLoss(cell) : cell.value);
      const shown = metric === 'loss' ? current.filter((one) => one.state !== 'answers' || failed(one) > 0) : current;
      const worst = shown
        .filter((cell) => rank(cell) !== null)
        .sort((a, b) => (rank(b) ?? 0) - (rank(a) ?? 0))
        .slice(0, 5);
      expect(found.worst).to.deep.equal(
        worst.map(({ row, column, value, state, reason }) => ({
          ...{ collector: rows[row][0], source: rows[row][1] },
          ...{ group: 'west', target: '10.1.0.1', port: Number(columns[column][2]), class: columns[column][3] },
          value: value ?? Number.NaN,
          ...{ state, reason },
        })),
      );
      for (const { collector, ageMs } of found.collectors)
        expect(ageMs).to.equal(
          Math.min(...cells.filter(({ row }) => rows[row][0] === collector).map((cell) => cell.ageMs)),
        );
    }
  });
});

describe('what the tool says of itself on the overview', () => {
  it('is said once: a counter with a warning has no line of its own', () => {
    const thread = { thread: 'aggregator', state: 'running', restarts: 0, lastError: null };
    const status = {
      ...{
        name: 'a',
        version: '1',
        state: 'running',
        uptimeMs: 1,
        groups: 1,
        targets: 1,
        paths: 1,
        probesPerSecond: 1,
      },
      ...{ workers: [], aggregator: thread, totals: { sendErrors: 7, clockSteps: 1 } },
      freshProbes: [],
      warnings: ['sendErrors: 5 probes were not sent'],
    };
    expect(ownTroubles(status, undefined).map(({ text }) => text.split(':')[0])).to.deep.equal([
      ...['sendErrors', 'clockSteps 1 since the start'],
    ]);
  });
});

describe('which stretch of time is shown', () => {
  it('is as long as is chosen, or from a beginning to an end', () => {
    expect(['30s', '5m', '1h'].map(durationMs)).to.deep.equal([30_000, 300_000, 3_600_000]);
    expect(durationMs('soon')).to.be.NaN;
    expect(lengthOf({ from: '', to: '' }, 60_000)).to.equal(60_000);
    expect(lengthOf({ from: '1000', to: '91000' }, 60_000)).to.equal(90_000);
    expect(matrixStretch({ window: '5m', from: '', to: '' })).to.deep.equal({ window: '5m', to: '' });
    expect(matrixStretch({ window: '5m', from: '1000', to: '91000' })).to.deep.equal({
      window: '90000ms',
      to: '91000',
    });
  });

  it('goes back and forth by its own length, and ends now at the latest', () => {
    expect(stepped({ from: '', to: '' }, 60_000, -1, 1_000_000)).to.deep.equal({ from: '', to: '940000' });
    expect(stepped({ from: '', to: '940000' }, 60_000, 1, 1_000_000)).to.deep.equal({ from: '', to: '' });
    expect(stepped({ from: '100000', to: '200000' }, 100_000, 2, 1_000_000)).to.deep.equal({
      from: '300000',
      to: '400000',
    });
  });

  it('is shown in a field as this place has the time', () => {
    const ms = new Date(2026, 10, 6, 3, 4, 5).getTime();
    expect(fieldText(String(ms))).to.equal('2026-11-06T03:04:05');
    expect([fieldText(''), fieldText('soon')]).to.deep.equal(['', '']);
  });
});

describe('the paths of a moment in the past', () => {
  const path = (collector?: string): PathRow => ({ collector, source: 's', sourcePort: 1 }) as unknown as PathRow;

  it('are those of the interval that it falls in, and never those of a later one', () => {
    const answer: PathsAnswer = {
      start: new Date(10_000).toISOString(),
      end: '',
      endMs: 20_000,
      total: 1,
      paths: [path()],
    };
    expect(heldAt(answer, 10_001).paths).to.have.length(1);
    expect(heldAt(answer, 10_000)).to.deep.include({ total: 0, paths: [], endMs: null });
  });

  it('are left out of collectors that hold them no longer', () => {
    const collector = (name: string, startMs: number | null) => ({
      ...{ collector: name, endMs: startMs, total: 1, error: null },
      start: startMs === null ? null : new Date(startMs).toISOString(),
    });
    const answer: PathsAnswer = {
      ...{ end: null, total: 3, paths: [path('a'), path('b'), path('c')] },
      collectors: [collector('a', 10_000), collector('b', 30_000), collector('c', null)],
    };
    const held = heldAt(answer, 20_000);
    expect(held.paths.map((one) => one.collector)).to.deep.equal(['a']);
    expect(held.total).to.equal(1);
  });

  it('are held where the interval began before the moment, by the clock of now', () => {
    const answer = {
      ...{ start: new Date(7_200_000).toISOString(), end: null, clockAheadMs: 7_200_000, total: 1 },
      paths: [path('a')],
    };
    expect(heldAt(answer, 20_000).total).to.equal(1);
    expect(heldAt({ ...answer, clockAheadMs: 0 }, 20_000).total).to.equal(0);
  });

  it('are summed once for each interval of each collector, the last ones', () => {
    const interval = (collector: string, place: number) => ({ collector, place, paths: [] });
    const many = Array.from({ length: 15 }, (_, i) => interval('a', 15 - i));
    const last = lastIntervals([...many, interval('b', 3), interval('a', 15), interval('b', 3)]);
    expect(last.map(({ collector, place }) => `${collector}${place}`)).to.deep.equal([
      ...Array.from({ length: 10 }, (_, i) => `a${i + 6}`),
      'b3',
    ]);
  });
});
