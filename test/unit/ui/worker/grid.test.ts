import { expect } from 'chai';
import { withCollector } from '../../../../src/history/dimensions.js';
import type { Answering } from '../../../../src/stats/outcome.js';
import { type PackedAnswer, packAnswer } from '../../../../src/ui/lib/packed.js';
import { parseBounds, timeLevel } from '../../../../src/ui/lib/palette.js';
import { extraNames, parseTerms, withTerm } from '../../../../src/ui/lib/terms.js';
import {
  classOfCode,
  GONE,
  type GridOptions,
  makeGrid,
  NONE,
  STALE,
  UNMEASURED,
  WELL,
  worstCells,
} from '../../../../src/ui/worker/grid.js';

interface Cell {
  readonly at: readonly [string, string, string?];
  readonly value: number | null;
  readonly state?: Answering;
  readonly stale?: boolean;
}

/** An answer with a source for rows, target and class for columns. */
function answer(cells: readonly Cell[]): PackedAnswer {
  const rows = [...new Set(cells.map(({ at }) => at[0]))];
  const columns = [...new Set(cells.map(({ at }) => `${at[1]} ${at[2] ?? 'cs0'}`))];
  const column = <Value>(value: (cell: Cell) => Value): Value[] => cells.map(value);
  return packAnswer({
    newest: { ageMs: 0, staleAfterMs: 25_000 },
    window: { startMs: 0, endMs: 1, coveredMs: 1, askedMs: 1 },
    metric: 'loss',
    unit: '%',
    rowTags: ['source'],
    columnTags: ['target', 'class'],
    rows: rows.map((row) => [row]),
    columns: columns.map((key) => key.split(' ')),
    cells: {
      row: column(({ at }) => rows.indexOf(at[0])),
      column: column(({ at }) => columns.indexOf(`${at[1]} ${at[2] ?? 'cs0'}`)),
      value: column(({ value }) => value),
      state: column(({ state = 'answers' }) => state),
      stale: column(({ stale = false }) => stale),
    },
  });
}

const LOSS: GridOptions = {
  rowTags: ['source'],
  columnTags: ['target'],
  rowTerms: [],
  columnTerms: [],
  bounds: [0, 0.2, 1, 5],
  isLoss: true,
  worstFirst: false,
  away: false,
};
const TIMES: GridOptions = { ...LOSS, isLoss: false, bounds: [1.25, 1.5, 2, 4] };
const codes = (...given: Parameters<typeof makeGrid>): number[] => [...makeGrid(...given).code];

