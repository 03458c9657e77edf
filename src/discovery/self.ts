/** Which addresses are this host's own. */

import { networkInterfaces } from 'node:os';
import { parseAddress } from '../config/address.js';
import type { SourceSettings } from '../config/types.js';

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
