/**
 * A scraper's host and its collectors' hosts in network namespaces, a link to each:
 *
 *  center ── to1 ── eth0 host1      10.98.K.1 ── 10.98.K.2
 *         ── to2 ── eth0 host2
 *
 * A link can be cut, silently or so that connections are refused, while all that runs on both sides goes on.
 */

import { Namespaces, run } from '../../lab/namespaces.js';
import type { Spawner } from '../../support/processes/process.js';

const TABLE = 'inet cut';

/** `silent`: nothing comes from there. `refused`: what the center has to say over TCP is refused at once. */
export type Cut = 'silent' | 'refused';

export class Star {
  private readonly namespaces = new Namespaces();
  /** How many want each link cut: it is whole again when the last one gives up. */
  private readonly wanted = new Map<string, number>();

  private constructor() {}

  static async create(hosts: number): Promise<Star> {
    const star = new Star();
    try {
      await star.build(hosts);
      return star;
    } catch (error) {
      await star.destroy();
      throw error;
    }
  }

  /** Of host K, counted from 1, and of the center on the link to it. */
  static hostAddress = (host: number): string => `10.98.${host}.2`;
  static centerAddress = (host: number): string => `10.98.${host}.1`;

  get center(): Spawner {
    return (command, args, options) => this.namespaces.spawn('center', command, args, options);
  }

  host(host: number): Spawner {
    return (command, args, options) => this.namespaces.spawn(`host${host}`, command, args, options);
  }

  /** Drops so many percent of the probes that come to UDP `port` of the center. */
  async loseProbes(port: number, percent: number): Promise<void> {
    const chain = `chain in { type filter hook input priority 1; udp dport ${port} numgen random mod 100 < ${percent} drop; }`;
    await this.namespaces.exec('center', 'nft', ['-f', '-'], `table inet loss { ${chain}\n}\n`);
  }

  async cut(host: number, how: Cut): Promise<void> {
    await this.change(host, how, 1);
  }

  /** Undoes one `cut` of the same kind. */
  async heal(host: number, how: Cut): Promise<void> {
    await this.change(host, how, -1);
  }

  destroy(): Promise<void> {
    return this.namespaces.destroy();
  }

  private async change(host: number, how: Cut, by: 1 | -1): Promise<void> {
    const key = `${how} ${host}`;
    const before = this.wanted.get(key) ?? 0;
    this.wanted.set(key, before + by);
    if (before !== 0 && before + by !== 0) return;
    const verb = by === 1 ? 'add' : 'delete';
    await this.namespaces.exec('center', 'nft', [verb, 'element', ...TABLE.split(' '), how, `{ "to${host}" }`]);
  }

  private async build(hosts: number): Promise<void> {
    const numbers = Array.from({ length: hosts }, (_, index) => index + 1);
    await this.namespaces.add(['center', ...numbers.map((host) => `host${host}`)]);
    for (const host of numbers) {
      const [center, other] = ['center', `host${host}`].map((name) => this.namespaces.name(name));
      await run(
        'ip',
        ['-batch', '-'],
        `link add name to${host} netns ${center} type veth peer name eth0 netns ${other}`,
      );
      await this.namespaces.exec(
        'center',
        'ip',
        ['-batch', '-'],
        `address add ${Star.centerAddress(host)}/24 dev to${host}\nlink set to${host} up`,
      );
      await this.namespaces.exec(
        `host${host}`,
        'ip',
        ['-batch', '-'],
        `link set lo up\naddress add ${Star.hostAddress(host)}/24 dev eth0\nlink set eth0 up`,
      );
    }
    await this.namespaces.exec('center', 'ip', ['link', 'set', 'lo', 'up']);
    await this.namespaces.exec('center', 'nft', ['-f', '-'], RULES);
  }
}

/** A cut drops what comes in: what goes out must not fail with an error that a real network does not give. */
const RULES = `table ${TABLE} {
  set silent { type ifname; }
  set refused { type ifname; }
  chain in {
    type filter hook input priority 0;
    iifname @silent drop
  }
  chain out {
    type filter hook output priority 0;
    oifname @refused meta l4proto tcp reject with tcp reset
  }
}
`;
