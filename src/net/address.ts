/**
 * Socket addresses.
 *
 * | offset | `sockaddr_in` (16 bytes) | offset | `sockaddr_in6` (28 bytes) |
 * | ---: | --- | ---: | --- |
 * | 0 | family u16 | 0 | family u16 |
 * | 2 | port, big-endian | 2 | port, big-endian |
 * | 4 | address, 4 bytes | 4 | flow information u32 |
 * | 8 | zeros | 8 | address, 16 bytes |
 * | | | 24 | scope u32 |
 */

import ipaddr from 'ipaddr.js';
import { AF_INET, AF_INET6 } from './constants.js';
import { libc } from './libc.js';
import { NativeMemory } from './memory.js';

export type Family = 4 | 6;

const SOCKADDR_IN_BYTES = 16;
const SOCKADDR_IN6_BYTES = 28;
/** Space for either, aligned. */
export const SOCKADDR_STRIDE = 32;
export const SOCKADDR_PORT = 2;
export const SOCKADDR_IN_ADDRESS = 4;
export const SOCKADDR_IN6_FLOW = 4;
export const SOCKADDR_IN6_ADDRESS = 8;
export const SOCKADDR_IN6_SCOPE = 24;

export const sockaddrBytes = (family: Family): number => (family === 4 ? SOCKADDR_IN_BYTES : SOCKADDR_IN6_BYTES);
export const sockaddrAddressOffset = (family: Family): number =>
  family === 4 ? SOCKADDR_IN_ADDRESS : SOCKADDR_IN6_ADDRESS;

/** The bytes of an IP literal, 4 or 16, without its zone (`%eth0`). Throws the error of ipaddr.js for other text. */
export function addressBytes(address: string): Uint8Array {
  return Uint8Array.from(ipaddr.parse(address).toByteArray());
}

const MAX_ZONE_BYTES = 63;
const zoneMemory = new NativeMemory(MAX_ZONE_BYTES + 1);

/**
 * The index of the interface in an address's zone (`fe80::1%eth0`, `fe80::1%2`); 0 without a zone, or when the
 * interface does not exist. A recreated interface has another index, so an index that is kept must be refreshed
 * regularly.
 */
export function zoneIndex(address: string): number {
  const zone = /%(.+)$/.exec(address)?.[1];
  if (zone === undefined) return 0;
  zoneMemory.bytes.fill(0);
  zoneMemory.bytes.set(new TextEncoder().encode(zone).subarray(0, MAX_ZONE_BYTES));
  const index = libc.if_nametoindex(zoneMemory.address);
  return index === 0 && /^\d+$/.test(zone) ? Number(zone) : index;
}

/** Canonical text of 4 or 16 address bytes. */
export function addressText(bytes: Uint8Array): string {
  return ipaddr.fromByteArray(Array.from(bytes)).toString();
}

/** Writes a socket address at `at` and returns its length. `scope`: interface index of a link-local IPv6 address. */
export function writeSockaddr(
  memory: NativeMemory,
  at: number,
  family: Family,
  bytes: Uint8Array,
  port: number,
  scope = 0,
): number {
  const length = sockaddrBytes(family);
  memory.bytes.fill(0, at, at + length);
  memory.u16[at >> 1] = family === 4 ? AF_INET : AF_INET6;
  memory.view.setUint16(at + SOCKADDR_PORT, port);
  memory.bytes.set(bytes.subarray(0, family === 4 ? 4 : 16), at + sockaddrAddressOffset(family));
  if (family === 6) memory.u32[(at + SOCKADDR_IN6_SCOPE) >> 2] = scope;
  return length;
}

/**
 * As `writeSockaddr`, for an address in memory words from index `from` on; an IPv4 address is the first of four.
 * Allocates nothing. `port` in host order.
 */
export function writeSockaddrWords(
  memory: NativeMemory,
  at: number,
  family: Family,
  words: Uint32Array,
  from: number,
  port: number,
  scope: number,
): number {
  const length = sockaddrBytes(family);
  memory.bytes.fill(0, at, at + length);
  memory.u16[at >> 1] = family === 4 ? AF_INET : AF_INET6;
  memory.view.setUint16(at + SOCKADDR_PORT, port);
  const to = (at + sockaddrAddressOffset(family)) >> 2;
  const count = family === 4 ? 1 : 4;
  for (let word = 0; word < count; word++) memory.u32[to + word] = words[from + word];
  if (family === 6) memory.u32[(at + SOCKADDR_IN6_SCOPE) >> 2] = scope;
  return length;
}

/** Address text and port of the socket address at `at`. */
export function readSockaddr(memory: NativeMemory, at: number): { address: string; port: number } {
  const family: Family = memory.u16[at >> 1] === AF_INET ? 4 : 6;
  const from = at + sockaddrAddressOffset(family);
  return {
    address: addressText(memory.bytes.subarray(from, from + (family === 4 ? 4 : 16))),
    port: memory.view.getUint16(at + SOCKADDR_PORT),
  };
}
