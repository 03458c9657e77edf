/**
 * Probes that need no reflector, packet sizes and flow labels, through the fabric: held against tcpdump, the kernel's
 * TCP and nftables.
 */

import { once } from 'node:events';
import { expect } from 'chai';
import type { ConfigSpec, ResultRow } from '../support/harness/contract.js';
import { needs } from '../support/harness/needs.js';
import { waitFor } from '../support/harness/wait.js';
import { TestCollector } from '../support/processes/collector.js';
import { B_ADDRESSES, B_ADDRESSES6, HOST_INTERFACE, type HostName, Network, SPINES } from './network.js';
import { expectAccounted, printFound, startReflector } from './suites/lab.js';

const OPEN_PORT = 4430;
const SERVER = `require('net').createServer((s) => s.on('error', () => {}).end()).listen({ port: ${OPEN_PORT}, host: '::', backlog: 4096 }, () => console.log('up'))`;
/**
 * Opens 1,000 connections a second for two seconds; prints how many were made, and how long that took in the median,
 * us.
 */
const CLIENT = `const us = []; let begun = 0;
const timer = setInterval(() => {
  for (let i = 0; i < 5 && begun < 2000; i++, begun++) {
    const start = performance.now();
    require('net').connect(${OPEN_PORT}, '${B_ADDRESSES[0]}', function () { us.push((performance.now() - start) * 1e3); this.end(); }).on('error', () => {});
  }
  if (begun === 2000) clearInterval(timer);
}, 5);
process.on('exit', () => console.log(JSON.stringify({ made: us.length, medianUs: us.sort((a, b) => a - b)[us.length >> 1] })));`;
/**
 * How much longer connections may take beside the probes than without: what two runs without differ by on a busy
 * machine.
 */
const DISTURBANCE = 1.5;
const at = (...addresses: string[]) => addresses.map((address) => ({ address }));
const INTERVALS = 2;
const LONGEST_MS = 15_000;

