import { expect } from 'chai';
import {
  errnoText,
  icmpReason,
  noAnswerText,
  notSentText,
  sendErrorList,
  tooBigList,
  tooBigText,
  unreachableList,
  unreachableText,
} from '../../../src/stats/reasons.js';

const target = '10.9.0.2';
const NONE = { target, sent: 0, received: 0, lost: 0, unreachable: 0, localDrops: 0 };
const PORT = { count: 20, type: 3, code: 3, reason: 'port unreachable', from: target };

describe('reasons', () => {
  it('name a refused send by its errno and the target', () => {
    const by = [{ count: 20, errno: 'ENETUNREACH' }];
    expect(notSentText(by, target)).to.equal('not sent: no route to 10.9.0.2 (ENETUNREACH)');
    expect(sendErrorList(by, target)).to.deep.equal(['20 × no route to 10.9.0.2 (ENETUNREACH)']);
    expect(notSentText(null, target)).to.equal('not sent');
    expect(errnoText('errno 999', target)).to.equal('the kernel refused to send to 10.9.0.2 (errno 999)');
  });

  it('name an ICMP error by its type, code and origin', () => {
    expect(unreachableText([PORT])).to.equal('unreachable (port unreachable, from 10.9.0.2)');
    expect(unreachableText([{ ...PORT, from: null }])).to.equal('unreachable (port unreachable)');
    expect(unreachableText(undefined)).to.equal('unreachable');
    expect(unreachableList([PORT])).to.deep.equal(['20 × port unreachable from 10.9.0.2']);
  });

  it('distinguish an error of this host, with a silent next hop, from one of a router or the target', () => {
    const ends = { source: '10.9.0.1', target };
    const own = { ...PORT, code: 1, reason: 'host unreachable', from: '10.9.0.1' };
    expect(unreachableText([own], ends)).to.equal('unreachable (host unreachable, from this host (10.9.0.1))');
    expect(unreachableList([own, PORT], ends)).to.deep.equal([
      '20 × host unreachable from this host (10.9.0.1)',
      '20 × port unreachable from 10.9.0.2',
    ]);
    const loopback = { source: target, target };
    expect(unreachableList([PORT], loopback)).to.deep.equal(['20 × port unreachable from 10.9.0.2']);
  });

  it('name the sender of a too-big error, with its MTU', () => {
    const router = { count: 16, mtu: 1400, from: '10.9.0.254' };
    const kernel = { count: 3, mtu: 1500, from: null };
    const tooBigBy = [router, kernel];
    expect(tooBigText({ mtu: 1400, tooBigBy })).to.equal('too big for the path (mtu 1400, from 10.9.0.254)');
    expect(tooBigText({ mtu: 1500, tooBigBy: [kernel] })).to.equal('too big for the path (mtu 1500)');
    expect(tooBigText({ mtu: 1280, tooBigBy: [{ ...router, mtu: null }] }), 'an MTU that another one named').to.equal(
      'too big for the path (from 10.9.0.254)',
    );
    expect(tooBigText({ mtu: 1400, tooBigBy }, { source: '10.9.0.254', target })).to.equal(
      'too big for the path (mtu 1400, from this host (10.9.0.254))',
    );
    expect(tooBigList(20, { mtu: 1400, tooBigBy })).to.deep.equal([
      '16 × too big for the path (mtu 1400, from 10.9.0.254)',
      '3 × too big for the path (mtu 1500)',
      '1 × too big for the path',
    ]);
    expect(tooBigList(7, { mtu: 1400 })).to.deep.equal(['7 × too big for the path (mtu 1400)']);
    expect(tooBigList(0, { mtu: null, tooBigBy: null })).to.deep.equal([]);
    const all = { ...NONE, sent: 19, tooBig: 19, mtu: 1400, tooBigBy };
    expect(noAnswerText(all)).to.equal('too big for the path (mtu 1400, from 10.9.0.254)');
  });

  it('distinguish the same type and code of ICMP and ICMPv6', () => {
    expect([icmpReason(4, 3, 1), icmpReason(6, 3, 1)]).to.deep.equal([
      'host unreachable',
      'fragments not reassembled in time',
    ]);
    expect([icmpReason(4, 3, 13), icmpReason(6, 1, 1)]).to.deep.equal([
      'administratively prohibited',
      'administratively prohibited',
    ]);
    expect([icmpReason(4, 3, 99), icmpReason(6, 200, 0)]).to.deep.equal([
      'ICMP type 3 code 99',
      'ICMPv6 type 200 code 0',
    ]);
  });

  it('explain missing replies by the most frequent outcome', () => {
    expect(noAnswerText({ ...NONE, sent: 2, received: 1, lost: 1 })).to.equal(null);
    expect(noAnswerText(NONE)).to.equal(null);
    expect(noAnswerText({ ...NONE, sent: 3, lost: 3 })).to.equal('no answer');
    expect(noAnswerText({ ...NONE, sent: 3, lost: 1, unreachable: 2, unreachableBy: [PORT] })).to.equal(
      'unreachable (port unreachable, from 10.9.0.2)',
    );
    const limited = { sent: 80, lost: 70, unreachable: 10 };
    expect(noAnswerText({ ...NONE, ...limited, unreachableBy: [PORT] }), 'the host limits its ICMP errors').to.equal(
      'no answer; port unreachable from 10.9.0.2',
    );
    expect(noAnswerText({ ...NONE, ...limited }), 'of which nothing more is known').to.equal('no answer; unreachable');
    expect(noAnswerText({ ...NONE, sent: 9, lost: 7, tooBig: 2, mtu: 1400 })).to.equal(
      'no answer; too big for the path (mtu 1400)',
    );
    expect(noAnswerText({ ...NONE, sent: 7, tooBig: 7, mtu: 1400 })).to.equal('too big for the path (mtu 1400)');
    expect(tooBigText({})).to.equal('too big for the path');
    expect(noAnswerText({ ...NONE, sent: 1, localDrops: 1 })).to.match(/^dropped by this host/);
    const refused = { sendErrors: 20, sendErrorsBy: [{ count: 20, errno: 'EPERM' }] };
    expect(noAnswerText({ ...NONE, ...refused })).to.match(/^not sent: .* 10\.9\.0\.2 \(EPERM\)$/);
    expect(noAnswerText({ ...NONE, sent: 1, lost: 1, ...refused }), 'some were sent').to.equal('no answer');
  });
});
