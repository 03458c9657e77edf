/** Which addresses are this host's own. */

import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { parseAddress } from '../config/address.js';
import type { SourceSettings } from '../config/types.js';

const PROC_NET = '/proc/net';

/**
 * Whether a canonical address is this host's own: one of `own`, or any of 127.0.0.0/8 and ::1, which never leave a
 * host.
 */
export function isOwn(own: ReadonlySet<string>, address: string): boolean {
  return own.has(address) || address.startsWith('127.') || address === '::1';
}

/** The addresses of all interfaces and the source addresses of probes, in canonical form. */
export function ownAddresses(
  source: Pick<SourceSettings, 'address' | 'address6'>,
  interfaces = networkInterfaces,
  proc = PROC_NET,
): Set<string> {
  const own = new Set<string>();
  for (const text of [...(interfaceAddresses(interfaces, proc) ?? []), source.address, source.address6]) {
    const address = parseAddress(text)?.address;
    if (address !== undefined) own.add(address);
  }
  return own;
}

/** Which addresses `skipSelf` cannot find on this host; undefined when it knows all. */
export function unknownAddresses(interfaces = networkInterfaces, proc = PROC_NET): string | undefined {
  if (interfaceAddresses(interfaces, proc) !== undefined) return undefined;
  return "skipSelf leaves out loopback addresses and those of source only: the addresses of this host's interfaces cannot be listed; add AF_NETLINK to RestrictAddressFamilies=";
}

/**
 * Node reads them through a netlink socket, which a service may lack (RestrictAddressFamilies= without AF_NETLINK); the
 * kernel's tables in /proc then have the same data. Undefined where neither can be read.
 */
function interfaceAddresses(interfaces: typeof networkInterfaces, proc: string): string[] | undefined {
  try {
    return Object.values(interfaces()).flatMap((list) => (list ?? []).map(({ address }) => address));
  } catch {
    const four = textOf(join(proc, 'fib_trie'));
    const six = textOf(join(proc, 'if_inet6'));
    return four === undefined ? undefined : [...localAddresses4(four), ...localAddresses6(six ?? '')];
  }
}

/** In fib_trie an address stands on a line, and below it that it is one of this host's. */
function localAddresses4(trie: string): string[] {
  return [...trie.matchAll(/\|-- ([\d.]+)\n\s+\/32 host LOCAL/g)].map(([, address = '']) => address);
}

/** In if_inet6 each line begins with 32 hexadecimal digits. */
function localAddresses6(table: string): string[] {
  return [...table.matchAll(/^[0-9a-f]{32}/gm)].map(([digits]) => digits.replaceAll(/....(?=.)/g, '$&:'));
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
