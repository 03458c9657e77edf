/**
 * What reply and packet tell of each way where the reflector copies the sender's numbers: loss by direct measurement,
 * congestion marks and hops, on IPv4 and IPv6 at once, held against what the spines did.
 */

import { expect } from 'chai';
import { needs } from '../support/harness/needs.js';
import { waitFor } from '../support/harness/wait.js';
import { B_ADDRESSES, B_ADDRESSES6 } from './network.js';
import { flowKey, type Side } from './spine.js';
import { expectAccounted, Lab, pathKey, printFound, REFLECTOR_PORT } from './suites/lab.js';

const PERCENT = 30;
const PROBES = 2_400;
const LONGEST_MS = 15_000;
const MOST_UNKNOWN = 0.05;
const at = (...addresses: string[]) => addresses.map((address) => ({ address }));

describe('direct measurement, congestion marks and hops', function () {
  this.timeout(60_000);
  let lab: Lab;

  before(async function () {
    needs(this, 'root', 'ip', 'nft');
    const common = { port: REFLECTOR_PORT, timeout: '800ms', classes: ['ef'], ecn: 'ect0' };
    lab = await Lab.start(
      {
        collector: { interval: '500ms' },
        source: { ports: 16 },
        groups: {
          stamp: {
            ...common,
            period: '40ms',
            tlvs: ['classOfService', 'directMeasurement'],
            targets: at(...B_ADDRESSES.slice(0, 2), ...B_ADDRESSES6.slice(0, 2)),
          },
          // Its replies have the ECN that the probe asks for; those of STAMP have none.
          llama: { ...common, period: '100ms', protocol: 'llama', targets: at(B_ADDRESSES[2], B_ADDRESSES6[2]) },
        },
      },
      ['--stateless'],
    );
    await lab.collector.recorder.interval(Date.now(), LONGEST_MS);
  });
  after(async () => {
    await lab?.stop();
  });

  type Sums = Record<'sent' | 'lost' | 'lostForward' | 'lostReverse' | 'lostUnknown', number>;

  /** Sums of all rows of a group so far. */
  const sums = (group: string): Sums => {
    const total: Sums = { sent: 0, lost: 0, lostForward: 0, lostReverse: 0, lostUnknown: 0 };
    for (const row of lab.collector.recorder.rows().filter((one) => one.group === group))
      for (const name of Object.keys(total) as (keyof Sums)[]) total[name] += row[name];
    return total;
  };

  const dropped = async (side: Side): Promise<number> =>
    (await lab.counters()).reduce((sum, { fromA, fromB }) => sum + (side === 'A' ? fromA : fromB).dropped.packets, 0);

  /**
   * Drops of what comes from a side, until enough probes were sent, or `meanwhile` is done; then what it made of the
   * groups' sums.
   */
  async function dropFrom(
    side: Side,
    meanwhile?: () => Promise<void>,
  ): Promise<{ stamp: Sums; llama: Sums; drops: number }> {
    const before = { stamp: sums('stamp'), llama: sums('llama'), drops: await dropped(side) };
    for (const spine of lab.network.spines) await spine.drop({ percent: PERCENT, from: side });
    await waitFor('half of the probes', () => sums('stamp').sent - before.stamp.sent > PROBES / 2, LONGEST_MS);
    await meanwhile?.();
    await waitFor('all probes', () => sums('stamp').sent - before.stamp.sent > PROBES, LONGEST_MS);
    for (const spine of lab.network.spines) await spine.clear();
    await lab.collector.recorder.interval(Date.now(), LONGEST_MS);
    const since = (group: 'stamp' | 'llama'): Sums => {
      const now = sums(group);
      for (const name of Object.keys(now) as (keyof Sums)[]) now[name] -= before[group][name];
      return now;
    };
    const found = { stamp: since('stamp'), llama: since('llama'), drops: (await dropped(side)) - before.drops };
    console.log(`      ${JSON.stringify(found.stamp)}; dropped ${found.drops}, of LLAMA’s ${found.llama.lost}`);
    expect(await lab.dropsOfTheMachine(), 'packets dropped by the machine').to.equal(0);
    return found;
  }

  const oneWay = (side: Side, told: 'lostForward' | 'lostReverse', other: 'lostForward' | 'lostReverse'): void => {
    it(`${PERCENT} % dropped from ${side} alone is ${told}, as the spines counted, and never ${other}`, async () => {
      const { stamp, llama, drops } = await dropFrom(side);
      expect(stamp.lost).to.be.above((PROBES * PERCENT) / 200);
      expect(stamp.lost + llama.lost).to.equal(drops);
      expect(stamp[other], other).to.equal(0);
      expect(stamp[told] + stamp.lostUnknown).to.equal(stamp.lost);
      expect(stamp.lostUnknown / stamp.lost, 'share of which the direction is not known').to.be.below(MOST_UNKNOWN);
      // These replies have no numbers: nothing is made up.
      expect(llama.lost).to.be.above(0);
      expect(llama.lostUnknown).to.equal(llama.lost);
    });
  };

  oneWay('A', 'lostForward', 'lostReverse');

  it('counts loss around a restart of the reflector as unknown, never in the wrong direction', async () => {
    const { stamp, llama, drops } = await dropFrom('A', () => lab.restartReflector());
    expect(stamp.lostReverse).to.equal(0);
    expect(stamp.lostForward).to.be.within((PROBES * PERCENT) / 400, drops);
    expect(stamp.lostUnknown).to.be.above(0);
    expect(stamp.lostForward + stamp.lostUnknown).to.equal(stamp.lost);
    // More than the spines dropped: what the reflector had not read when it was killed, or answered late when it was
    // back.
    expect(stamp.lost + llama.lost).to.be.at.least(drops);
  });

  // After the restart, so that this shows as well that the direction is told again.
  oneWay('B', 'lostReverse', 'lostForward');

  it('congestion marks of a spine are counted on exactly the paths through it, out and back', async () => {
    const [out, back] = [1, 2];
    await lab.network.spines[out].markCongestion('A');
    await lab.network.spines[back].markCongestion('B');
    const interval = await lab.collector.recorder.interval(Date.now(), LONGEST_MS);
    const [outFlows, backFlows] = [await lab.flows('A'), await lab.flows('B')];
    for (const spine of lab.network.spines) await spine.clear();
    const marked: Record<string, number> = { stamp: 0, llama: 0 };
    for (const path of lab.collector.recorder.paths(interval)) {
      const { group, received } = path;
      // On the way out the class-of-service TLV tells; on the way back the reply does, where it may be marked.
      const hit =
        group === 'stamp' ? outFlows.get(pathKey(path))?.spine === out : backFlows.get(pathKey(path))?.spine === back;
      if (hit) marked[group]++;
      expect(received).to.be.above(0);
      expect(path.ceMarks, `${group} ${pathKey(path)}`).to.equal(hit ? received : 0);
      expect(path.remarked, `${group} ${pathKey(path)}, whose DSCP is what it was`).to.equal(0);
    }
    expect(marked.stamp).to.be.within(1, 63);
    expect(marked.llama).to.be.within(1, 31);
  });

  it('detours over one spine out and over another one back show as two hops more on exactly these paths, each change counted once', async () => {
    const [out, back] = [0, 1];
    const [outFlows, backFlows] = [await lab.flows('A'), await lab.flows('B')];
    const { recorder } = lab.collector;
    const fromMs = Date.now();
    const undo = [await lab.network.detour('A', out + 1, 3), await lab.network.detour('B', back + 1, 4)];
    // Behind the first probes that took the detour, for those are counted as changes.
    const during = await recorder.interval(Date.now() + 300, LONGEST_MS);
    for (const end of undo) await end();
    const afterwards = await recorder.interval(Date.now(), LONGEST_MS);
    const changes = new Map<string, number>();
    for (const interval of recorder.intervals.filter(({ endMs }) => endMs > fromMs))
      for (const path of recorder.paths(interval)) {
        const key = `${path.group} ${pathKey(path)}`;
        changes.set(key, (changes.get(key) ?? 0) + path.hopChanges);
      }
    let changed = 0;
    for (const path of recorder.paths(during)) {
      const key = `${path.group} ${pathKey(path)}`;
      // LLAMA's replies do not tell the TTL that the probe arrived with.
      const told = path.group === 'stamp';
      const isOut = told && outFlows.get(pathKey(path))?.spine === out;
      const isBack = backFlows.get(pathKey(path))?.spine === back;
      expect(path.hopsForward, key).to.equal(told ? (isOut ? 5 : 3) : null);
      expect(path.hopsReverse, key).to.equal(isBack ? 5 : 3);
      expect(path.hopChanges, key).to.equal(0);
      // There and back again: of a path that both detours change, each of the four may come with a probe of its own.
      const most = (isOut ? 2 : 0) + (isBack ? 2 : 0);
      expect(changes.get(key), key).to.be.within(Math.min(2, most), most);
      if (most > 0) changed++;
    }
    expect(changed).to.be.within(1, recorder.paths(during).length - 1);
    for (const { group, hopsForward, hopsReverse } of recorder.paths(afterwards)) {
      expect(hopsForward).to.equal(group === 'stamp' ? 3 : null);
      expect(hopsReverse).to.equal(3);
    }
  });

  it('every probe is accounted for, and no path lost more on a way than the spines dropped of its packets there', async () => {
    const { totals } = await lab.collector.settle();
    printFound(totals);
    expectAccounted(lab.collector);
    const drops = { A: new Map<string, number>(), B: new Map<string, number>() };
    for (const { fromA, fromB } of await lab.counters())
      for (const [to, { flows }] of [
        [drops.A, fromA],
        [drops.B, fromB],
      ] as const)
        for (const { sourcePort, target, dscp, arrived, forwarded } of flows) {
          const key = flowKey(sourcePort, target, dscp);
          to.set(key, (to.get(key) ?? 0) + arrived - forwarded);
        }
    const lost = new Map<string, { forward: number; reverse: number }>();
    for (const path of lab.collector.recorder.allPaths()) {
      const sum = lost.get(pathKey(path)) ?? { forward: 0, reverse: 0 };
      lost.set(pathKey(path), { forward: sum.forward + path.lostForward, reverse: sum.reverse + path.lostReverse });
    }
    for (const [key, { forward, reverse }] of lost) {
      expect(forward, `${key} on the way out`).to.be.at.most(drops.A.get(key) ?? 0);
      expect(reverse, `${key} on the way back`).to.be.at.most(drops.B.get(key) ?? 0);
    }
  });
});
