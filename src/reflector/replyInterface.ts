/**
 * Selects the outgoing interface of a reply: the interface of its request, or the choice of the routing table.
 *
 * Link-local addresses are valid on one link only, and addresses of a VRF only within it, so their replies always use
 * the interface of the request. Other replies follow the routing table unless the user asks. On a host with several
 * uplinks the interface of the request would give replies other paths than the host's traffic. It also finds no
 * neighbour where the request came from a gateway that is not the interface's own.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { SOCKADDR_IN_ADDRESS, SOCKADDR_IN6_ADDRESS } from '../net/address.js';
import type { ReceiveBatch } from '../net/batch.js';

export type ReplyInterface = 'routed' | 'incoming';

/** For packets of this host to itself the routing table is right. */
const LOOPBACK_INDEX = 1;
const NETWORKS = '/sys/class/net';
/** Limit of interfaces in VRFs. */
const MOST_MEMBERS = 4096;

/**
 * Indices of the interfaces that are VRFs or in one: their number, then the indices. Written by the main thread, read
 * by all.
 */
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

/**
 * Reads from sysfs which interfaces are VRFs or belong to one. Without `net.ipv4.udp_l3mdev_accept` their packets never
 * reach sockets outside the VRF.
 */
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

/** An interface may vanish between two calls. */
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

  /** Hot: index of the outgoing interface of the reply to datagram `j`; 0: chosen by the routing table. */
  of(batch: ReceiveBatch, family: 4 | 6, j: number): number {
    const index = batch.interfaceIndex[j];
    if (index === LOOPBACK_INDEX) return 0;
    return this.always || isLinkLocal(batch, family, j) || this.vrfs.has(index) ? index : 0;
  }
}

/**
 * Hot: whether source or destination of datagram `j` is link-local: 169.254.0.0/16 (RFC 3927), fe80::/10 (RFC 4291).
 */
function isLinkLocal(batch: ReceiveBatch, family: 4 | 6, j: number): boolean {
  const { view } = batch.memory;
  const local = batch.localAddressAt[j];
  if (local === 0) return false;
  const name = batch.nameAt(j);
  return family === 4
    ? view.getUint16(local) === 0xa9fe || view.getUint16(name + SOCKADDR_IN_ADDRESS) === 0xa9fe
    : (view.getUint16(local) & 0xffc0) === 0xfe80 || (view.getUint16(name + SOCKADDR_IN6_ADDRESS) & 0xffc0) === 0xfe80;
}
