/** The lab itself: if it loses, duplicates or miscounts on its own, no test in it means anything. */

import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { needs } from '../support/harness/needs.js';
import { waitFor } from '../support/harness/wait.js';
import { end } from './namespaces.js';
import {
  A_ADDRESS,
  A_ADDRESS6,
  B_ADDRESSES,
  B_ADDRESSES6,
  backlogDrops,
  HOLE_ADDRESS,
  Network,
  SPINES,
} from './network.js';
import type { FlowCount, SpineCounters } from './spine.js';
import { respond, send } from './tools.js';

const PORT = 7_000;

describe('lab: two hosts, two leaves, four spines', () => {
  let network: Network;
  let drops: number;

  before(async function () {
    needs(this, 'root', 'ip', 'nft');
    drops = await backlogDrops();
    network = await Network.create();
    await respond(network, 'B', { port: PORT, addresses: [B_ADDRESSES[0], B_ADDRESSES6[0]] });
  });
  after(async () => {
    await network?.destroy();
  });

  const counters = (): Promise<SpineCounters[]> => Promise.all(network.spines.map((spine) => spine.counters()));

  /** Of one spine and direction, the flows between these ports and this target. */
  function select(list: readonly FlowCount[], target: string, firstPort: number, flows: number): FlowCount[] {
    return list.filter(
      (flow) => flow.target === target && flow.sourcePort >= firstPort && flow.sourcePort < firstPort + flows,
    );
  }
  const sum = (list: readonly FlowCount[], what: 'arrived' | 'forwarded'): number =>
    list.reduce((total, flow) => total + flow[what], 0);

  it('every address of B answers a ping, over IPv4 and IPv6', async () => {
    for (const address of [...B_ADDRESSES, ...B_ADDRESSES6]) {
      const output = await network.exec('A', 'ping', ['-c', '2', '-i', '0.01', '-W', '1', address]);
      expect(output, address).to.match(/ 0% packet loss/);
    }
  });

  it('the hole answers nothing, not even with an ICMP error', async () => {
    const args = ['-c', '3', '-i', '0.01', '-W', '1', HOLE_ADDRESS];
    const failure = await network.exec('A', 'ping', args).catch((error: Error) => error.message);
    expect(failure).to.match(/3 packets transmitted, 0 received, 100% packet loss/);
  });

  for (const [family, target] of [
    [4, B_ADDRESSES[0]],
    [6, B_ADDRESSES6[0]],
  ] as const) {
    it(`64 flows over IPv${family} use all spines both ways, each flow one, and every packet is counted`, async () => {
      const [flows, perFlow, firstPort] = [64, 50, 20_000];
      expect(await send(network, { target, port: PORT, flows, perFlow, firstSourcePort: firstPort })).to.equal(
        flows * perFlow,
      );
      const all = await counters();
      for (const direction of ['fromA', 'fromB'] as const) {
        const perSpine = all.map((spine) => select(spine[direction].flows, target, firstPort, flows));
        for (const list of perSpine) expect(list, direction).to.not.be.empty;
        const each = perSpine.flat();
        expect(new Set(each.map((flow) => flow.sourcePort)).size).to.equal(flows);
        expect(each).to.have.length(flows);
        for (const flow of each) expect(flow).to.include({ arrived: perFlow, forwarded: perFlow, dscp: 0 });
      }
    });
  }

  it('an IPv4 reply comes back over the spine next to the one that its probe took', async () => {
    const all = await counters();
    for (const [i, spine] of all.entries()) {
      const ports = (list: readonly FlowCount[]): number[] =>
        list
          .filter((flow) => flow.target === B_ADDRESSES[0])
          .map((flow) => flow.sourcePort)
          .sort((a, b) => a - b);
      expect(ports(all[(i + 1) % SPINES].fromB.flows)).to.deep.equal(ports(spine.fromA.flows));
    }
  });

  it('drops the share of a rule in one class from one side only, and counts the dropped packets', async () => {
    const [flows, perFlow, firstPort, efPort, percent] = [64, 200, 30_000, 30_032, 20];
    const [target] = B_ADDRESSES;
    // The upper half of the ports marks its packets EF on the way out of A.
    const mark = `table inet classes {
      chain out {
        type filter hook output priority 0
        udp sport >= ${efPort} udp sport < ${firstPort + flows} ip dscp set ef
      }
    }`;
    await network.exec('A', 'nft', ['-f', '-'], mark);
    for (const spine of network.spines) await spine.drop({ percent, dscp: 46, from: 'A' });
    const received = await send(network, { target, port: PORT, flows, perFlow, firstSourcePort: firstPort });
    for (const spine of network.spines) await spine.clear();

    const all = await counters();
    const seen = all.flatMap((spine) => select(spine.fromA.flows, target, firstPort, flows));
    expect(sum(seen, 'arrived')).to.equal(flows * perFlow);
    expect(sum(seen, 'forwarded')).to.equal(received);
    const plain = seen.filter((flow) => flow.dscp === 0);
    const ef = seen.filter((flow) => flow.dscp === 46);
    expect([plain.length, ef.length]).to.deep.equal([32, 32]);
    expect(sum(plain, 'forwarded')).to.equal(sum(plain, 'arrived'));
    const dropped = sum(ef, 'arrived') - sum(ef, 'forwarded');
    const expected = (sum(ef, 'arrived') * percent) / 100;
    expect(dropped).to.be.closeTo(expected, 5 * Math.sqrt(expected * (1 - percent / 100)));
    expect(all.reduce((total, spine) => total + spine.fromA.dropped.packets, 0)).to.equal(dropped);
    expect(all.reduce((total, spine) => total + spine.fromB.dropped.packets, 0)).to.equal(0);
  });

  it('loses nothing when the rules are gone, and the counters of each spine add up', async () => {
    expect(await send(network, { target: B_ADDRESSES[0], port: PORT, flows: 64, perFlow: 50 })).to.equal(64 * 50);
    for (const spine of await counters()) {
      for (const { arrived, forwarded, dropped } of [spine.fromA, spine.fromB]) {
        expect(forwarded.packets + dropped.packets).to.equal(arrived.packets);
        expect(forwarded.bytes + dropped.bytes).to.equal(arrived.bytes);
      }
    }
  });

  it('the machine itself dropped nothing meanwhile', async () => {
    expect((await backlogDrops()) - drops).to.equal(0);
  });
});

