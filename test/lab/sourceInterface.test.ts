/** Probes leave by the interface that the collector or a group is bound to, whatever the routes say. */

import { readdirSync } from 'node:fs';
import { expect } from 'chai';
import type { GroupSpec, PathRow, ResultRow } from '../support/harness/contract.js';
import { needs } from '../support/harness/needs.js';
import { waitFor } from '../support/harness/wait.js';
import { TestCollector } from '../support/processes/collector.js';
import type { Spawner } from '../support/processes/process.js';
import { TwoHosts } from './twoHosts.js';

const LINKS = 2;
const PROTOCOLS = { stamp: 8_100, icmp: undefined, 'tcp-syn': 81, llama: 8_100 } as const;
const B = { 4: '10.9.0.2', 6: 'fd00:9::2' } as const;
/** Both links carry the same subnet: by routes alone everything leaves by eth0. */
const A = [
  { 4: '10.9.0.10', 6: 'fd00:9::10' },
  { 4: '10.9.0.11', 6: 'fd00:9::11' },
] as const;
const SEEN_MS = 15_000;
/** A timeout, and two looks of the collector. */
const CLOSED_MS = 20_000;
/** Not what the kernel sends by itself: it ends a connection that a SYN+ACK wants to open, by any way. */
const PROBES = [
  'udp dport 8100',
  'icmp type echo-request',
  'icmpv6 type echo-request',
  'tcp flags & (syn | ack) == syn',
] as const;

