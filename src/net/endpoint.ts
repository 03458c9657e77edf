/**
 * Local endpoints as users write them: `192.0.2.1:8100`, `[2001:db8::1]:8100`. Pure text processing, without resolving
 * or opening anything.
 */

import ipaddr from 'ipaddr.js';
import { LlamaError } from '../base/errors.js';
import type { Family } from './address.js';

export interface Endpoint {
  /** IP literal in canonical form (RFC 5952 for IPv6), without its zone. */
  readonly address: string;
  readonly family: Family;
  /** 0: chosen by the system. */
  readonly port: number;
  /** Zone of a link-local address: the interface after its %. */
  readonly zone?: string;
}

/** fe80::/10: the same address can exist on every link, so it is ambiguous without its interface. */
const LINK_LOCAL = /^fe[89ab]/;

/**
 * Parses an address and port to listen on. Throws `LLAMA_ARGUMENT_INVALID`, which starts with `option`, the name of the
 * text's option.
 */
export function parseListen(text: string, option = '--listen'): Endpoint {
  const endpoint = readEndpoint(text);
  if (typeof endpoint !== 'string') return endpoint;
  throw new LlamaError(
    'LLAMA_ARGUMENT_INVALID',
    `${option} '${text}': ${endpoint}; expected an IP address and a port, such as 0.0.0.0:8100 or [::]:8100`,
  );
}

/** The endpoint of `text`, or its error in words. */
export function readEndpoint(text: string): Endpoint | string {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d+)$/.exec(text);
  if (match === null) {
    return ipaddr.IPv6.isValid(text)
      ? 'an IPv6 address stands in brackets, with the port behind them'
      : 'not of the form ADDRESS:PORT';
  }
  const [, v6, v4, portText] = match;
  const port = Number(portText);
  if (port > 65_535) return `port ${portText} is above 65535`;
  if (v6 !== undefined) {
    const [literal, zone, ...rest] = v6.split('%');
    if (!ipaddr.IPv6.isValid(literal) || zone === '' || rest.length > 0) return `'${v6}' is no IPv6 address`;
    const address = ipaddr.IPv6.parse(literal).toRFC5952String();
    const linkLocal = LINK_LOCAL.test(address);
    if (linkLocal && zone === undefined)
      return `the link-local address '${v6}' needs the interface it is on, as in [${address}%eth0]:${portText}`;
    if (!linkLocal && zone !== undefined)
      return `'${v6}' names an interface, which only link-local addresses (fe80::/10) have`;
    return { address, family: 6, port, ...(zone === undefined ? {} : { zone }) };
  }
  if (!ipaddr.IPv4.isValidFourPartDecimal(v4)) return `'${v4}' is no IPv4 address (names are not resolved here)`;
  return { address: v4, family: 4, port };
}

/** The inverse of `parseListen`. */
export function formatEndpoint(endpoint: {
  readonly address: string;
  readonly port: number;
  readonly zone?: string | undefined;
}): string {
  const { address, port, zone } = endpoint;
  return address.includes(':') ? `[${address}${zone === undefined ? '' : `%${zone}`}]:${port}` : `${address}:${port}`;
}
