import { expect } from 'chai';
import { heldAt } from '../../../../src/ui/lib/heldAt.js';
import type { PathRow, PathsAnswer } from '../../../../src/ui/lib/types.js';
import { lastIntervals } from '../../../../src/ui/pair/lastIntervals.js';

describe('the paths of a moment in the past', () => {
  const path = (collector?: string): PathRow => ({ collector, source: 's', sourcePort: 1 }) as unknown as PathRow;

  it('come from the interval that contains the moment, and never from a later one', () => {
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
