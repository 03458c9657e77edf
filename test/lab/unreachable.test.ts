/** In a network, "unreachable" is what a router or the host said, and "lost" is silence. */

import { expect } from 'chai';
import { type GroupSpec, type Outcomes, sumOf } from '../support/harness/contract.js';
import { needs } from '../support/harness/needs.js';
import { runLlama } from '../support/processes/process.js';
import { B_ADDRESSES, B_ADDRESSES6, HOLE_ADDRESS, SPINES } from './network.js';
import { expectAccounted, Lab, REFLECTOR_PORT } from './suites/lab.js';

/**
 * leafA refuses to forward to it. (A router without a route is no good here: Linux then sends one ICMP error a second
 * only.)
 */
const REFUSED = '10.2.0.201';
const REFUSE = `table inet refuse {
  chain forward {
    type filter hook forward priority 0
    ip daddr ${REFUSED} reject with icmp type admin-prohibited
  }
}`;
const CLOSED_PORT = 8_199;
/** leafA has an unreachable route to it, and says so a few times a second. */
const ROUTED_NOWHERE = '10.2.0.202';
const LEAF_A = '10.1.0.1';
const LEAF_A6 = 'fd00:1::1';
/** Of the links behind leafA, and a payload that is too big for them, but not for the link of A. */
const SMALL_MTU = 1_400;
const BIG: Partial<GroupSpec> = { payloadBytes: 1_400, dontFragment: true };

