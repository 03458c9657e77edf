/** Which addresses are this host's own. */

import { networkInterfaces } from 'node:os';
import { parseAddress } from '../config/address.js';
import type { SourceSettings } from '../config/types.js';

/** Whether a canonical address is this host's own: one of `own`, or any of 127.0.0.0/8 and ::1, which never leave a host. */
export function isOwn(own: ReadonlySet<string>, address: string): boolean {
  return own.has(address) || address.startsWith('127.') || address === '::1';
}

/** The addresses of all interfaces and those that probes are sent from, in canonical form. */
export function ownAddresses(
  source: Pick<SourceSettings, 'address' | 'address6'>,
  interfaces = networkInterfaces,
): Set<string> {
  const own = new Set<string>();
  const texts = Object.values(interfaces()).flatMap((list) => (list ?? []).map(({ address }) => address));
  for (const text of [...texts, source.address, source.address6]) {
    const address = parseAddress(text)?.address;
    if (address !== undefined) own.add(address);
  }
  return own;
}
