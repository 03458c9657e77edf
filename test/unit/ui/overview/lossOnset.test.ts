import { expect } from 'chai';
import type { Answering } from '../../../../src/stats/outcome.js';
import type { HistorySeries } from '../../../../src/ui/lib/types.js';
import { onsetOf } from '../../../../src/ui/overview/lossOnset.js';

describe('since when a pair is bad', () => {
  const startMs = [0, 10, 20, 30, 40, 50, 60, 70];
  const onset = (lost: readonly (number | null)[]) =>
    onsetOf(
      startMs,
      {
        sent: lost.map((one) => (one === null ? null : 10)),
        received: lost.map((one) => (one === null ? null : 10 - 2 * one)),
        lost,
        unreachable: lost,
        ...{ tooBig: [], sendErrors: [], localDrops: [] },
      } as unknown as HistorySeries,
      'answers',
    );

  it('is the start of the newest spell of loss, which a clean interval or two do not end', () => {
    expect(onset([0, 0, 0, 0, 1, 0, 0, 1])).to.deep.equal({ sinceMs: 40, knownMs: 10 });
    expect(onset([1, 0, 0, 0, 0, 1, 1, 0])).to.deep.equal({ sinceMs: 50, knownMs: 20 });
  });

  it('is not known when it is bad as far back as is known', () => {
    expect(onset([1, 1, 1, 1, 1, 1, 1, 1])).to.deep.equal({ sinceMs: undefined, knownMs: 0 });
    expect(onset([null, null, 1, 1, 1, 1, 1, 1])).to.deep.equal({ sinceMs: undefined, knownMs: 20 });
  });
});

describe('since when a pair is in its present state', () => {
  const startMs = [0, 10, 20, 30, 40, 50, 60, 70];
  const COUNTS = { sent: 10, received: 10, lost: 0, unreachable: 0, tooBig: 0, sendErrors: 0, localDrops: 0 };
  const SLOTS = {
    '.': COUNTS,
    l: { ...COUNTS, received: 9, lost: 1 },
    s: { ...COUNTS, received: 0, lost: 10 },
    t: { ...COUNTS, received: 0, tooBig: 10 },
    u: { ...COUNTS, sent: 0, received: 0, sendErrors: 10 },
  };
  /** A letter for each slot: clean, losing, silent, too big, unsent. */
  const since = (slots: string, state: Answering) => {
    const found = [...slots].map((slot) => SLOTS[slot as keyof typeof SLOTS]);
    const pick = (name: keyof typeof COUNTS) => found.map((one) => one[name]);
    const series = Object.fromEntries(Object.keys(COUNTS).map((name) => [name, pick(name as keyof typeof COUNTS)]));
    return onsetOf(startMs, series as Record<keyof typeof COUNTS, number[]>, state).sinceMs;
  };

  it('is the start of that state, not of another trouble before', () => {
    expect(since('.lllluuu', 'unmeasured'), 'not sent, after a loss').to.equal(50);
    expect(since('.uuulsss', 'silent'), 'no answer, after a loss').to.equal(50);
    expect(since('.llltttt', 'silent'), 'too big').to.equal(40);
    expect(since('.ssssllll'.slice(1), 'answers'), 'losing, after no answer').to.equal(40);
    expect(since('uuuullll', 'answers'), 'losing, after it was not sent').to.equal(40);
  });

  it('takes one slot without an answer for loss, and an outage that is over for the trouble in the window', () => {
    expect(since('...lslll', 'answers')).to.equal(30);
    expect(since('...s....', 'answers')).to.equal(30);
    expect(since('..sss...', 'answers')).to.equal(20);
  });

  it('is not known where it is so as far back as is known', () => {
    expect(since('uuuuuuuu', 'unmeasured')).to.equal(undefined);
    expect(since('ssssssss', 'silent')).to.equal(undefined);
  });
});
