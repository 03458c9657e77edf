/** In a network, "unreachable" is what a router or the host said, and "lost" is silence. */

import { expect } from 'chai';
import { type GroupSpec, type Outcomes, sumOf } from '../support/contract.js';
import { needs } from '../support/needs.js';
import { B_ADDRESSES, B_ADDRESSES6, HOLE_ADDRESS } from './network.js';
import { expectAccounted, Lab, REFLECTOR_PORT } from './suites/lab.js';

/** leafA refuses to forward to it. (A router without a route is no good here: Linux then sends one ICMP error a second only.) */
const REFUSED = '10.2.0.201';
const REFUSE = `table inet refuse {
  chain forward {
    type filter hook forward priority 0
    ip daddr ${REFUSED} reject with icmp type admin-prohibited
  }
}`;
const CLOSED_PORT = 8_199;

describe('unreachable targets in a network', function () {
  this.timeout(40_000);
  let lab: Lab;

  before(async function () {
    needs(this, 'root', 'ip', 'nft');
    const spec = (address: string, port = REFLECTOR_PORT): GroupSpec => ({
      port,
      period: '40ms',
      timeout: '300ms',
      targets: [{ address }],
    });
    lab = await Lab.start({
      source: { ports: 4 },
      groups: {
        good: spec(B_ADDRESSES[0]),
        closed: spec(B_ADDRESSES[1], CLOSED_PORT),
        closed6: spec(B_ADDRESSES6[1], CLOSED_PORT),
        hole: spec(HOLE_ADDRESS),
      },
    });
    await lab.network.exec('leafA', 'nft', ['-f', '-'], REFUSE);
    await lab.collector.putGroup('refused', spec(REFUSED));
    await lab.collector.recorder.interval(Date.now() + 1_000, 10_000);
    await lab.collector.settle();
  });
  after(async () => {
    await lab?.stop();
  });

  const sum = (group: string, column: keyof Outcomes): number =>
    sumOf(
      lab.collector.recorder.rows().filter((row) => row.group === group),
      column,
    );

  for (const [group, outcome, what] of [
    ['good', 'received', 'a reflector next to all these'],
    ['refused', 'unreachable', 'an address that a router refuses to forward to'],
    ['closed', 'unreachable', 'a closed port'],
    ['closed6', 'unreachable', 'a closed port over IPv6'],
    ['hole', 'lost', 'an address that answers nothing'],
  ] as const) {
    it(`${what}: ${outcome}`, () => {
      expect(sum(group, 'sent')).to.be.above(100);
      expect(sum(group, outcome)).to.equal(sum(group, 'sent'));
      expect(sum(group, 'sendErrors')).to.equal(0);
    });
  }

  it('every probe is accounted for', () => {
    expectAccounted(lab.collector);
  });
});
