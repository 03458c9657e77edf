/**
 * A small data centre in network namespaces: two hosts, two leaves, four spines, and real L4 ECMP on IPv4 and IPv6.
 *
 *                      ┌── spine1 ──┐
 *  A ── eth0 ── leafA ─┼── spine2 ──┼─ leafB ── eth0 ── B
 *   10.1.0.2           ├── spine3 ──┤            10.2.0.2 … 10.2.0.9
 *   fd00:1::2          └── spine4 ──┘            fd00:2::2 … fd00:2::9
 *
 * The kernel's L4 hash of an IPv4 flow is the same for both directions, so with equal tables a reply would always come
 * back over the spine that its probe took. Real networks don't do that: leafB lists the spines one place further, so
 * what went by spine1 comes back by spine2, and so on around. (IPv6 flows are hashed independently on their way back.)
 *
 * Neighbours are entered by hand: no packet waits for ARP, and none is lost to it.
 */

import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import type { Spawner } from '../support/processes/process.js';
import { Namespaces, run } from './namespaces.js';
import { type Side, Spine } from './spine.js';

export type HostName = 'A' | 'B' | 'leafA' | 'leafB' | `spine${number}`;

export const SPINES = 4;
export const A_ADDRESS = '10.1.0.2';
export const A_ADDRESS6 = 'fd00:1::2';
const B_HOSTS = [2, 3, 4, 5, 6, 7, 8, 9];
export const B_ADDRESSES: readonly string[] = B_HOSTS.map((host) => `10.2.0.${host}`);
export const B_ADDRESSES6: readonly string[] = B_HOSTS.map((host) => `fd00:2::${host}`);
/** Routed to B, which does not own it and drops what comes for it: an address that answers nothing at all. */
export const HOLE_ADDRESS = '10.2.0.200';

/** Interface that A and B have; what a capture listens on. */
export const HOST_INTERFACE = 'eth0';

/** Routing table of leaves for what a spine gave back. */
const DETOUR_TABLE = 100;

const NAMES: readonly HostName[] = ['A', 'B', 'leafA', 'leafB', 'spine1', 'spine2', 'spine3', 'spine4'];

const SYSCTLS: Record<string, string> = {
  'net.ipv4.conf.all.rp_filter': '0',
  'net.ipv4.conf.default.rp_filter': '0',
  'net.ipv4.icmp_ratelimit': '0',
  'net.ipv6.icmp.ratelimit': '0',
  // One bucket for all of a namespace's ICMP errors, 1000 a second by default; unknown to some kernels.
  'net.ipv4.icmp_msgs_per_sec': '1000000',
  'net.ipv4.icmp_msgs_burst': '100000',
  'net.ipv4.ping_group_range': '0 2147483647',
  'net.ipv6.conf.default.accept_dad': '0',
};
const FORWARDING: Record<string, string> = { 'net.ipv4.ip_forward': '1', 'net.ipv6.conf.all.forwarding': '1' };
const L4_HASH: Record<string, string> = {
  'net.ipv4.fib_multipath_hash_policy': '1',
  'net.ipv6.fib_multipath_hash_policy': '1',
};

interface End {
  readonly host: HostName;
  readonly device: string;
  readonly addresses: readonly string[];
}

/** The links; IPv4 and IPv6 addresses with their prefix lengths. */
function links(): readonly (readonly [End, End])[] {
  const all: [End, End][] = [
    [
      { host: 'A', device: HOST_INTERFACE, addresses: [`${A_ADDRESS}/24`, `${A_ADDRESS6}/64`] },
      { host: 'leafA', device: 'host', addresses: ['10.1.0.1/24', 'fd00:1::1/64'] },
    ],
    [
      {
        host: 'B',
        device: HOST_INTERFACE,
        addresses: [
          ...B_ADDRESSES.map((address) => `${address}/24`),
          ...B_ADDRESSES6.map((address) => `${address}/64`),
        ],
      },
      { host: 'leafB', device: 'host', addresses: ['10.2.0.1/24', 'fd00:2::1/64'] },
    ],
  ];
  for (let n = 1; n <= SPINES; n++) {
    for (const [leaf, device, net] of [
      ['leafA', 'left', 11],
      ['leafB', 'right', 12],
    ] as const) {
      all.push([
        { host: leaf, device: `spine${n}`, addresses: [`10.${net}.${n}.1/24`, `fd00:${net}:${n}::1/64`] },
        { host: `spine${n}`, device, addresses: [`10.${net}.${n}.2/24`, `fd00:${net}:${n}::2/64`] },
      ]);
    }
  }
  return all;
}

