/** A collector that did not get to run for longer than the timeout reports no loss that the network did not cause. */

import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { sumOf } from '../../support/harness/contract.js';
import { needs } from '../../support/harness/needs.js';
import { B_ADDRESSES } from '../network.js';
import { respond } from '../tools.js';
import { Lab, printFound, REFLECTOR_PORT } from './lab.js';

const STOPPED_MS = 2_000;
const SLOW_PORT = 7_000;

export function stallSuite({ stalls }: { readonly stalls: number }): void {
  describe(`stall: the collector is stopped for ${STOPPED_MS} ms at 5,000 probes/s, ${stalls} times`, function () {
    this.timeout((stalls * 6 + 60) * 1000);
    let lab: Lab;

    before(async function () {
      needs(this, 'root', 'ip', 'nft');
      // 16 ports x 1 and 4 targets every 16 ms. Slow replies are under way by the hundred when the collector stops:
      // they arrive in time, while nobody reads them.
      const common = { period: '16ms', timeout: '1s' };
      const [fast, ...slow] = B_ADDRESSES.slice(0, 5);
      lab = await Lab.start({
        source: { ports: 16 },
        groups: { fast: { ...common, port: REFLECTOR_PORT, targets: [{ address: fast }] } },
      });
      await respond(lab.network, 'B', { port: SLOW_PORT, addresses: slow, mode: { kind: 'late', ms: 100 } });
      const targets = slow.map((address) => ({ address }));
      await lab.collector.putGroup('slow', { ...common, port: SLOW_PORT, targets });
    });
    after(async () => {
      await lab?.stop();
    });

    it('nothing is lost, nothing is late, and no interval is missing', async () => {
      const { collector } = lab;
      const first = await collector.recorder.interval(0, 10_000);
      await collector.recorder.interval(Date.now(), 10_000);
      for (let i = 0; i < stalls; i++) {
        collector.process.kill('SIGSTOP');
        // The stall itself is the condition: it has to last so long.
        await sleep(STOPPED_MS);
        collector.process.kill('SIGCONT');
        await collector.recorder.interval(Date.now(), 15_000);
      }
      const { totals } = await collector.settle();
      printFound(totals);
      expect(await lab.dropsOfTheMachine(), 'packets dropped by the machine').to.equal(0);
      expect(totals.scheduleSlips, 'probes not sent in the meantime').to.be.above(stalls * 5_000);
      for (const column of [
        'lost',
        'late',
        'unreachable',
        'localDrops',
        'duplicates',
        'sendErrors',
        'receiveQueueDrops',
      ])
        expect(totals[column], column).to.equal(0);
      expect(totals.received).to.equal(totals.sent);

      const { intervals } = collector.recorder;
      expect(sumOf(collector.recorder.rows(), 'lost')).to.equal(0);
      // The first began when the collector did.
      for (const [i, interval] of intervals.entries())
        expect(interval.startMs, 'intervals in a row').to.equal(i === 0 ? first.startMs : first.endMs + (i - 1) * 1000);
      const arrived = [...(await lab.flows('A')).values()].reduce((sum, flow) => sum + flow.arrived, 0);
      expect(totals.sent).to.equal(arrived);
    });

    it('every probe is accounted for', () => {
      for (const interval of lab.collector.recorder.intervals)
        for (const row of interval.results) expect(row.received, JSON.stringify(row)).to.equal(row.sent);
    });
  });
}
