/**
 * IP addresses as text in, canonical text out. Names are never resolved here: a name's address can change, a path's
 * cannot.
 */

import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

export interface Address {
  /**
   * RFC 5952 for IPv6, a link-local one with its zone where it has one (`fe80::1%eth0`); an IPv4 address mapped into
   * IPv6 becomes the IPv4 address.
   */
  readonly address: string;
  readonly family: 4 | 6;
}

/** An interface's name or number. */
const ZONE = /^[A-Za-z0-9][A-Za-z0-9_.:@-]{0,31}$/;

/**
 * An address in canonical form; undefined when the text is no IPv4 or IPv6 address. A zone (`%eth0`) belongs to
 * link-local IPv6 addresses only.
 */
export function parseAddress(text: string): Address | undefined {
  const [literal = '', zone] = text.split(/%(.*)/s);
  if (isIP(literal) === 0 || (zone !== undefined && !ZONE.test(zone))) return undefined;
  const parsed = ipaddr.process(literal);
  if (zone !== undefined)
    return parsed instanceof ipaddr.IPv6 && parsed.range() === 'linkLocal'
      ? { address: `${parsed.toRFC5952String()}%${zone}`, family: 6 }
      : undefined;
  return parsed instanceof ipaddr.IPv6
    ? { address: parsed.toRFC5952String(), family: 6 }
    : { address: parsed.toString(), family: 4 };
}

/**
 * Address and port that an IPv6 address without brackets may be meant as: `::1:8100` is an address, and so is `::1` in
 * front of `:8100`. Undefined where the end cannot be meant as a port: ports of five digits are no part of an address,
 * and below 100 hosts are numbered.
 */
export function endsLikePort(text: string): { readonly address: string; readonly port: string } | undefined {
  const [, head = '', port = ''] = /^(.*):([1-9]\d{2,3})$/.exec(text) ?? [];
  const address = parseAddress(text)?.family === 6 ? parseAddress(head) : undefined;
  return address === undefined ? undefined : { address: address.address, port };
}

const UNREACHABLE_RANGES: Readonly<Record<string, string>> = {
  unspecified: 'the unspecified address',
  multicast: 'a multicast address',
  broadcast: 'the broadcast address',
};

/** Why no probe can be sent to an address, as `a multicast address`; undefined when one can. */
export function whyNotTarget(address: Address): string | undefined {
  if (address.address.includes('%')) return undefined;
  const range = ipaddr.parse(address.address).range();
  if (address.family === 6 && range === 'linkLocal')
    return 'a link-local IPv6 address, which means nothing without a zone such as %eth0, the interface that leads to it';
  return UNREACHABLE_RANGES[range];
}

/** True for 127.0.0.0/8 and ::1, also when the IPv4 address is mapped into IPv6. */
export function isLoopback(text: string): boolean {
  const address = parseAddress(text);
  return address !== undefined && ipaddr.parse(address.address).range() === 'loopback';
}