describe('the grid of a matrix', () => {
  it('gives each loss the level of its threshold: any loss at all is not well', () => {
    const values = [0, 0.01, 0.2, 0.21, 1, 1.5, 5, 5.1, 100];
    const cells = values.map((value, i): Cell => ({ at: ['a', `t${i}`], value }));
    expect(codes(answer(cells), undefined, LOSS)).to.deep.equal(
      [0, 1, 1, 2, 2, 3, 3, 4, 4].map((level) => (level === 0 ? WELL : UNMEASURED + level)),
    );
  });

  it('tells a stale cell, a pair without data and no pair at all from a healthy one', () => {
    const now = answer([
      { at: ['a', 't1'], value: 0 },
      { at: ['a', 't2'], value: 0, stale: true },
      { at: ['b', 't3'], value: null, state: 'unmeasured' },
    ]);
    const before = answer([
      { at: ['c', 't1'], value: 0 },
      { at: ['a', 't1'], value: 0 },
    ]);
    const grid = makeGrid(now, before, LOSS);
    expect(grid.rows).to.deep.equal([['a'], ['b'], ['c']]);
    expect([...grid.code]).to.deep.equal([WELL, STALE, NONE, NONE, NONE, UNMEASURED, GONE, NONE, NONE]);
  });

  it('gives the colour of health to no cell without an answer, whatever its loss', () => {
    const now = answer([
      // Too big for the path: sent, not received, and not called lost.
      { at: ['a', 't1'], value: 0, state: 'silent' },
      { at: ['a', 't2'], value: 100, state: 'silent' },
      { at: ['a', 't3'], value: null, state: 'unmeasured' },
      // This host dropped every reply.
      { at: ['a', 't4'], value: 0, state: 'unmeasured' },
      { at: ['a', 't5'], value: 0 },
    ]);
    const grid = makeGrid(now, undefined, LOSS);
    expect([...grid.code]).to.deep.equal([UNMEASURED + 4, UNMEASURED + 4, UNMEASURED, UNMEASURED, WELL]);
    expect([...grid.value].map((value) => Number.isNaN(value))).to.deep.equal([true, true, true, true, false]);
    expect(worstCells(grid, 5)).to.deep.equal([0, 1, 2, 3]);
    expect([...grid.code].map(classOfCode).slice(0, 4)).to.not.include('level0');
    // The state was not asked for: nothing is known to be well.
    const { state: _, ...rest } = now.cells;
    expect(codes({ ...now, cells: rest }, undefined, LOSS)).to.not.include(WELL);
  });

  it('is not fooled by a cell whose other series answer', () => {
    const now = answer([
      { at: ['a', 't1'], value: 0 },
      { at: ['a', 't2'], value: 0 },
      { at: ['a', 't3'], value: 0 },
    ]);
    const series = new Float64Array([100, 4, 2]);
    const hidden = { silentSeries: new Float64Array([1, 0, 0]), unmeasuredSeries: new Float64Array([0, 1, 0]) };
    const cells = { ...now.cells, series, ...hidden };
    expect(codes({ ...now, cells }, undefined, LOSS)).to.deep.equal([UNMEASURED + 2, UNMEASURED, WELL]);
    expect(codes({ ...now, cells }, undefined, TIMES)).to.deep.equal([UNMEASURED + 4, UNMEASURED, WELL]);
    expect(codes({ ...now, cells }, undefined, { ...LOSS, away: true })).to.deep.equal([STALE, STALE, STALE]);
  });

  it('has no number in a cell whose colour it does not explain', () => {
    const now = answer([
      { at: ['a', 't1'], value: 0 },
      { at: ['a', 't2'], value: 33 },
      { at: ['a', 't3'], value: 33, state: 'unmeasured' },
      { at: ['a', 't4'], value: 33 },
    ]);
    const hidden = {
      series: new Float64Array([2, 2, 1, 2]),
      silentSeries: new Float64Array([1, 1, 0, 0]),
      unmeasuredSeries: new Float64Array([0, 0, 1, 1]),
    };
    const cells = { ...now.cells, ...hidden };
    const shown = (options: GridOptions) => [...makeGrid({ ...now, cells }, undefined, options).value];
    expect(shown(LOSS), 'too big: no loss of 0').to.deep.equal([Number.NaN, 33, Number.NaN, 33]);
    expect(shown(TIMES)).to.deep.equal([Number.NaN, Number.NaN, Number.NaN, Number.NaN]);
  });

  it('shows the class without an answer of several that are equally bad', () => {
    const now = answer([
      { at: ['a', 't1', 'cs0'], value: 7 },
      { at: ['a', 't1', 'ef'], value: 100, state: 'silent' },
      { at: ['a', 't1', 'af11'], value: 9 },
    ]);
    const grid = makeGrid(now, undefined, LOSS);
    expect([grid.code[0], grid.value[0], grid.cell[0]]).to.deep.equal([UNMEASURED + 4, Number.NaN, 1]);
  });

  it('tells sources of two collectors apart', () => {
    expect(withCollector(['source'], ['target'])).to.deep.equal(['collector', 'source']);
    expect(withCollector(['rack', 'source'], ['target'])).to.deep.equal(['rack', 'collector', 'source']);
    expect(withCollector(['source'], ['collector'])).to.deep.equal(['source']);
    expect(withCollector(['dst_rack'], ['target'])).to.deep.equal(['dst_rack']);
  });

  it('shows nothing as of now when the service is away', () => {
    const now = answer([
      { at: ['a', 't1'], value: 0 },
      { at: ['a', 't2'], value: 50 },
    ]);
    expect(codes(now, undefined, { ...LOSS, away: true })).to.deep.equal([STALE, STALE]);
  });

  it('shows the worst class of a cell, and a stale one before a healthy one', () => {
    const now = answer([
      { at: ['a', 't1', 'cs0'], value: 0 },
      { at: ['a', 't1', 'ef'], value: 7 },
      { at: ['a', 't1', 'af11'], value: 3 },
      { at: ['a', 't2', 'cs0'], value: 0, stale: true },
      { at: ['a', 't2', 'ef'], value: 0 },
    ]);
    const grid = makeGrid(now, undefined, LOSS);
    expect([...grid.code]).to.deep.equal([UNMEASURED + 4, STALE]);
    expect(grid.value[0]).to.equal(7);
    expect(grid.cell[0]).to.equal(1);
  });

  it('holds a time against the normal of its own pair; without replies it is the worst there is', () => {
    const before = answer([
      { at: ['a', 't1'], value: 100 },
      { at: ['a', 't2'], value: 10_000 },
      { at: ['a', 't4'], value: 100 },
    ]);
    const now = answer([
      { at: ['a', 't1'], value: 300 },
      { at: ['a', 't2'], value: 10_000 },
      { at: ['a', 't3'], value: 99_999 },
      { at: ['a', 't4'], value: null, state: 'silent' },
    ]);
    expect(codes(now, before, TIMES)).to.deep.equal([UNMEASURED + 3, WELL, WELL, UNMEASURED + 4]);
  });

  it('does not call some microseconds more than normal a trouble', () => {
    expect(timeLevel(40, 8, TIMES.bounds)).to.equal(0);
    expect(timeLevel(400, 80, TIMES.bounds)).to.equal(4);
  });

  it('puts the worst first, and lists it', () => {
    const now = answer([
      { at: ['a', 't1'], value: 0 },
      { at: ['b', 't1'], value: 1 },
      { at: ['c', 't2'], value: 50 },
    ]);
    const grid = makeGrid(now, undefined, { ...LOSS, worstFirst: true });
    expect(grid.rows.flat()).to.deep.equal(['c', 'b', 'a']);
    expect(grid.columns.flat()).to.deep.equal(['t2', 't1']);
    expect(worstCells(grid, 5).map((at) => grid.value[at])).to.deep.equal([50, 1]);
  });

  it('lets labels through that match all words of a filter, and tags by their whole value', () => {
    const now = answer([
      { at: ['h1', 't1'], value: 0 },
      { at: ['h10', 't1'], value: 0 },
      { at: ['x', 't1'], value: 0 },
    ]);
    const rows = (text: string): string[] =>
      makeGrid(now, undefined, { ...LOSS, rowTerms: parseTerms(text) }).rows.flat();
    expect(rows('H1')).to.deep.equal(['h1', 'h10']);
    expect(rows('source=h1')).to.deep.equal(['h1']);
    expect(rows('h 0')).to.deep.equal(['h10']);
    expect(rows('zzz')).to.deep.equal([]);
  });

  it('reads and writes filters', () => {
    expect(parseTerms('a rack=r1 site="new york"')).to.deep.equal([
      { name: undefined, text: 'a' },
      { name: 'rack', text: 'r1' },
      { name: 'site', text: 'new york' },
    ]);
    expect(withTerm('a rack=r1', 'rack', 'r 2')).to.equal('a rack="r 2"');
    expect(extraNames(parseTerms('rack=r1 source=a b'), ['source'])).to.deep.equal(['rack']);
  });

  it('takes four rising numbers as thresholds and nothing else', () => {
    expect(parseBounds(' 0, 0.5 1,2')).to.deep.equal([0, 0.5, 1, 2]);
    for (const text of ['0,1,2', '0,1,1,2', '0,2,1,3', 'a,b,c,d', '-1,0,1,2', ''])
      expect(parseBounds(text), text).to.equal(undefined);
  });
});
