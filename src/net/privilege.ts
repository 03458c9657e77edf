/** Raw sockets need CAP_NET_RAW: whether this process has it, and how to grant it. */

import { readFileSync } from 'node:fs';
import { LlamaError } from '../base/errors.js';

const CAP_NET_RAW = 13;

/** Whether the text of /proc/PID/status contains the capability in its effective set. */
export function hasNetRaw(status: string): boolean {
  const text = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  return text !== undefined && (BigInt(`0x${text}`) & (1n << BigInt(CAP_NET_RAW))) !== 0n;
}

/** Whether one of `groups` is in the gid range of ping_group_range, which may open ICMP sockets. */
export function inPingRange(range: string, groups: readonly number[]): boolean {
  const [low, high] = range.trim().split(/\s+/).map(Number);
  return groups.some((group) => group >= low && group <= high);
}

/** How to grant this process the privilege; `node` is its binary. */
function remedy(node: string): string {
  return (
    `in a systemd unit write AmbientCapabilities=CAP_NET_RAW; or run setcap cap_net_raw+ep ${node}, ` +
    'which gives the right to every program that this node runs, whoever starts it'
  );
}

export type RawProtocol = 'tcp-syn' | 'icmp';

const NEEDS: Readonly<Record<RawProtocol, { readonly found: string; readonly instead: string }>> = {
  'tcp-syn': { found: 'tcp-syn needs raw sockets, and this process lacks CAP_NET_RAW', instead: '' },
  icmp: {
    found:
      'icmp needs raw sockets or datagram ICMP sockets: this process lacks CAP_NET_RAW, and its groups are not in net.ipv4.ping_group_range',
    instead: `; or let its groups send echo requests: sysctl -w net.ipv4.ping_group_range="0 2147483647"`,
  },
};

/** The error of a protocol whose sockets this process may not open: found, expected, remedy. */
export function privilegeError(protocol: RawProtocol, cause?: unknown): LlamaError {
  const { found, instead } = NEEDS[protocol];
  return new LlamaError('LLAMA_PRIVILEGE', `${found}; ${remedy(process.execPath)}${instead}`, { cause });
}

/**
 * The missing privilege for a protocol, found without opening a socket; undefined when no lack can be detected
 * beforehand.
 */
export function missingPrivilege(protocol: RawProtocol): LlamaError | undefined {
  if (hasNetRaw(readFileSync('/proc/self/status', 'utf8'))) return undefined;
  if (protocol === 'icmp') {
    const groups = [...(process.getgroups?.() ?? []), process.getegid?.() ?? -1];
    if (inPingRange(readFileSync('/proc/sys/net/ipv4/ping_group_range', 'utf8'), groups)) return undefined;
  }
  return privilegeError(protocol);
}
