/** Texts that every example has, independent of its counter. */

import { addressText } from '../net/address.js';
import { formatEndpoint } from '../net/endpoint.js';
import { errnoName } from '../net/libc.js';
import type { Example } from '../ring/examples.js';
import { errnoText } from '../stats/reasons.js';

/** `10.9.0.3:8100`; below UDP, without a port, `10.9.0.3`. */
export function peerText({ address, port }: Pick<Example, 'address' | 'port'>): string {
  const text = addressText(address);
  return port === 0 ? text : formatEndpoint({ address: text, port });
}

/** `44 bytes from 10.9.0.3:8100`. */
export const packetText = (example: Example): string => `${example.bytes} bytes from ${peerText(example)}`;

/** `no route to 10.9.0.2 (ENETUNREACH)`. */
export const refusalText = ({ code, address }: Example): string => errnoText(errnoName(code), addressText(address));
