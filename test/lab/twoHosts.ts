/**
 * Two hosts on one or more links: network namespaces `a` and `b` with veth pairs `eth0`, `eth1`, … between them. No
 * addresses yet.
 */

import type { Spawner } from '../support/processes/process.js';
import { type Running, startLlama } from '../support/processes/process.js';
import { Namespaces } from './namespaces.js';

export type Host = 'a' | 'b';

const START_MS = 20_000;

export class TwoHosts {
  readonly spaces = new Namespaces();

  static async create(links = 1): Promise<TwoHosts> {
    const hosts = new TwoHosts();
    await hosts.spaces.add(['a', 'b']);
    for (let link = 0; link < links; link++) {
      const peer = ['peer', 'name', `eth${link}`, 'netns', hosts.spaces.name('b')];
      await hosts.ip('a', `link add eth${link} type veth`, ...peer);
    }
    for (const host of ['a', 'b'] as const) {
      await hosts.sysctl(host, 'net.ipv4.icmp_ratelimit=0', 'net.ipv4.ping_group_range=0 2147483647');
      await hosts.sysctl(host, 'net.ipv4.conf.all.rp_filter=0', 'net.ipv4.conf.default.rp_filter=0');
      for (const device of ['lo', ...Array.from({ length: links }, (_, link) => `eth${link}`)]) {
        await hosts.sysctl(host, `net.ipv6.conf.${device}.accept_dad=0`);
        await hosts.ip(host, `link set ${device} up`);
      }
    }
    return hosts;
  }

  /** `ip` with the words of `command`, and more arguments. */
  ip(host: Host, command: string, ...more: readonly string[]): Promise<string> {
    return this.spaces.exec(host, 'ip', [...command.split(' '), ...more]);
  }

  async sysctl(host: Host, ...settings: readonly string[]): Promise<void> {
    await this.spaces.exec(host, 'sysctl', ['-qw', ...settings]);
  }

  nft(host: Host, rules: string): Promise<string> {
    return this.spaces.exec(host, 'nft', ['-f', '-'], rules);
  }

  at(host: Host): Spawner {
    return (command, args, options) => this.spaces.spawn(host, command, args, options);
  }

  /** A reflector on `host`, on all of its addresses. The hosts' end is its end. */
  async reflector(host: Host, options: readonly string[] = []): Promise<Running> {
    const reflector = startLlama(['reflector', ...options], this.at(host));
    await reflector.until('the reflector answers', () => reflector.stderr.includes('answering probes'), START_MS);
    return reflector;
  }

  destroy(): Promise<void> {
    return this.spaces.destroy();
  }
}
