/** Addresses as Go's configurations write them. */

import { parseAddress } from '../address.js';

/**
 * Go puts an address and a port together as text, so an IPv6 address of its configuration has brackets. Of the names
 * that it resolves, `localhost` alone is sure to mean the same everywhere. Anything else is returned as it is.
 */
export function plainHost(text: string): string {
  if (text === 'localhost') return '127.0.0.1';
  const inner = /^\[(.*)\]$/.exec(text)?.[1];
  return inner !== undefined && parseAddress(inner)?.family === 6 ? inner : text;
}
