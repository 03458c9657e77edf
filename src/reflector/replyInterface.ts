/**
 * Which interface a reply leaves by: that of its request, or the one that the routing table chooses.
 *
 * Always that of the request for link-local addresses, which mean nothing on another link, and for members of a VRF, whose addresses mean nothing outside
 * of it. Else the routing table chooses unless the user asks: on a host with several uplinks replies would take other paths than its traffic does, or
 * find no neighbour where the request came from a gateway that is not the interface's own.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { SOCKADDR_IN_ADDRESS, SOCKADDR_IN6_ADDRESS } from '../net/address.js';
import type { ReceiveBatch } from '../net/batch.js';

export type ReplyInterface = 'routed' | 'incoming';

/** Of this host to itself: the routing table knows the way. */
const LOOPBACK_INDEX = 1;
const NETWORKS = '/sys/class/net';
/** Interfaces in VRFs that are known at most. */
const MOST_MEMBERS = 4096;

/** Indices of the interfaces that are VRFs or in one: their number, then the indices. Written by the main thread, read by all. */
export class VrfMembers {
  readonly memory: SharedArrayBuffer;
  private readonly words: Int32Array;

  constructor(memory = new SharedArrayBuffer((1 + MOST_MEMBERS) * 4)) {
    this.memory = memory;
    this.words = new Int32Array(memory);
  }

  /** Hot where there are VRFs. */
  has(index: number): boolean {
    const count = Atomics.load(this.words, 0);
    for (let i = 1; i <= count; i++) if (this.words[i] === index) return true;
    return false;
  }

  write(indices: readonly number[]): void {
    const known = indices.slice(0, MOST_MEMBERS);
    for (const [i, index] of known.entries()) this.words[i + 1] = index;
    Atomics.store(this.words, 0, known.length);
  }
}

/** Reads from sysfs which interfaces are VRFs, or in one. Without `net.ipv4.udp_l3mdev_accept` no packet comes from them to a socket outside. */
export function vrfMembers(accepts = readText('/proc/sys/net/ipv4/udp_l3mdev_accept')): number[] {
  if (accepts.trim() !== '1') return [];
  const vrfs = list(NETWORKS).filter((name) => /^DEVTYPE=vrf$/m.test(readText(`${NETWORKS}/${name}/uevent`)));
  const members = vrfs.flatMap((vrf) =>
    list(`${NETWORKS}/${vrf}`)
      .filter((entry) => entry.startsWith('lower_'))
      .map((entry) => entry.slice('lower_'.length)),
  );
  return [...vrfs, ...members]
    .map((name) => Number(readText(`${NETWORKS}/${name}/ifindex`)))
    .filter((index) => index > 0);
}

/** An interface may go between two calls. */
function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

export class ReplyInterfaces {
  private readonly always: boolean;
  private readonly vrfs: VrfMembers;

  constructor(mode: ReplyInterface, vrfs: SharedArrayBuffer) {
    this.always = mode === 'incoming';
    this.vrfs = new VrfMembers(vrfs);
  }

  /** Hot: index of the interface that the reply to datagram `j` must leave by; 0: the routing table chooses. */
  of(batch: ReceiveBatch, family: 4 | 6, j: number): number {
    const index = batch.interfaceIndex[j];
    if (index === LOOPBACK_INDEX) return 0;
    return this.always || isLinkLocal(batch, family, j) || this.vrfs.has(index) ? index : 0;
  }
}

/** Hot: whether source or destination of datagram `j` is link-local: 169.254.0.0/16 (RFC 3927), fe80::/10 (RFC 4291). */
function isLinkLocal(batch: ReceiveBatch, family: 4 | 6, j: number): boolean {
  const { view } = batch.memory;
  const local = batch.localAddressAt[j];
  if (local === 0) return false;
  const name = batch.nameAt(j);
  return family === 4
    ? view.getUint16(local) === 0xa9fe || view.getUint16(name + SOCKADDR_IN_ADDRESS) === 0xa9fe
    : (view.getUint16(local) & 0xffc0) === 0xfe80 || (view.getUint16(name + SOCKADDR_IN6_ADDRESS) & 0xffc0) === 0xfe80;
}