describe('unreachable targets in a network', function () {
  this.timeout(40_000);
  let lab: Lab;

  before(async function () {
    needs(this, 'root', 'ip', 'nft');
    const spec = (address: string, port = REFLECTOR_PORT, more: Partial<GroupSpec> = {}): GroupSpec => ({
      port,
      period: '40ms',
      timeout: '300ms',
      targets: [{ address }],
      ...more,
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
    await lab.network.exec('leafA', 'ip', ['route', 'add', 'unreachable', ROUTED_NOWHERE]);
    await lab.collector.putGroup('nowhere', spec(ROUTED_NOWHERE));
    await lab.collector.putGroup('refused', spec(REFUSED));
    for (let n = 1; n <= SPINES; n++)
      await lab.network.exec('leafA', 'ip', ['link', 'set', `spine${n}`, 'mtu', String(SMALL_MTU)]);
    await lab.collector.putGroup('tooBig', spec(B_ADDRESSES[0], REFLECTOR_PORT, BIG));
    await lab.collector.putGroup('tooBig6', spec(B_ADDRESSES6[0], REFLECTOR_PORT, BIG));
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
    ['tooBig', 'tooBig', 'an address behind a link of a small MTU'],
    ['tooBig6', 'tooBig', 'an address behind a link of a small MTU, over IPv6'],
    ['hole', 'lost', 'an address that answers nothing'],
  ] as const) {
    it(`${what}: ${outcome}`, () => {
      expect(sum(group, 'sent')).to.be.above(100);
      expect(sum(group, outcome)).to.equal(sum(group, 'sent'));
      expect(sum(group, 'sendErrors')).to.equal(0);
    });
  }

  /** The kind and origin of the ICMP errors of a group. */
  const ERRORS = {
    closed: { type: 3, code: 3, reason: 'port unreachable', from: B_ADDRESSES[1] },
    closed6: { type: 1, code: 4, reason: 'port unreachable', from: B_ADDRESSES6[1] },
    refused: { type: 3, code: 13, reason: 'administratively prohibited', from: LEAF_A },
    nowhere: { type: 3, code: 1, reason: 'host unreachable', from: LEAF_A },
  };
  for (const [group, error] of Object.entries(ERRORS))
    it(`rows and paths of ${group} have ${error.reason} from ${error.from}`, async () => {
      const { recorder } = lab.collector;
      const found = recorder.rows().filter((row) => row.group === group);
      expect(sumOf(found, 'unreachable')).to.be.above(0);
      for (const { unreachable, unreachableBy } of [
        ...found,
        ...recorder.allPaths().filter((path) => path.group === group),
      ])
        expect(unreachableBy).to.deep.equal(unreachable === 0 ? null : [{ count: unreachable, ...error }]);
    });

  for (const [group, from] of [
    ['tooBig', LEAF_A],
    ['tooBig6', LEAF_A6],
  ])
    it(`rows and paths of ${group} have the MTU from ${from}`, () => {
      const { recorder } = lab.collector;
      const found = recorder.rows().filter((row) => row.group === group);
      const paths = recorder.allPaths().filter((path) => path.group === group);
      expect(Math.min(sumOf(found, 'tooBig'), sumOf(paths, 'tooBig'))).to.be.above(0);
      for (const { tooBig, tooBigBy, unreachableBy } of [...found, ...paths]) {
        expect(tooBigBy).to.deep.equal(tooBig === 0 ? null : [{ count: tooBig, mtu: SMALL_MTU, from }]);
        expect(unreachableBy).to.equal(null);
      }
    });

  for (const [address, from, protocol] of [
    [`${B_ADDRESSES[0]}:${REFLECTOR_PORT}`, LEAF_A, 'stamp'],
    [`[${B_ADDRESSES6[0]}]:${REFLECTOR_PORT}`, LEAF_A6, 'stamp'],
    [B_ADDRESSES[0], LEAF_A, 'icmp'],
    [B_ADDRESSES6[0], LEAF_A6, 'icmp'],
  ])
    it(`llama probe --protocol ${protocol} says that ${from} has a smaller MTU, and ends with 3`, async () => {
      const probe = [
        'probe',
        address,
        '--protocol',
        protocol,
        '--count',
        '12',
        '--period',
        '5ms',
        '--timeout',
        '200ms',
      ];
      const { code, stdout } = await runLlama([...probe, '--sizes', '1400'], lab.network.at('A'));
      expect(code).to.equal(3);
      expect(stdout).to.include(`1400 cs0: 12 × too big for the path (mtu ${SMALL_MTU}, from ${from})\n`);
    });

  it('rows of targets that answer, or are silent, have none', () => {
    const rows = lab.collector.recorder.rows().filter(({ group }) => group === 'good' || group === 'hole');
    expect(
      rows.flatMap(({ unreachableBy, tooBigBy }) => [unreachableBy, tooBigBy]).filter((by) => by !== null),
    ).to.deep.equal([]);
  });

  for (const [address, port, says] of [
    [B_ADDRESSES[1], CLOSED_PORT, `port unreachable from ${B_ADDRESSES[1]}`],
    [REFUSED, REFLECTOR_PORT, `administratively prohibited from ${LEAF_A}`],
    [ROUTED_NOWHERE, REFLECTOR_PORT, `host unreachable from ${LEAF_A}`],
  ] as const)
    it(`llama probe says ${says}, and ends with 3`, async () => {
      const probe = ['probe', `${address}:${port}`, '--count', '20', '--period', '20ms', '--timeout', '200ms'];
      const { code, stdout } = await runLlama(probe, lab.network.at('A'));
      expect(code).to.equal(3);
      expect(stdout).to.match(new RegExp(`^cs0: unreachable: \\d+ × ${says}$`, 'm'));
    });

  for (const protocol of ['icmp', 'tcp-syn'])
    it(`llama probe --protocol ${protocol} says who prohibits it`, async () => {
      const probe = ['probe', REFUSED, '--protocol', protocol, '--count', '5', '--timeout', '200ms'];
      const { code, stdout } = await runLlama(probe, lab.network.at('A'));
      expect(code).to.equal(3);
      expect(stdout).to.include(`cs0: unreachable: 5 × administratively prohibited from ${LEAF_A}\n`);
    });

  it('every probe is accounted for', () => {
    expectAccounted(lab.collector);
  });
});
