/** In which direction something is wrong: loss, rewritten markings and hops, on IPv4 and IPv6, held against what the spines did. */

import { expect } from 'chai';
import type { ResultRow } from '../support/contract.js';
import { needs } from '../support/needs.js';
import { waitFor } from '../support/wait.js';
import { B_ADDRESSES, B_ADDRESSES6, SPINES } from './network.js';
import type { Side } from './spine.js';
import { DSCP, expectAccounted, Lab, pathKey, printFound, REFLECTOR_PORT } from './suites/lab.js';

const SOURCE_PORTS = 16;
const PERCENT = 30;
const PROBES = 10_000;
/** Of the direction's share in the losses, and of those of which the direction is not known. */
const POINTS = 0.02;
const MOST_UNKNOWN = 0.05;

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
      it(`${PERCENT} % dropped of what comes from ${sides.join(' and from ')} is told by direction, as the spines counted`, async () => {
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
        expect(unknown / lost, 'share of which the direction is not known').to.be.below(MOST_UNKNOWN);
        expect(forward / (forward + reverse), 'share on the way out').to.be.closeTo(a / (a + b), POINTS);
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
