/**
 * Groups come, change and go all the time; a steady group does not notice, and no probe is unaccounted for. In the
 * second half prober threads are killed meanwhile.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { GroupSpec } from '../../support/harness/contract.js';
import { sumOf, unaccounted } from '../../support/harness/contract.js';
import { needs } from '../../support/harness/needs.js';
import { expectBoundedLosses, RING_BATCH } from '../../support/harness/threadLosses.js';
import { waitFor } from '../../support/harness/wait.js';
import { B_ADDRESSES, B_ADDRESSES6, HOLE_ADDRESS } from '../network.js';
import { expectAccounted, Lab, printFound, REFLECTOR_PORT } from './lab.js';

const STEADY_PERIOD_MS = 10;
const SOURCE_PORTS = 16;
const CHANGES_PER_SECOND = 10;
const KILLABLE = fileURLToPath(new URL('../killable.js', import.meta.url));
/** Probes of one system call: those of a thread that dies in it are counted as sent, whether they were or not. */
const SEND_BATCH = 32;
const [STEADY, ...OTHERS] = B_ADDRESSES;

/**
 * What a group turns into, one change after the other; null removes it. One target answers nothing, so there are
 * timeouts as well.
 */
const LIFE: readonly (Omit<GroupSpec, 'port' | 'timeout'> | null)[] = [
  { period: '20ms', classes: ['cs0'], targets: [{ address: OTHERS[0] }, { address: OTHERS[1] }] },
  { period: '50ms', classes: ['cs0'], targets: [{ address: OTHERS[0] }, { address: HOLE_ADDRESS }] },
  { period: '20ms', classes: ['cs0', 'ef'], targets: [{ address: OTHERS[2] }, { address: B_ADDRESSES6[0] }] },
  {
    period: '20ms',
    classes: ['ef', 'cs0'],
    payloadBytes: 200,
    targets: [{ address: OTHERS[2], tags: { rack: 'r1' } }],
  },
  null,
];

export function reloadSuite({ seconds, kills }: { readonly seconds: number; readonly kills: number }): void {
  describe(`reload: ${CHANGES_PER_SECOND} changes of groups a second, for ${seconds} s, and ${kills} probers killed`, function () {
    this.timeout((seconds + 60) * 1000);
    let lab: Lab;
    let totals: Readonly<Record<string, number>>;
    let firstKillMs = Number.POSITIVE_INFINITY;

    before(async function () {
      needs(this, 'root', 'ip', 'nft');
      const steady = {
        port: REFLECTOR_PORT,
        period: `${STEADY_PERIOD_MS}ms`,
        timeout: '300ms',
        targets: [{ address: STEADY }],
      };
      lab = await Lab.start({ source: { ports: SOURCE_PORTS }, groups: { steady } }, [], KILLABLE);
    });
    after(async () => {
      await lab?.stop();
    });

    it('every change is accepted, and every probe is accounted for', async () => {
      const { collector } = lab;
      await collector.recorder.interval(Date.now(), 10_000);
      const changes = seconds * CHANGES_PER_SECOND;
      let killed = 0;
      for (let i = 0; i < changes; i++) {
        if (i >= changes / 2 + (killed * changes) / 2 / kills) {
          await allRun(killed++);
          firstKillMs = Math.min(firstKillMs, Date.now());
          collector.process.kill('SIGUSR2');
        }
        const next = sleep(1000 / CHANGES_PER_SECOND);
        const group = LIFE[Math.floor(i / 3) % LIFE.length];
        const name = `churn${i % 3}`;
        if (group === null) await collector.deleteGroup(name);
        else await collector.putGroup(name, { port: REFLECTOR_PORT, timeout: '300ms', ...group });
        await next;
      }
      expect(killed).to.equal(kills);
      await allRun(kills);
      await collector.recorder.interval(Date.now(), 10_000);
      ({ totals } = await collector.settle());
      printFound(totals, `; ${changes} changes, threadLosses ${totals.threadLosses}`);
      expect(await lab.dropsOfTheMachine(), 'packets dropped by the machine').to.equal(0);
      expectAccounted(collector);
      expect(sumOf(collector.recorder.allPaths(), 'sent')).to.equal(totals.sent - totals.threadLosses);
      expectBoundedLosses(totals, kills);
    });

    /** Resolves when all probers run, after so many of them had died. */
    async function allRun(deaths: number): Promise<void> {
      await waitFor(`the probers run after ${deaths} deaths`, async () => {
        const { workers } = await lab.collector.status();
        const restarts = workers.reduce((sum, worker) => sum + worker.restarts, 0);
        return restarts === deaths && workers.every(({ state }) => state === 'running');
      });
    }

    it('the steady group lost nothing and kept its pace until a prober was killed', () => {
      const { recorder } = lab.collector;
      // The group may begin in the first interval or in the second, and in the middle of it.
      const begins = recorder.intervals.findIndex((interval) =>
        recorder.paths(interval).some((path) => path.group === 'steady'),
      );
      const whole = recorder.intervals.slice(begins + 1).filter(({ endMs }) => endMs <= firstKillMs);
      expect(whole.length).to.be.at.least(Math.floor(seconds / 2));
      let missing = 0;
      for (const interval of whole) {
        const paths = recorder.paths(interval).filter((path) => path.group === 'steady');
        expect(paths).to.have.length(SOURCE_PORTS);
        for (const path of paths) {
          expect(path, interval.start).to.include({ lost: 0, unreachable: 0, localDrops: 0, duplicates: 0 });
          expect(unaccounted(path)).to.equal(0);
          // One probe may fall on either side of an interval's edge.
          expect(path.sent, interval.start).to.be.at.most(1000 / STEADY_PERIOD_MS + 1);
          missing += 1000 / STEADY_PERIOD_MS - path.sent;
        }
      }
      expect(missing).to.be.at.most(totals.scheduleSlips + SOURCE_PORTS);
    });

    it('loses exactly the probes that were sent into the hole', () => {
      const rows = lab.collector.recorder.rows();
      const hole = rows.filter((row) => row.target === HOLE_ADDRESS);
      expect(sumOf(hole, 'sent')).to.be.above(0);
      expect(sumOf(hole, 'lost')).to.equal(sumOf(hole, 'sent'));
      // Some losses may have been counted that were in the last batch of a thread.
      expect(totals.lost - sumOf(hole, 'lost')).to.be.within(0, kills * RING_BATCH);
    });

    it('the spines saw every probe, but for some of a system call that a thread died in', async () => {
      // Not those from fresh ports, by which the collector asks whether a target that answers nothing is only out of
      // reach of its ports.
      const ports = new Set((await lab.collector.status()).workers.flatMap(({ sourcePorts }) => sourcePorts));
      let arrived = 0;
      for (const flow of (await lab.flows('A')).values()) if (ports.has(flow.sourcePort)) arrived += flow.arrived;
      expect(totals.sent - arrived).to.be.within(0, kills * SEND_BATCH);
    });
  });
}