describe('Probes without a reflector, sizes and flow labels, through the fabric', function () {
  this.timeout(60_000);
  let network: Network;

  before(async function () {
    needs(this, 'root', 'ip', 'nft', 'tcpdump');
    network = await Network.create();
    await startReflector(network);
    const server = network.spawn('B', process.execPath, ['-e', SERVER], { stdio: ['ignore', 'pipe', 'inherit'] });
    if (server.stdout !== null) await once(server.stdout, 'data');
  });
  after(async () => {
    await network?.destroy();
  });

  async function measure(
    groups: ConfigSpec['groups'],
    meanwhile: () => Promise<void> = async () => {},
  ): Promise<TestCollector> {
    const collector = await TestCollector.start({ source: { ports: 16 }, groups }, network.at('A'));
    try {
      await meanwhile();
      await collector.recorder.interval(Date.now() + (INTERVALS - 1) * 1000, LONGEST_MS);
      const { totals } = await collector.settle();
      printFound(totals);
      expectAccounted(collector);
      for (const name of Object.keys(totals).filter((one) => one.startsWith('invalid')))
        expect(totals[name], name).to.equal(0);
    } catch (error) {
      await collector.stop();
      throw error;
    }
    return collector;
  }

  /** Lines of tcpdump for what passes on a host while `work` goes on. */
  async function captured(host: HostName, args: readonly string[], work: () => Promise<void>): Promise<string[]> {
    const child = network.spawn(host, 'tcpdump', ['-i', HOST_INTERFACE, '-n', '-l', '-B', '65536', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let text = '';
    let said = '';
    child.stdout?.on('data', (data: Buffer) => {
      text += data.toString();
    });
    child.stderr?.on('data', (data: Buffer) => {
      said += data.toString();
    });
    await waitFor('tcpdump listens', () => said.includes('listening on'));
    await work();
    const closed = once(child, 'close');
    child.kill('SIGINT');
    await closed;
    expect(said).to.match(/\n0 packets dropped by kernel/);
    return text.split('\n');
  }

  const sums = (rows: Iterable<ResultRow>, group: string) => {
    const total = { sent: 0, received: 0, tooBig: 0, lost: 0, unreachable: 0, rttUs: 0 };
    for (const row of rows) {
      if (row.group !== group) continue;
      for (const name of ['sent', 'received', 'tooBig', 'lost', 'unreachable'] as const) total[name] += row[name];
      total.rttUs += (row.rttUs?.mean ?? 0) * row.received;
    }
    return total;
  };

  it('SYNs to open and closed ports go over all spines, leave nothing behind, and give the RTTs that tcpdump saw, with 1,000 connections/s', async () => {
    const count = [
      'table inet syns {',
      'chain count {',
      'type filter hook forward priority 5;',
      'iifname "left" tcp flags syn counter',
      'iifname "right" meta l4proto tcp counter',
      '}',
      '}\n',
    ].join('\n');
    for (const spine of network.spines) await network.exec(spine.name as HostName, 'nft', ['-f', '-'], count);
    const common = { protocol: 'tcp-syn', period: '800ms', timeout: '400ms', classes: ['cs0', 'ef'] };
    let collector: TestCollector | undefined;
    const connect = async (): Promise<{ made: number; medianUs: number }> =>
      JSON.parse(await network.exec('A', process.execPath, ['-e', CLIENT])) as { made: number; medianUs: number };
    const before = await connect();
    let beside = before;
    const filter = `tcp and (src port ${OPEN_PORT} or src port 0 or dst port ${OPEN_PORT} or dst port 0)`;
    const lines = await captured('A', ['-tt', '-S', '--time-stamp-precision=nano', filter], async () => {
      collector = await measure(
        {
          open: { ...common, port: OPEN_PORT, targets: at(...B_ADDRESSES.slice(1, 3)) },
          open6: { ...common, port: OPEN_PORT, targets: at(...B_ADDRESSES6.slice(1, 3)) },
          closed: { ...common, targets: at(B_ADDRESSES[3], B_ADDRESSES6[3]) },
          busy: { ...common, port: OPEN_PORT, targets: at(B_ADDRESSES[0]) },
        },
        async () => {
          beside = await connect();
        },
      );
    });
    const rows = [...(collector as TestCollector).recorder.rows()];
    await (collector as TestCollector).stop();
    const after = await connect();
    expect([before.made, beside.made, after.made], 'connections made by the host itself').to.deep.equal([
      2000, 2000, 2000,
    ]);
    console.log(
      `      connect, us: ${before.medianUs} before, ${beside.medianUs} beside the probes, ${after.medianUs} after`,
    );
    expect(beside.medianUs).to.be.below(DISTURBANCE * Math.max(before.medianUs, after.medianUs));
    for (const group of ['open', 'open6', 'closed', 'busy']) {
      const { sent, received } = sums(rows, group);
      expect(sent, group).to.be.above(50);
      expect(received, group).to.equal(sent);
    }
    const half = await network.exec('B', 'ss', ['-Htan', 'state', 'syn-recv']);
    expect(half.trim(), 'half-open connections').to.equal('');
    for (const spine of network.spines) {
      const table = await network.exec(spine.name as HostName, 'nft', ['list', 'table', 'inet', 'syns']);
      for (const [, packets] of table.matchAll(/counter packets (\d+)/g))
        expect(Number(packets), table).to.be.above(20);
    }
    // tcpdump's RTTs, by the number that SYN and answer share; the host's own connections go to the first address.
    const left = new Map<string, number>();
    const rtts: number[] = [];
    let resets = 0;
    const line = /^(\d+)\.(\d{9}) IP6? (\S+) > (\S+): Flags \[([SRA.]+)\].*?(?:seq (\d+))?(?:, ack (\d+))?[,\s].*$/;
    for (const text of lines) {
      const [, s = '', ns = '', from = '', to = '', flags = ''] = line.exec(text) ?? [];
      const seq = /seq (\d+)/.exec(text)?.[1];
      const ack = /ack (\d+)/.exec(text)?.[1];
      if (`${from} ${to}`.includes(`${B_ADDRESSES[0]}.`)) continue;
      const us = (Number(s) % 1e6) * 1e6 + Number(ns) / 1e3;
      if (flags === 'S' && seq !== undefined) left.set(`${from} ${to} ${seq}`, us);
      else if (flags === 'R') resets++;
      else if (ack !== undefined) {
        const sent =
          left.get(`${to.slice(0, -1)}: ${from} ${(Number(ack) - 1) >>> 0}`) ??
          left.get(`${to} ${from} ${(Number(ack) - 1) >>> 0}`);
        if (sent !== undefined) rtts.push(us - sent);
      }
    }
    const all = ['open', 'open6', 'closed'].map((group) => sums(rows, group));
    const received = all.reduce((sum, one) => sum + one.received, 0);
    expect(rtts.length, 'answers in the capture').to.equal(received);
    expect(resets, 'RSTs after SYN+ACK').to.equal(sums(rows, 'open').received + sums(rows, 'open6').received);
    const seen = rtts.reduce((sum, rtt) => sum + rtt, 0) / rtts.length;
    const reported = all.reduce((sum, one) => sum + one.rttUs, 0) / received;
    console.log(`      mean RTT: reported ${reported.toFixed(2)} us, tcpdump ${seen.toFixed(2)} us`);
    expect(Math.abs(seen - reported)).to.be.below(20);
  });

  it('echo requests are answered on both families, by one path a class', async () => {
    const collector = await measure({
      ping: {
        protocol: 'icmp',
        period: '50ms',
        timeout: '200ms',
        classes: ['cs0', 'ef'],
        targets: at(B_ADDRESSES[0], B_ADDRESSES6[0]),
      },
    });
    const { sent, received } = sums(collector.recorder.rows(), 'ping');
    const paths = new Set(
      [...collector.recorder.allPaths()].map((path) => `${path.target} ${path.class} ${path.sourcePort}`),
    );
    await collector.stop();
    expect(received).to.equal(sent);
    expect(sent).to.be.above(100);
    expect(paths.size).to.equal(4);
  });

  it('IPv6 flow labels differ by source port and target, and are the same for all classes', async () => {
    let collector: TestCollector | undefined;
    const lines = await captured('A', ['-v', 'ip6 and udp and dst port 8100'], async () => {
      collector = await measure({
        six: { period: '200ms', timeout: '1s', classes: ['cs0', 'ef'], targets: at(...B_ADDRESSES6.slice(0, 4)) },
      });
    });
    await collector?.stop();
    const labels = new Map<string, Set<string>>();
    for (const text of lines) {
      const [, label, flow] = /flowlabel (0x[0-9a-f]+),.*\) (\S+ > \S+): /.exec(text) ?? [];
      if (label === undefined || flow === undefined) continue;
      labels.set(flow, (labels.get(flow) ?? new Set()).add(label));
    }
    expect(labels.size, 'flows').to.equal(16 * 4);
    for (const [flow, own] of labels) expect(own.size, flow).to.equal(1);
    expect(new Set([...labels.values()].flatMap((own) => [...own])).size, 'labels').to.be.at.least(62);
  });

  it('probes and replies of 4,000 bytes go in fragments, with small ones from the same sockets, and arrive', async () => {
    const common = { period: '200ms', timeout: '1s', targets: at(B_ADDRESSES[0], B_ADDRESSES6[0]) };
    const collector = await measure({ small: common, pieces: { ...common, payloadBytes: 4000 } });
    const rows = [...collector.recorder.rows()];
    await collector.stop();
    for (const group of ['small', 'pieces']) {
      const total = sums(rows, group);
      expect(total, group).to.include({ lost: 0, tooBig: 0, unreachable: 0, received: total.sent });
      expect(total.sent, group).to.be.above(50);
    }
  });

  it('a probe larger than a link of 1,400 bytes is tooBig with that MTU and no loss; one larger than the own interface, too', async () => {
    for (let n = 1; n <= SPINES; n++) await network.exec(`spine${n}`, 'ip', ['link', 'set', 'right', 'mtu', '1400']);
    const common = { period: '200ms', timeout: '1s', dontFragment: true };
    const targets = at(B_ADDRESSES[0], B_ADDRESSES6[0]);
    const collector = await measure({
      fits: { ...common, payloadBytes: 1352, targets },
      link: { ...common, payloadBytes: 1400, targets },
      own: { ...common, payloadBytes: 1500, targets },
      ping: { ...common, protocol: 'icmp', payloadBytes: 1400, targets },
      pingOwn: { ...common, protocol: 'icmp', payloadBytes: 1500, targets },
    });
    const rows = [...collector.recorder.rows()];
    await collector.stop();
    expect(sums(rows, 'fits')).to.include({ lost: 0, tooBig: 0, unreachable: 0 });
    expect(sums(rows, 'fits').received).to.be.above(50);
    for (const group of ['link', 'own', 'ping', 'pingOwn']) {
      const total = sums(rows, group);
      expect(total, group).to.include({ lost: 0, received: 0, unreachable: 0, tooBig: total.sent });
      expect(total.sent, group).to.be.above(group.startsWith('ping') ? 5 : 50);
      // What is too big for the own interface as well names that one's MTU until another probe has learnt the path's.
      const mtus = group.toLowerCase().endsWith('own') ? [1400, 1500] : [1400];
      for (const row of rows)
        if (row.group === group && row.sent > 0) expect(row.mtu, JSON.stringify(row)).to.be.oneOf(mtus);
    }
  });
});