export class Network {
  /** Number 1 to 4 at index 0 to 3. */
  readonly spines: readonly Spine[];
  private readonly namespaces = new Namespaces();

  private constructor() {
    this.spines = Array.from(
      { length: SPINES },
      (_, i) => new Spine(`spine${i + 1}`, (command, args, input) => this.exec(`spine${i + 1}`, command, args, input)),
    );
  }

  /** Builds it all, or leaves nothing behind. */
  static async create(): Promise<Network> {
    const network = new Network();
    try {
      await network.namespaces.add(NAMES);
      await Promise.all(NAMES.map((name) => network.configure(name)));
      await network.connect();
      await Promise.all([network.route(), ...network.spines.map((spine) => spine.install())]);
      return network;
    } catch (error) {
      await network.destroy();
      throw error;
    }
  }

  /** Ends what was started inside, removes everything. May be called twice. */
  destroy(): Promise<void> {
    return this.namespaces.destroy();
  }

  /** Names as `ip netns` shows them. */
  get namespaceNames(): readonly string[] {
    return this.namespaces.names;
  }

  /** Runs a command to its end on a host; resolves with its stdout, rejects when it fails. */
  exec(host: HostName, command: string, args: readonly string[], input = ''): Promise<string> {
    return this.namespaces.exec(host, command, args, input);
  }

  /** Starts a process on a host; `destroy` ends it. */
  spawn(host: HostName, command: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    return this.namespaces.spawn(host, command, args, options);
  }

  /** `spawn` on one host, for whoever only wants to start a process somewhere. */
  at(host: HostName): Spawner {
    return (command, args, options) => this.spawn(host, command, args, options);
  }

  /**
   * What comes from a side and goes over spine `over` takes another way: that spine gives it back to the leaf it came
   * from, which sends it over spine `instead`. Two hops more. Resolves with what takes it back.
   */
  async detour(from: Side, over: number, instead: number): Promise<() => Promise<void>> {
    const [leaf, net, to, to6] =
      from === 'A'
        ? (['leafA', 11, '10.2.0.0/24', 'fd00:2::/64'] as const)
        : (['leafB', 12, '10.1.0.0/24', 'fd00:1::/64'] as const);
    const far = from === 'A' ? 12 : 11;
    await this.batch(leaf, [
      `route replace ${to} via 10.${net}.${instead}.2 dev spine${instead} table ${DETOUR_TABLE}`,
      `route replace ${to6} via fd00:${net}:${instead}::2 dev spine${instead} table ${DETOUR_TABLE}`,
      `rule add iif spine${over} to ${to} lookup ${DETOUR_TABLE}`,
    ]);
    // A line of a batch says its family by its addresses, but not one about rules.
    const rule = ['rule', 'add', 'iif', `spine${over}`, 'to', to6, 'lookup', String(DETOUR_TABLE)];
    await this.exec(leaf, 'ip', ['-6', ...rule]);
    const routeOver = (side: number): Promise<void> =>
      this.batch(`spine${over}`, [
        `route replace ${to} via 10.${side}.${over}.1`,
        `route replace ${to6} via fd00:${side}:${over}::1`,
      ]);
    await routeOver(net);
    return () => routeOver(far);
  }

  private async configure(host: HostName): Promise<void> {
    const settings = { ...SYSCTLS, ...(host === 'A' || host === 'B' ? {} : FORWARDING) };
    if (host === 'leafA' || host === 'leafB') Object.assign(settings, L4_HASH);
    await this.exec(host, 'sysctl', [
      '-e',
      '-q',
      '-w',
      ...Object.entries(settings).map(([key, value]) => `${key}=${value}`),
    ]);
  }

