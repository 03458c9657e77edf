import { expect } from 'chai';
import { exitCode, extraLines, lossBounds, silenceHint, undecidedText } from '../../../../src/cli/probe/outcomes.js';

const NONE = { sent: 0, received: 0, lost: 0, unreachable: 0, tooBig: 0, sendErrors: 0, localDrops: 0 };

describe('outcomes of llama probe', () => {
  for (const [title, rows, code] of [
    [
      'anything was received',
      [
        { ...NONE, sent: 9, lost: 9 },
        { ...NONE, sent: 9, lost: 8, received: 1 },
      ],
      0,
    ],
    ['all were lost', [{ ...NONE, sent: 9, lost: 9 }], 3],
    ['all were unreachable', [{ ...NONE, sent: 9, unreachable: 9 }], 3],
    ['all were too big', [{ ...NONE, sent: 9, tooBig: 9 }], 3],
    ['nothing was sent', [{ ...NONE, sendErrors: 9 }], 2],
    ['this host dropped all replies', [{ ...NONE, sent: 9, localDrops: 9 }], 2],
    ['nothing was decided', [], 2],
  ] as const)
    it(`the exit code is ${code} when ${title}`, () => {
      expect(exitCode(rows)).to.equal(code);
    });

  it('bound the loss by the undecided probes', () => {
    const totals = { sent: 232, received: 0, lost: 4, unreachable: 1, undecided: 227 };
    expect(lossBounds(totals)).to.deep.equal({ least: 2.1552, most: 100 });
    expect(undecidedText(totals, 5e9)).to.equal(
      '227 of 232 probes undecided: the measurement ended before their timeout of 5s; the table has the other 5, and the loss of all is between 2.16 % and 100 %',
    );
  });

  it('say nothing of undecided probes when all are decided, and no loss when none is', () => {
    expect(undecidedText({ sent: 5, received: 0, lost: 5, unreachable: 0, undecided: 0 }, 1e9)).to.equal(undefined);
    const none = { received: 0, lost: 0, unreachable: 0 };
    expect(lossBounds({ ...none, sent: 5, undecided: 5 })).to.equal(null);
    expect(lossBounds({ ...none, sent: 0, undecided: 0 })).to.equal(null);
    expect(lossBounds({ ...none, sent: 7, undecided: 0 }), 'all too big').to.equal(null);
  });

  const NO_EXTRAS = {
    ...{ received: 90, lostForward: 0, lostReverse: 0, lostUnknown: 0, late: 0 },
    ...{ duplicates: 0, reordered: 0, remarked: 0, hopChanges: 0 },
  };

  it('have plain words, and no direction when nothing came back', () => {
    expect(extraLines({ ...NO_EXTRAS, lostForward: 4, lostReverse: 3, lostUnknown: 2, late: 1 })).to.deep.equal([
      '4 lost on the way to the target',
      '3 lost on the way back',
      '2 lost, direction unknown',
      '1 answered after the timeout, and counted lost',
    ]);
    expect(extraLines({ ...NO_EXTRAS, received: 0, lostUnknown: 40 })).to.deep.equal([]);
  });

  const SILENT = { protocol: 'stamp', target: '10.2.0.2', port: 8100, received: 0, late: 0, lost: 9, unreachable: 0 };
  const by = (type: number, code: number) => [{ count: 9, type, code, reason: '', from: '10.2.0.1' }];
  for (const [title, rows, hinted] of [
    ['a silent reflector', [{ ...SILENT, unreachableBy: null }], true],
    ['a closed port', [{ ...SILENT, lost: 0, unreachable: 9, unreachableBy: by(3, 3) }], true],
    ['a closed port over IPv6', [{ ...SILENT, lost: 0, unreachable: 9, unreachableBy: by(1, 4) }], true],
    ['an unreachable host', [{ ...SILENT, lost: 0, unreachable: 9, unreachableBy: by(3, 1) }], false],
    ['icmp', [{ ...SILENT, protocol: 'icmp', unreachableBy: null }], false],
    ['replies after the timeout', [{ ...SILENT, late: 1, unreachableBy: null }], false],
    [
      'another class that is answered',
      [
        { ...SILENT, unreachableBy: null },
        { ...SILENT, lost: 0, received: 9, unreachableBy: null },
      ],
      false,
    ],
  ] as const)
    it(`${hinted ? 'hint' : 'do not hint'} at a missing reflector: ${title}`, () => {
      const hint = silenceHint(rows);
      if (hinted) expect(hint).to.match(/^no reply came from 10\.2\.0\.2:8100: a reflector may be missing there/);
      else expect(hint).to.equal(undefined);
    });
});
