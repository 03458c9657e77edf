/**
 * In which direction something is wrong: loss, rewritten markings and hops, on IPv4 and IPv6, held against what the
 * spines did.
 */

import { expect } from 'chai';
import type { ResultRow } from '../support/harness/contract.js';
import { needs } from '../support/harness/needs.js';
import { waitFor } from '../support/harness/wait.js';
import { B_ADDRESSES, B_ADDRESSES6, SPINES } from './network.js';
import type { Side } from './spine.js';
import { DSCP, expectAccounted, Lab, pathKey, printFound, REFLECTOR_PORT } from './suites/lab.js';
import { respond } from './tools.js';

const SOURCE_PORTS = 16;
const PERCENT = 30;
const PROBES = 10_000;
/** Of a direction's share in all losses; those of which it is not known count as wrong. */
const POINTS = 0.02;

for (const [family, addresses] of [
  ['IPv4', B_ADDRESSES.slice(0, 4)],
  ['IPv6', B_ADDRESSES6.slice(0, 4)],
] as const)
  describe(`directions (${family})`, function () {
    this.timeout(90_000);
    let lab: Lab;

    before(async function () {
      needs(this, 'root', 'ip', 'nft');
      lab = await Lab.start({
        source: { ports: SOURCE_PORTS },
        groups: {
          ways: {
            port: REFLECTOR_PORT,
            period: '12ms',
            timeout: '300ms',
            classes: ['ef'],
            tlvs: ['classOfService'],
            targets: addresses.map((address) => ({ address })),
          },
        },
      });
      await lab.collector.recorder.interval(Date.now(), 10_000);
    });
    after(async () => {
      await lab?.stop();
    });

    /** Sums of all rows so far. */
    const sums = (): Record<'sent' | 'lost' | 'lostForward' | 'lostReverse' | 'lostUnknown', number> => {
      const total = { sent: 0, lost: 0, lostForward: 0, lostReverse: 0, lostUnknown: 0 };
      for (const row of lab.collector.recorder.rows())
        for (const name of Object.keys(total) as (keyof typeof total)[]) total[name] += row[name];
      return total;
    };

    const dropped = async (side: Side): Promise<number> =>
      (await lab.counters()).reduce(
        (sum, counters) => sum + (side === 'A' ? counters.fromA : counters.fromB).dropped.packets,
        0,
      );

    it('the way there and back has three hops, and its delays are relative or absolute, and never negative', () => {
      for (const row of lab.collector.recorder.rows().filter(({ received }) => received > 0)) {
        expect(row).to.include({ hopsForward: 3, hopsReverse: 3, hopChanges: 0, dscpForward: 46, dscpReverse: 46 });
        for (const delay of [row.forwardUs, row.reverseUs]) expect(delay?.min).to.be.at.least(0);
        // Not more on one way than on both.
        expect(row.forwardUs?.max).to.be.at.most((row.rttUs?.max ?? 0) + 200);
      }
    });

    for (const sides of [['A'], ['B'], ['A', 'B']] as const)
      it(`${PERCENT} % dropped from ${sides.join(' and from ')} is reported by direction, as the spines counted`, async () => {
        const before = { ...sums(), A: await dropped('A'), B: await dropped('B') };
        for (const spine of lab.network.spines) for (const from of sides) await spine.drop({ percent: PERCENT, from });
        await waitFor(`${PROBES} probes`, () => sums().sent - before.sent > PROBES, 60_000);
        for (const spine of lab.network.spines) await spine.clear();
        const clearedMs = Date.now();
        await lab.collector.recorder.interval(clearedMs, 15_000);
        const after = sums();
        const [forward, reverse, unknown, lost] = (['lostForward', 'lostReverse', 'lostUnknown', 'lost'] as const).map(
          (name) => after[name] - before[name],
        );
        const [a, b] = [(await dropped('A')) - before.A, (await dropped('B')) - before.B];
        console.log(
          `      lost ${lost}: forward ${forward}, reverse ${reverse}, unknown ${unknown}; dropped ${a} and ${b}`,
        );
        expect(await lab.dropsOfTheMachine(), 'packets dropped by the machine').to.equal(0);
        expect(lost).to.equal(a + b);
        expect(forward + reverse + unknown).to.equal(lost);
        expect(forward, 'lost on the way out, stated').to.be.at.most(a);
        expect(reverse, 'lost on the way back, stated').to.be.at.most(b);
        expect(forward / lost, 'share on the way out, of all that were lost').to.be.closeTo(a / (a + b), POINTS);
        expect(reverse / lost, 'share on the way back, of all that were lost').to.be.closeTo(b / (a + b), POINTS);
      });

    it('a marking that one spine rewrites is found on exactly the paths through it', async () => {
      await lab.network.spines[1].remark('A', DSCP.ef, DSCP.cs0);
      const fromMs = Date.now();
      const interval = await lab.collector.recorder.interval(fromMs, 15_000);
      const flows = await lab.flows('A');
      await lab.network.spines[1].clear();
      let through = 0;
      for (const path of lab.collector.recorder.paths(interval)) {
        const hit = flows.get(pathKey(path))?.spine === 1;
        if (hit) through++;
        expect(path.dscpForward, `${pathKey(path)} forward`).to.equal(hit ? 0 : 46);
        expect(path.dscpReverse, `${pathKey(path)} back`).to.equal(46);
        expect(path.remarked, `${pathKey(path)} remarked`).to.equal(hit ? path.received : 0);
      }
      expect(through).to.be.within(1, (SOURCE_PORTS * addresses.length * (SPINES - 1)) / SPINES);
    });

    it('every probe is accounted for, and every loss has a direction or is unknown', async () => {
      const { totals } = await lab.collector.settle();
      printFound(totals, `; forward ${totals.lostForward}, reverse ${totals.lostReverse}`);
      expectAccounted(lab.collector);
      const whole = ({ lost, lostForward, lostReverse, lostUnknown }: ResultRow): number =>
        lost - lostForward - lostReverse - lostUnknown;
      for (const row of lab.collector.recorder.rows()) {
        expect(whole(row)).to.equal(0);
        expect(Math.min(row.lostForward, row.lostReverse, row.lostUnknown)).to.be.at.least(0);
      }
    });
  });

