/** Processes whose kernel refuses single socket options: a seccomp filter stands before them. */

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import * as c from '../../../src/net/constants.js';
import type { Spawner } from './process.js';

const SCRIPT = fileURLToPath(new URL('../../../../test/support/processes/refuse.py', import.meta.url));

const set = (level: number, ...options: readonly number[]): string[] =>
  options.map((option) => `set:${level}:${option}`);

/** Socket options that can be refused, for both families. */
export const REFUSALS = {
  stamps: set(c.SOL_SOCKET, c.SO_TIMESTAMPING, c.SO_TIMESTAMPNS, c.SO_TIMESTAMP),
  timestamping: set(c.SOL_SOCKET, c.SO_TIMESTAMPING),
  timestampNs: set(c.SOL_SOCKET, c.SO_TIMESTAMPNS),
  /** The option is taken, and can't be read back: as by a sandbox that takes any option. */
  stampsRead: [c.SO_TIMESTAMPING, c.SO_TIMESTAMPNS, c.SO_TIMESTAMP].map((option) => `get:${c.SOL_SOCKET}:${option}`),
  icmpErrors: [...set(c.IPPROTO_IP, c.IP_RECVERR), ...set(c.IPPROTO_IPV6, c.IPV6_RECVERR)],
  tos: [...set(c.IPPROTO_IP, c.IP_RECVTOS), ...set(c.IPPROTO_IPV6, c.IPV6_RECVTCLASS)],
  ttl: [...set(c.IPPROTO_IP, c.IP_RECVTTL), ...set(c.IPPROTO_IPV6, c.IPV6_RECVHOPLIMIT)],
  packetInfo: [...set(c.IPPROTO_IP, c.IP_PKTINFO), ...set(c.IPPROTO_IPV6, c.IPV6_RECVPKTINFO)],
  dontFragment: [...set(c.IPPROTO_IP, c.IP_MTU_DISCOVER), ...set(c.IPPROTO_IPV6, c.IPV6_MTU_DISCOVER)],
  queueDrops: [`get:${c.SOL_SOCKET}:${c.SO_MEMINFO}`],
  buffers: set(c.SOL_SOCKET, c.SO_RCVBUF, c.SO_RCVBUFFORCE, c.SO_SNDBUF, c.SO_SNDBUFFORCE),
  v6Only: set(c.IPPROTO_IPV6, c.IPV6_V6ONLY),
  device: set(c.SOL_SOCKET, c.SO_BINDTODEVICE),
  filter: set(c.SOL_SOCKET, c.SO_ATTACH_FILTER),
} as const;

/** Starts processes to which the kernel refuses these. */
export function refusing(...names: readonly (keyof typeof REFUSALS)[]): Spawner {
  const rules = names.flatMap((name) => REFUSALS[name]);
  return (command, args, options) => spawn('python3', [SCRIPT, ...rules, '--', command, ...args], options);
}