describe('lab: source interfaces', function () {
  this.timeout(90_000);
  let hosts: TwoHosts;
  let collector: TestCollector | undefined;

  before(async function () {
    needs(this, 'root', 'ip', 'nft');
    hosts = await TwoHosts.create(LINKS);
    for (let link = 0; link < LINKS; link++) await address(link);
    // B answers on both links by a bridge between them, which learns where each address of A is.
    await hosts.ip('b', 'link add br0 type bridge');
    for (let link = 0; link < LINKS; link++) await hosts.ip('b', `link set eth${link} master br0`);
    await hosts.ip('b', `address add ${B[4]}/24 dev br0`);
    await hosts.ip('b', `address add ${B[6]}/64 dev br0 nodad`);
    await hosts.ip('b', 'link set br0 up');
    await hosts.reflector('b');
    await hosts.nft(
      'a',
      `table inet out {
        ${[0, 1].map((link) => `counter link${link} {}`).join('\n')}
        chain out { type filter hook output priority 0;
          ${[0, 1].flatMap((link) => PROBES.map((match) => `oifname eth${link} ${match} counter name link${link}`)).join('\n')}
        }
      }`,
    );
  });
  afterEach(async () => {
    await collector?.stop();
    collector = undefined;
  });
  after(() => hosts?.destroy());

  async function address(link: number): Promise<void> {
    // Each address answers ARP on its own link only, so that replies come back by it.
    await hosts.sysctl('a', `net.ipv4.conf.eth${link}.arp_ignore=1`, `net.ipv4.conf.eth${link}.arp_announce=2`);
    await hosts.ip('a', `address add ${A[link][4]}/24 dev eth${link}`);
    await hosts.ip('a', `address add ${A[link][6]}/64 dev eth${link} nodad`);
  }

  /** The second link, after it was deleted. */
  async function makeAgain(): Promise<void> {
    await hosts.ip('a', 'link add eth1 type veth', 'peer', 'name', 'eth1', 'netns', hosts.spaces.name('b'));
    await hosts.sysctl('a', 'net.ipv6.conf.eth1.accept_dad=0');
    await hosts.ip('a', 'link set eth1 up');
    await hosts.ip('b', 'link set eth1 master br0');
    await hosts.ip('b', 'link set eth1 up');
    await address(1);
  }

  const groups = (more: object): Record<string, GroupSpec> =>
    Object.fromEntries(
      Object.entries(PROTOCOLS).map(([protocol, port]) => [
        protocol,
        {
          protocol,
          ...(port === undefined ? {} : { port }),
          period: '100ms',
          timeout: '90ms',
          targets: [{ address: B[4] }, { address: B[6] }],
          ...more,
        },
      ]),
    );

  async function start(source: object, specs: Record<string, GroupSpec>): Promise<TestCollector> {
    collector = await TestCollector.start({ source: { ports: 2, ...source }, groups: specs }, hosts.at('a'));
    return collector;
  }

  const whole = ({ sent, received }: ResultRow): boolean => sent > 5 && received === sent;

  /** An interval in which every target of these groups was answered without loss. */
  async function healthy(running: TestCollector, names: readonly string[]): Promise<readonly ResultRow[]> {
    const from = running.recorder.intervals.length;
    return waitFor(
      'every target is answered',
      () =>
        running.recorder.intervals
          .slice(from)
          .map(({ results }) => results)
          .find((rows) => names.every((name) => rows.filter((row) => row.group === name && whole(row)).length === 2)),
      SEEN_MS,
    );
  }

  async function packets(link: number): Promise<number> {
    const text = await hosts.spaces.exec('a', 'nft', ['list', 'counter', 'inet', 'out', `link${link}`]);
    return Number(/packets (\d+)/.exec(text)?.[1]);
  }

  const sources = (rows: readonly ResultRow[]): Set<string> => new Set(rows.map(({ source }) => source));

  it('leave as the routes say when none is named', async () => {
    const running = await start({}, groups({}));
    const rows = await healthy(running, Object.keys(PROTOCOLS));
    expect(sources(rows)).to.deep.equal(new Set([A[0][4], A[0][6]]));
  });

  it('of the collector: probes of every protocol leave by it, and rows show its address', async () => {
    const running = await start({ interface: 'eth1' }, groups({}));
    await healthy(running, Object.keys(PROTOCOLS));
    const before = await packets(0);
    const rows = await healthy(running, Object.keys(PROTOCOLS));
    expect(sources(rows)).to.deep.equal(new Set([A[1][4], A[1][6]]));
    expect(await packets(0)).to.equal(before);
  });

  it('of groups: each uses its own, side by side, with fixed ports too', async () => {
    const specs = groups({});
    // A server takes one SYN at a time from a port, so a TCP port belongs to one group.
    for (const [name, spec] of Object.entries(groups({ sourceInterface: 'eth1' })))
      specs[`${name}-eth1`] = name === 'tcp-syn' ? { ...spec, port: 82 } : spec;
    const running = await start({ basePort: 20_000 }, specs);
    const rows = await healthy(running, Object.keys(specs));
    for (const { group, source, target } of rows) {
      const family = target === B[4] ? 4 : 6;
      expect(source, group).to.equal(A[group.endsWith('-eth1') ? 1 : 0][family]);
    }
    const { body } = await running.get('/v1/paths');
    const { paths } = JSON.parse(body) as { paths: PathRow[] };
    const ports = (name: string): number[] =>
      [...new Set(paths.filter(({ group }) => group === name).map(({ sourcePort }) => sourcePort))].sort();
    expect([ports('stamp'), ports('stamp-eth1')]).to.deep.equal([
      [20_000, 20_001],
      [20_002, 20_003],
    ]);
  });

  it('change live, without loss', async () => {
    const running = await start({}, {});
    const { stamp } = groups({});
    await running.putGroup('west', stamp);
    await healthy(running, ['west']);
    await running.putGroup('west', { ...stamp, sourceInterface: 'eth1' });
    // In the first one there may be rows of both.
    await healthy(running, ['west']);
    const rows = await healthy(running, ['west']);
    expect(sources(rows)).to.deep.equal(new Set([A[1][4], A[1][6]]));
    await running.settle();
    expect(running.recorder.rows().reduce((sum, { lost }) => sum + lost, 0)).to.equal(0);
  });

  it('are followed when they are deleted and made again', async () => {
    const running = await start({ interface: 'eth1' }, groups({}));
    await healthy(running, Object.keys(PROTOCOLS));
    await hosts.ip('a', 'link del eth1');
    await waitFor(
      'no answer',
      () => (running.recorder.intervals.at(-1)?.results ?? []).every(({ received }) => received === 0),
      SEEN_MS,
    );
    await makeAgain();
    const rows = await healthy(running, Object.keys(PROTOCOLS));
    expect(sources(rows)).to.deep.equal(new Set([A[1][4], A[1][6]]));
  });

  const descriptors = ({ process: { pid } }: TestCollector): number => readdirSync(`/proc/${pid}/fd`).length;

  it('of no group any more: their sockets are closed when the last probe is decided, and opened again for another group', async () => {
    const running = await start({}, {});
    const all = groups({ sourceInterface: 'eth1' });
    await waitFor('the collector measures', async () => (await running.status()).state === 'running', SEEN_MS);
    for (let i = 0; i < 2; i++) {
      const before = descriptors(running);
      for (const [name, spec] of Object.entries(all)) await running.putGroup(name, spec);
      await healthy(running, Object.keys(all));
      expect(descriptors(running)).to.be.above(before);
      for (const name of Object.keys(all)) await running.deleteGroup(name);
      await waitFor('they are closed', () => descriptors(running) === before, CLOSED_MS);
    }
    await running.settle();
    const rows = running.recorder.rows();
    expect(rows.reduce((sum, { lost, late }) => sum + lost + late, 0)).to.equal(0);
  });

  it('made again, without CAP_NET_RAW: a warning says that nothing is sent by it, as long as a group needs it', async () => {
    const withoutRaw: Spawner = (command, args, options) =>
      hosts.at('a')('setpriv', ['--inh-caps=-net_raw', '--bounding-set=-net_raw', command, ...args], options);
    const running = await TestCollector.start({ source: { ports: 2 }, groups: {} }, withoutRaw);
    collector = running;
    await running.putGroup('west', groups({ sourceInterface: 'eth1' }).stamp);
    await healthy(running, ['west']);
    const warning = async (): Promise<string | undefined> =>
      (await running.status()).warnings.find((text) => text.includes('eth1 was deleted and made again'));
    expect(await warning()).to.equal(undefined);
    await hosts.ip('a', 'link del eth1');
    await makeAgain();
    const text = await waitFor('the warning', warning, SEEN_MS);
    expect(text).to.include('may not bind its udp sockets to it again: nothing is sent by it; give CAP_NET_RAW');
    await running.deleteGroup('west');
    expect(await warning()).to.equal(undefined);
  });

  it('that do not exist are waited for, and said', async () => {
    const running = await start({}, groups({ sourceInterface: 'nowhere0' }));
    const unsent = (): boolean =>
      (running.recorder.intervals.at(-1)?.results ?? []).filter(({ sendErrors, sent }) => sendErrors > 0 && sent === 0)
        .length === 8;
    await waitFor('nothing is sent', unsent, SEEN_MS);
    expect((await running.status()).warnings.join('\n')).to.match(/no IPv6 source ports for tcp-syn: .*nowhere0/);
  });

  it('of a VRF: probes are routed by its table', async function () {
    const made = await hosts.ip('a', 'link add vrf9 type vrf table 9').then(
      () => true,
      () => false,
    );
    if (!made) {
      console.log('      skipped: this kernel has no VRF (CONFIG_NET_VRF)');
      this.skip();
    }
    await hosts.ip('a', 'link set vrf9 up');
    await hosts.ip('a', 'link set eth1 master vrf9');
    // An enslaved interface loses its IPv6 addresses.
    await hosts.ip('a', `address replace ${A[1][6]}/64 dev eth1 nodad`);
    const running = await start({ interface: 'vrf9' }, groups({}));
    const rows = await healthy(running, Object.keys(PROTOCOLS));
    expect(sources(rows)).to.deep.equal(new Set([A[1][4], A[1][6]]));
  });
});
