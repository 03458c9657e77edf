import { expect } from 'chai';
import type { Answering } from '../../../../src/stats/outcome.js';
import { packAnswer } from '../../../../src/ui/lib/packed.js';
import { besideText, hasPorts } from '../../../../src/ui/overview/beside.js';
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

  it('equals the plain sums, and the sorted list, of all cells', () => {
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