describe('lab: removal', () => {
  before(function () {
    needs(this, 'root', 'ip', 'nft');
  });

  const existing = (): string => spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' }).stdout;
  /** A process that has ended but was not yet waited for (by init, at its leisure) counts as gone. */
  const alive = (pid: number): boolean =>
    existsSync(`/proc/${pid}/stat`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));

  it('destroy ends processes, stopped ones too, and leaves no namespace behind; twice is fine', async () => {
    const network = await Network.create();
    const names = network.namespaceNames;
    for (const name of names) expect(existing()).to.contain(name);
    const children = [0, 1].map(() => network.spawn('A', 'sleep', ['1000'], { stdio: 'ignore' }));
    children[1].kill('SIGSTOP');
    await network.destroy();
    for (const name of names) expect(existing()).to.not.contain(name);
    for (const child of children) expect(alive(child.pid as number)).to.equal(false);
    await network.destroy();
  });

  it('two networks stand side by side', async () => {
    const both = await Promise.all([Network.create(), Network.create()]);
    for (const network of both)
      expect(await network.exec('B', 'ping', ['-c', '1', '-W', '1', A_ADDRESS])).to.match(/ 0% packet loss/);
    expect(await both[1].exec('B', 'ping', ['-c', '1', '-W', '1', A_ADDRESS6])).to.match(/ 0% packet loss/);
    await Promise.all(both.map((network) => network.destroy()));
  });

  for (const [how, script] of [
    ['exits', 'process.exit(3)'],
    ['throws', "throw new Error('on purpose')"],
    ['gets SIGTERM', "process.kill(process.pid, 'SIGTERM')"],
  ]) {
    it(`nothing is left of a process that ${how} without destroying its network`, async () => {
      const code = `
        const { Network } = await import(${JSON.stringify(new URL('./network.js', import.meta.url).href)});
        const network = await Network.create();
        const child = network.spawn('A', 'sleep', ['1000'], { stdio: 'ignore' });
        console.log(JSON.stringify({ pid: child.pid, names: network.namespaceNames }));
        ${script};`;
      const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' });
      const { pid, names } = JSON.parse(stdout) as { pid: number; names: string[] };
      expect(names).to.have.length(8);
      for (const name of names) expect(existing()).to.not.contain(name);
      await waitFor(`process ${pid} is gone`, () => !alive(pid));
    });
  }

  it('a process that ignores SIGTERM is ended all the same', async () => {
    const network = await Network.create();
    const child = network.spawn('A', 'sh', ['-c', "trap '' TERM; echo ready; while :; do sleep 1; done"]);
    if (child.stdout !== null) await once(child.stdout, 'data');
    await end(child, 200);
    expect(child.signalCode).to.equal('SIGKILL');
    await network.destroy();
  });
});