  private async connect(): Promise<void> {
    const add: string[] = [];
    const inside = new Map<HostName, string[]>(NAMES.map((name) => [name, ['link set lo up']]));
    for (const [i, [one, two]] of links().entries()) {
      const side = (end: End, n: number): string =>
        `name ${end.device} netns ${this.namespaces.name(end.host)} address ${mac(i, n)}`;
      add.push(`link add ${side(one, 1)} type veth peer ${side(two, 2)}`);
      for (const [end, other, otherMac] of [
        [one, two, mac(i, 2)],
        [two, one, mac(i, 1)],
      ] as const) {
        const commands = inside.get(end.host) as string[];
        commands.push(`link set ${end.device} up`);
        for (const address of end.addresses)
          commands.push(`address add ${address} dev ${end.device}${address.includes(':') ? ' nodad' : ''}`);
        for (const address of other.addresses) commands.push(neighbour(address.split('/')[0], otherMac, end.device));
        if (end.host === 'leafB' && end.device === 'host') commands.push(neighbour(HOLE_ADDRESS, otherMac, end.device));
      }
    }
    await run('ip', ['-batch', '-'], add.join('\n'));
    await Promise.all([...inside].map(([host, commands]) => this.batch(host, commands)));
  }

  private async route(): Promise<void> {
    const order = Array.from({ length: SPINES }, (_, i) => i + 1);
    const rotated = [...order.slice(1), order[0]];
    await Promise.all([
      this.batch('A', ['route add default via 10.1.0.1', 'route add ::/0 via fd00:1::1']),
      this.batch('B', ['route add default via 10.2.0.1', 'route add ::/0 via fd00:2::1']),
      this.batch('leafA', multipath(11, order, '10.2.0.0/24', 'fd00:2::/64')),
      this.batch('leafB', multipath(12, rotated, '10.1.0.0/24', 'fd00:1::/64')),
      ...order.map((n) =>
        this.batch(`spine${n}`, [
          `route add 10.1.0.0/24 via 10.11.${n}.1`,
          `route add 10.2.0.0/24 via 10.12.${n}.1`,
          `route add fd00:1::/64 via fd00:11:${n}::1`,
          `route add fd00:2::/64 via fd00:12:${n}::1`,
        ]),
      ),
    ]);
  }

  /** Every line names its family by its addresses. */
  private async batch(host: HostName, commands: readonly string[]): Promise<void> {
    await run('ip', ['-n', this.namespaces.name(host), '-batch', '-'], commands.join('\n'));
  }
}

function mac(link: number, side: number): string {
  return `02:00:00:00:${link.toString(16).padStart(2, '0')}:0${side}`;
}

function neighbour(address: string, lladdr: string, device: string): string {
  return `neighbour replace ${address} lladdr ${lladdr} dev ${device} nud permanent`;
}

/** One nexthop per spine, a group of them per family, and a route to it. The order decides which hash goes where. */
function multipath(net: number, order: readonly number[], to: string, to6: string): string[] {
  const hops = order.flatMap((n) => [
    `nexthop add id ${n} via 10.${net}.${n}.2 dev spine${n}`,
    `nexthop add id ${100 + n} via fd00:${net}:${n}::2 dev spine${n}`,
  ]);
  return [
    ...hops,
    `nexthop add id 10 group ${order.join('/')}`,
    `route add ${to} nhid 10`,
    `nexthop add id 110 group ${order.map((n) => 100 + n).join('/')}`,
    `route add ${to6} nhid 110`,
  ];
}

/**
 * Packets that the machine itself dropped since it started, because a CPU's input queue was full
 * (`net.core.netdev_max_backlog`). When this grows during a test, the loss was the lab's and not the spine's.
 */
export async function backlogDrops(): Promise<number> {
  const text = await readFile('/proc/net/softnet_stat', 'utf8');
  return text
    .trim()
    .split('\n')
    .reduce((sum, line) => sum + Number.parseInt(line.split(/\s+/)[1], 16), 0);
}
