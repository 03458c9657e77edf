import { expect } from 'chai';
import { exitCode, lossBounds, undecidedText } from '../../src/cli/outcomes.js';

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
    const totals = { sent: 232, lost: 4, unreachable: 1, undecided: 227 };
    expect(lossBounds(totals)).to.deep.equal({ least: 2.1552, most: 100 });
    expect(undecidedText(totals, 5e9)).to.equal(
      '227 of 232 probes undecided: the measurement ended before their timeout of 5s; the table has the other 5, and the loss of all is between 2.16 % and 100 %',
    );
  });

  it('say nothing of undecided probes when all are decided, and no loss when none is', () => {
    expect(undecidedText({ sent: 5, lost: 5, unreachable: 0, undecided: 0 }, 1e9)).to.equal(undefined);
    expect(lossBounds({ sent: 5, lost: 0, unreachable: 0, undecided: 5 })).to.equal(null);
    expect(lossBounds({ sent: 0, lost: 0, unreachable: 0, undecided: 0 })).to.equal(null);
  });
});
