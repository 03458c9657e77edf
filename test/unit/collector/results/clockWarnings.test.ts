import { expect } from 'chai';
import { clockWarnings } from '../../../../src/collector/results/clockWarnings.js';
import { makeReport } from '../../../support/fakes/fakeCollector.js';

const NOW = 1_763_700_000_000;

describe('warnings of the clock', () => {
  const held = (ends: readonly (readonly [endMs: number, clockStepMs: number])[]) =>
    ends.map(([endMs, clockStepMs]) => ({ report: { ...makeReport(endMs, []), clockStepMs } }));
  const warnings = (ends: readonly (readonly [number, number])[], aheadMs: number) =>
    clockWarnings(held(ends), { aheadMs: () => aheadMs, wallMs: () => NOW });

  it('are none while nothing was stepped, also of an end that is a few milliseconds ahead', () => {
    expect(
      warnings(
        [
          [NOW - 10_000, 0],
          [NOW + 5, 0],
        ],
        0,
      ),
    ).to.deep.equal([]);
  });

  it('report how far the clock was ahead, which times lie in the future, and until when', () => {
    const back = -7_200_000;
    expect(
      warnings(
        [
          [NOW + 7_190_000, 0],
          [NOW - 10_000, back],
        ],
        back,
      ),
    ).to.deep.equal([
      'the wall clock was stepped: 1 of 2 held intervals were measured while it was 2h ahead of what it is now; 1 of 2 held intervals end in the future, the last at 2025-11-21T06:39:50.000Z; if the clock is right now, their times are wrong by their clockAheadMs, until they are no longer held',
    ]);
  });

  it('say so of the greatest of several steps', () => {
    expect(
      warnings(
        [
          [NOW - 30_000, 0],
          [NOW - 20_000, 60_000],
          [NOW - 10_000, 90_000],
        ],
        90_000,
      )[0],
    ).to.include('2 of 3 held intervals were measured while it was up to 90s behind what it is now');
  });
});