describe('directions, where classes share numbers', function () {
  this.timeout(90_000);
  const SHARED_PORT = 7_000;
  const CLASSES = ['cs0', 'ef'];
  const TARGETS = B_ADDRESSES.slice(0, 2).map((address) => ({ address }));
  let lab: Lab;

  before(async function () {
    needs(this, 'root', 'ip', 'nft');
    lab = await Lab.start({ source: { ports: 4 }, groups: {} });
    const { network } = lab;
    await respond(network, 'B', {
      port: SHARED_PORT,
      addresses: B_ADDRESSES.slice(0, 2),
      mode: { kind: 'sharedNumbers' },
    });
    const common = { period: '20ms', timeout: '200ms', classes: CLASSES, targets: TARGETS };
    await lab.collector.putGroup('shared', { ...common, port: SHARED_PORT });
    await lab.collector.putGroup('own', { ...common, port: REFLECTOR_PORT });
  });
  after(async () => {
    await lab?.stop();
  });

  /** Sums of a group's rows so far. */
  const of = (group: string) => {
    const rows = lab.collector.recorder.rows().filter((row) => row.group === group);
    const sum = (column: 'sent' | 'lost' | 'lostForward' | 'lostReverse' | 'lostUnknown'): number =>
      rows.reduce((total, row) => total + row[column], 0);
    return {
      sent: sum('sent'),
      lost: sum('lost'),
      forward: sum('lostForward'),
      reverse: sum('lostReverse'),
      unknown: sum('lostUnknown'),
    };
  };

  it(`${PERCENT} % dropped on a responder's input: lost on the way out where each class has numbers of its own, else unknown`, async () => {
    const { network, collector } = lab;
    // Quiet first, so that all that can be known of the numbers is.
    await waitFor('quiet probes', () => Math.min(of('shared').sent, of('own').sent) > 4_000, 30_000);
    const rules = `table inet input {
      chain input {
        type filter hook input priority 0
        udp dport { ${SHARED_PORT}, ${REFLECTOR_PORT} } numgen random mod 100 < ${PERCENT} drop
      }
    }`;
    await network.exec('B', 'nft', ['-f', '-'], rules);
    const before = { shared: of('shared').lost, own: of('own').lost };
    await waitFor(
      'losses',
      () => of('shared').lost - before.shared > 1_000 && of('own').lost - before.own > 1_000,
      60_000,
    );
    await network.exec('B', 'nft', ['delete', 'table', 'inet', 'input']);
    await collector.recorder.interval(Date.now(), 15_000);
    console.log(`      shared ${JSON.stringify(of('shared'))}, own ${JSON.stringify(of('own'))}`);
    expect(of('shared')).to.include({ forward: 0, reverse: 0, unknown: of('shared').lost });
    expect(of('own')).to.include({ reverse: 0 });
    expect(of('own').forward / of('own').lost).to.be.above(0.9);
  });
});
