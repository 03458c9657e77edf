/** Whether the host has a local address now. Addresses and interfaces may change while sockets stay bound to them. */

import { addressBytes, type Family, SOCKADDR_STRIDE, writeSockaddr, zoneIndex } from './address.js';
import * as c from './constants.js';
import { EADDRNOTAVAIL, errno, errnoName, libc } from './libc.js';
import { NativeMemory } from './memory.js';

export interface LocalAddress {
  /** IP literal without a zone. */
  readonly address: string;
  readonly family: Family;
  /** Interface of a link-local address. */
  readonly zone?: string | undefined;
}

const memory = new NativeMemory(SOCKADDR_STRIDE);

/** The current index of the interface in the zone of `local`; 0 without a zone or interface. */
export function interfaceIndex({ address, zone }: LocalAddress): number {
  return zone === undefined ? 0 : zoneIndex(`${address}%${zone}`);
}

/**
 * Why a socket can't be bound to `local` now, in words; undefined when it can. It binds a test socket, which sends
 * nothing. So an IPv6 address counts as absent while duplicate address detection runs.
 */
export function whyNotLocal(local: LocalAddress): string | undefined {
  const { address, family, zone } = local;
  const index = interfaceIndex(local);
  if (zone !== undefined && index === 0) return `this host has no interface ${zone}`;
  const fd = libc.socket(family === 4 ? c.AF_INET : c.AF_INET6, c.SOCK_DGRAM | c.SOCK_CLOEXEC, 0);
  // Without a descriptor the address can't be tested.
  if (fd < 0) return undefined;
  const length = writeSockaddr(memory, 0, family, addressBytes(address), 0, index);
  const code = libc.bind(fd, memory.address, length) < 0 ? errno() : 0;
  libc.close(fd);
  if (code === 0) return undefined;
  const where = zone === undefined ? '' : ` on the interface ${zone}`;
  return code === EADDRNOTAVAIL ? `this host does not have the address ${address}${where}` : `bind: ${errnoName(code)}`;
}
