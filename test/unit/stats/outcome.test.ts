import { expect } from 'chai';
import { answeringOf, type OutcomeCounts, reasonOf, whyText } from '../../../src/stats/outcome.js';

const NONE: OutcomeCounts = {
  ...{ sent: 0, received: 0, lost: 0, unreachable: 0 },
  ...{ tooBig: 0, sendErrors: 0, localDrops: 0 },
};

describe('outcome of a pair', () => {
  const cases: readonly (readonly [string, Partial<OutcomeCounts>, string, string])[] = [
    ['one reply of many', { sent: 100, received: 1, lost: 99 }, 'answers', 'not measured'],
    ['all lost', { sent: 20, lost: 20 }, 'silent', 'no answer'],
    ['all unreachable', { sent: 20, unreachable: 20 }, 'silent', 'unreachable'],
    ['all too big, none called lost', { sent: 7, tooBig: 7 }, 'silent', 'too big for the path'],
    ['all refused by the kernel', { sendErrors: 20 }, 'unmeasured', 'not sent'],
    ['nothing at all', {}, 'unmeasured', 'not measured'],
  ];
  for (const [title, counts, answering, why] of cases)
    it(`reports ${title}: ${answering}, ${why}`, () => {
      const all = { ...NONE, ...counts };
      expect(answeringOf(all)).to.equal(answering);
      expect(whyText(answeringOf(all), all, null)).to.equal(why);
      expect(whyText(answeringOf(all), all, 'from the newest interval')).to.equal('from the newest interval');
    });

  it('never blames the network for replies that this host dropped', () => {
    expect(answeringOf({ ...NONE, sent: 9, localDrops: 9 })).to.equal('unmeasured');
  });

  it('explains an interval by its most frequent errno, ICMP error or MTU', () => {
    const row = { target: '10.9.0.2', ...NONE };
    const refused = { sendErrors: 20, sendErrorsBy: [{ count: 20, errno: 'ENETUNREACH' }] };
    const icmp = { count: 3, type: 3, code: 3, reason: 'port unreachable', from: '10.9.0.2' };
    expect(reasonOf({ ...row, ...refused })).to.equal('not sent: no route to 10.9.0.2 (ENETUNREACH)');
    expect(reasonOf({ ...row, sent: 3, unreachable: 3, unreachableBy: [icmp] })).to.equal(
      'unreachable (port unreachable, from 10.9.0.2)',
    );
    const own = { ...row, source: '10.9.0.1', unreachableBy: [{ ...icmp, from: '10.9.0.1' }] };
    for (const received of [0, 1])
      expect(reasonOf({ ...own, sent: 3 + received, received, unreachable: 3 })).to.include(
        'from this host (10.9.0.1)',
      );
    expect(reasonOf({ ...row, sent: 7, tooBig: 7, mtu: 1400 })).to.equal('too big for the path (mtu 1400)');
    const tooBigBy = [{ count: 1, mtu: 1400, from: '10.9.0.254' }];
    expect(reasonOf({ ...row, sent: 7, received: 6, tooBig: 1, mtu: 1400, tooBigBy })).to.equal(
      'too big for the path (mtu 1400, from 10.9.0.254)',
    );
    expect(reasonOf({ ...row, sent: 7, received: 6, lost: 1 }), 'a loss needs no further word').to.equal(null);
    expect(reasonOf({ ...row, sent: 7, received: 6, tooBig: 1, mtu: 1400 })).to.match(/mtu 1400/);
  });
});
