import { expect } from 'chai';
import type { CounterReaders } from '../../../src/counters/reader.js';
import { RecentWarnings } from '../../../src/counters/recentWarnings.js';

type Name = 'sent' | 'slips' | 'drops' | 'lateNs';
const READERS: CounterReaders<Name> = {
  sent: { harmless: 'a base' },
  slips: {
    warning: { text: 'probes slipped', advice: 'sleep more', above: { share: 0.1, few: 2, of: ['sent', 'slips'] } },
  },
  drops: { warning: { text: 'packets were dropped' } },
  lateNs: {
    warning: {
      text: 'is how late they were',
      above: { share: 10, of: ['sent'] },
      figure: (ns, probes) => `${ns / probes} ns`,
    },
  },
};
const INTERVAL_MS = 10_000;
const START_MS = Date.UTC(2026, 0, 1);
const NONE = { sent: 0, slips: 0, drops: 0, lateNs: 0 };

describe('RecentWarnings', () => {
  let nowMs = START_MS;
  const at = (intervals: number): string => new Date(START_MS + intervals * INTERVAL_MS).toISOString();
  function recent(example?: (name: Name) => string | undefined): RecentWarnings<Name> {
    nowMs = START_MS;
    return new RecentWarnings(READERS, { now: () => nowMs, ...(example && { example }) });
  }
  /** Of a trouble whose first occurrence is in the interval before `intervals`. */
  const within = (intervals: number): string => `since ${at(intervals)} or up to 10 s before`;
  function end(warnings: RecentWarnings<Name>, counts: Partial<typeof NONE>): void {
    nowMs += INTERVAL_MS;
    warnings.intervalEnded({ ...NONE, ...counts });
  }

  it('is silent without growth', () => {
    const warnings = recent();
    for (let i = 0; i < 4; i++) end(warnings, { sent: i * 100 });
    expect(warnings.warnings({ ...NONE, sent: 500 })).to.deep.equal([]);
  });

  it('warns of growth at once and until the end of the next interval, with number, start and example', () => {
    const warnings = recent((name) => (name === 'drops' ? '44 bytes from 10.0.0.1:5' : undefined));
    end(warnings, {});
    nowMs += 4_000;
    const said = [
      `drops: 3 packets were dropped, for example 44 bytes from 10.0.0.1:5, since ${at(1.4)} or up to 4 s before`,
    ];
    expect(warnings.warnings({ ...NONE, drops: 3 })).to.deep.equal(said);
    end(warnings, { drops: 3 });
    expect(warnings.warnings({ ...NONE, drops: 3 })).to.deep.equal(said);
    end(warnings, { drops: 3 });
    expect(warnings.warnings({ ...NONE, drops: 3 })).to.deep.equal([]);
  });

  it('counts a continuing problem from its start, and a later one separately', () => {
    const warnings = recent();
    for (let i = 1; i <= 5; i++) end(warnings, {});
    for (let i = 1; i <= 10; i++) end(warnings, { drops: i });
    expect(warnings.warnings({ ...NONE, drops: 10 })).to.deep.equal([`drops: 10 packets were dropped, ${within(6)}`]);
    for (let i = 0; i < 3; i++) end(warnings, { drops: 10 });
    nowMs += INTERVAL_MS;
    expect(warnings.warnings({ ...NONE, drops: 12 })).to.deep.equal([`drops: 2 packets were dropped, ${within(19)}`]);
  });

  it('never dates the start of a problem to a healthy time', () => {
    const warnings = recent();
    for (let i = 1; i <= 5; i++) end(warnings, {});
    end(warnings, { drops: 1 });
    end(warnings, { drops: 2 });
    expect(warnings.warnings({ ...NONE, drops: 2 })).to.deep.equal([`drops: 2 packets were dropped, ${within(6)}`]);
  });

  it('compares a share with the growth in the same time, and reports both', () => {
    const warnings = recent();
    expect(warnings.warnings({ ...NONE, sent: 90, slips: 10 })).to.deep.equal([]);
    expect(warnings.warnings({ ...NONE, sent: 89, slips: 11 })).to.deep.equal([
      `slips: 11 of 100 probes slipped, since ${at(0)}; sleep more`,
    ]);
    expect(warnings.warnings({ ...NONE, sent: 1, slips: 2 }), 'few').to.deep.equal([]);
  });

  it('writes a number in its own unit', () => {
    expect(recent().warnings({ ...NONE, sent: 10, lateNs: 1_000 })).to.deep.equal([
      `lateNs: 100 ns is how late they were, since ${at(0)}`,
    ]);
    expect(recent().warnings({ ...NONE, lateNs: 1_000 }), 'per none').to.deep.equal([]);
  });
});
