import { expect } from 'chai';
import type { ResultRow } from '../../../../src/ui/lib/types.js';
import { concerning } from '../../../../src/ui/pair/concerns.js';

describe('the warnings of a pair', () => {
  const ROW = { group: 'west', target: '10.9.0.2', port: 8100, dscp: 46, received: 20, lost: 0, localDrops: 0 };
  const row = (changes: Partial<ResultRow> = {}) => ({ ...ROW, ...changes }) as ResultRow;

  it('repeats no warning that concerns other pairs only', () => {
    const all = ['the kernel gives no stamps', 'scheduleSlips: 9 planned probes were not sent in time'];
    const others = [
      ...['group east: not in force', 'sendErrors: 5 probes were not sent', 'icmpUnmatched: 3 ICMP errors'],
      ...[
        '10.9.0.3:8100 of west: no answer on any source port',
        '3 targets, such as x of y: no answer on any source port',
      ],
    ];
    expect(concerning([...all, ...others], [row()], ['west'])).to.deep.equal(all);
    const own = [
      ...['group west: not in force', 'sendErrors: 5 probes were not sent', 'tooBig: 5 probes were larger'],
      ...[
        '10.9.0.2:8100 of west: no answer on any source port',
        '3 targets, such as x of y: no answer on any source port',
      ],
    ];
    const bad = row({ received: 0, lost: 3, sendErrors: 2, tooBig: 1 });
    expect(concerning([...all, ...own], [bad], ['west'])).to.deep.equal([...all, ...own]);
    expect(concerning([...all, ...others], [], []), 'nothing is known of the pair').to.deep.equal([...all, ...others]);
  });
});
