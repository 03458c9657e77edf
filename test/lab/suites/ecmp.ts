/**
 * Source ports spread probes over all spines, and what the collector says it sent and received is what the spines saw.
 */

import { expect } from 'chai';
import { sumOf } from '../../support/harness/contract.js';
import { needs } from '../../support/harness/needs.js';
import { B_ADDRESSES, B_ADDRESSES6, SPINES } from '../network.js';
import { expectAccounted, Lab, pathKey, printFound, REFLECTOR_PORT, sumByPath } from './lab.js';

const SOURCE_PORTS = 16;
/**
 * Towards a single target: the flows of 64 ports miss a spine once in 20 million runs, those of 16 ports once in 25.
 */
const MANY_PORTS = 64;
const [SINGLE, ...OTHERS] = B_ADDRESSES;

export function ecmpSuite({ seconds }: { readonly seconds: number }): void {
  describe(`ECMP: ${SOURCE_PORTS} source ports over four spines, ${seconds} s`, function () {
    this.timeout((seconds + 40) * 1000);
    let lab: Lab;

    before(async function () {
      needs(this, 'root', 'ip', 'nft');
      const common = { port: REFLECTOR_PORT, period: '50ms', timeout: '300ms', sourcePorts: SOURCE_PORTS };
      lab = await Lab.start({
        source: { ports: MANY_PORTS },
        groups: {
          single: { ...common, sourcePorts: MANY_PORTS, period: '200ms', targets: [{ address: SINGLE }] },
          four: { ...common, classes: ['cs0', 'ef'], targets: OTHERS.map((address) => ({ address })) },
          six: { ...common, classes: ['ef'], targets: B_ADDRESSES6.slice(0, 2).map((address) => ({ address })) },
        },
      });
    });
    after(async () => {
      await lab?.stop();
    });

    it('matches the packet counts of the spines, in total, per path and in both directions', async () => {
      const { recorder } = lab.collector;
      await recorder.interval(Date.now() + (seconds - 1) * 1000, (seconds + 10) * 1000);
      const { totals } = await lab.collector.settle();
      printFound(totals);
      expect(await lab.dropsOfTheMachine(), 'packets dropped by the machine').to.equal(0);
      expectAccounted(lab.collector);

      const out = await lab.flows('A');
      const back = await lab.flows('B');
      const paths = sumByPath(recorder.allPaths());
      expect([...paths.keys()].sort()).to.deep.equal([...out.keys()].sort());
      for (const [key, path] of paths) {
        expect(path.sent, `sent on ${key}`).to.equal(out.get(key)?.arrived);
        expect(path.received, `received on ${key}`).to.equal(back.get(key)?.forwarded);
      }
      const arrived = [...out.values()].reduce((sum, flow) => sum + flow.arrived, 0);
      expect(sumOf(recorder.rows(), 'sent')).to.equal(arrived);
      expect(totals.sent).to.equal(arrived);
      expect(totals.received).to.equal(arrived);
      for (const column of ['lost', 'late', 'duplicates', 'reordered', 'unreachable', 'localDrops', 'sendErrors'])
        expect(totals[column], column).to.equal(0);
    });

    it('every source port is used, towards every target and in every class', () => {
      const keys = new Set(lab.collector.recorder.allPaths().map(pathKey));
      expect(keys.size).to.equal(MANY_PORTS + SOURCE_PORTS * (OTHERS.length * 2 + 2));
    });

    it('all spines are used towards a single target, out and back', async () => {
      for (const side of ['A', 'B'] as const) {
        const flows = [...(await lab.flows(side)).values()].filter(({ target }) => target === SINGLE);
        expect(flows).to.have.length(MANY_PORTS);
        expect(new Set(flows.map((flow) => flow.spine)).size).to.equal(SPINES);
      }
    });

    it('streams hold the sums of their paths', () => {
      for (const interval of lab.collector.recorder.intervals) {
        const paths = lab.collector.recorder.paths(interval);
        for (const row of interval.results) {
          const own = paths.filter((path) => path.target === row.target && path.class === row.class);
          for (const column of ['sent', 'received', 'lost'] as const) expect(sumOf(own, column)).to.equal(row[column]);
        }
      }
    });
  });
}
