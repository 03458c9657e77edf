/**
 * One address that a reflector listens on: a socket for each thread, all on one port (SO_REUSEPORT). Main thread only.
 *
 * A socket on a link-local address is bound to its interface's index. An interface that is deleted and made again has another index, so the old socket
 * never receives again, and no call on it fails. `check` notices, and binds new sockets, which take over the descriptors' numbers: threads know only these.
 * Sockets on other addresses work again by themselves when the address comes back; until then `problem` names the address.
 */

import ipaddr from 'ipaddr.js';
import { LlamaError } from '../base/errors.js';
import type { Endpoint } from '../net/endpoint.js';
import { interfaceIndex, whyNotLocal } from '../net/localAddress.js';
import { receiveQueueDrops, UdpSocket, type UdpSocketOptions } from '../net/socket.js';
import { withoutFeatures } from './refusals.js';

/**
 * The kernel doubles it and takes about 768 bytes for a small packet: 80,000 requests, 0.3 s of full load. A request that waits
 * has its T2 already, so a long queue costs no exactness, while a full one loses probes that the network delivered.
 */
const RECEIVE_BUFFER_BYTES = 32 * 1024 * 1024;
const SEND_BUFFER_BYTES = 8 * 1024 * 1024;

/** Why an address is not listened on, and since when (epoch ms). */
export interface ListenerProblem {
  readonly reason: string;
  readonly sinceMs: number;
}

/** What a check changed: the address is not listened on any more, is again, or has new sockets without an outage that was seen. */
export type ListenerChange = 'lost' | 'found' | 'bound';

export class Listener {
  private readonly wanted: Endpoint;
  private readonly wildcard: boolean;
  private readonly sharesPort: boolean;
  private readonly sockets: UdpSocket[] = [];
  /** Drops of sockets that were replaced, by thread. */
  private readonly dropsBefore: number[];
  /** Port of the sockets; 0 before the first were bound, where the system is to choose it. */
  private port: number;
  /** Index of the interface that the sockets are bound to; 0: to none. */
  private index = 0;
  private bound = false;
  /** Null while it listens. */
  problem: ListenerProblem | null = null;

  /**
   * Listens, or is going to: an address or interface that the host does not have now may come. `sharesPort`: other listeners of this reflector have the
   * same port. The caller has made sure that the port is free. Throws `LLAMA_ADDRESS_IN_USE` or `LLAMA_SYSTEM_CALL`; nothing stays open then.
   */
  constructor(endpoint: Endpoint, threads: number, sharesPort: boolean, nowMs = Date.now()) {
    this.wanted = endpoint;
    this.sharesPort = sharesPort;
    this.wildcard = ipaddr.parse(endpoint.address).range() === 'unspecified';
    this.port = endpoint.port;
    this.dropsBefore = new Array<number>(threads).fill(0);
    const reason = this.wildcard ? undefined : whyNotLocal(endpoint);
    try {
      while (this.sockets.length < threads) this.sockets.push(UdpSocket.unbound(endpoint.family));
      if (reason === undefined) this.bind();
      else this.problem = { reason, sinceMs: nowMs };
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Where it is bound, or is to be. */
  get endpoint(): Endpoint {
    return { ...this.wanted, port: this.port };
  }

  /** Descriptors by thread. They stay the same. */
  get fds(): readonly number[] {
    return this.sockets.map(({ fd }) => fd);
  }

  /** Looks whether it still listens, and makes it listen again where that takes new sockets; undefined: nothing changed. */
  check(nowMs = Date.now()): ListenerChange | undefined {
    if (this.wildcard) return undefined;
    let reason = whyNotLocal(this.wanted);
    let renewed = false;
    if (reason === undefined && (!this.bound || interfaceIndex(this.wanted) !== this.index)) {
      try {
        // A port that this reflector has on another address is not free in that sense.
        if (this.port !== 0 && !this.sharesPort) checkFree(this.endpoint);
        this.bind();
        renewed = true;
      } catch (error) {
        if (!(error instanceof LlamaError)) throw error;
        reason = error.message;
      }
    }
    const before = this.problem;
    this.problem = reason === undefined ? null : { reason, sinceMs: before?.sinceMs ?? nowMs };
    if (reason === undefined) return before !== null ? 'found' : renewed ? 'bound' : undefined;
    return before === null ? 'lost' : undefined;
  }

  /** Datagrams that the receive queue of a thread dropped, since the start. */
  drops(thread: number): number {
    return this.dropsBefore[thread] + receiveQueueDrops(this.sockets[thread].fd);
  }

  /** The smallest receive buffer that the kernel granted, in payload bytes; infinite before the sockets are bound. */
  get receiveBufferBytes(): number {
    return this.bound ? this.granted : Number.POSITIVE_INFINITY;
  }
  private granted = 0;

  close(): void {
    for (const socket of this.sockets) socket.close();
  }

  /** Binds new sockets for all threads, and puts them in the place of the old ones. Throws as `UdpSocket.open`; the old ones stay then. */
  private bind(): void {
    const index = interfaceIndex(this.wanted);
    const fresh: UdpSocket[] = [];
    try {
      while (fresh.length < this.sockets.length)
        fresh.push(UdpSocket.open(socketOptions(this.wanted, fresh[0]?.port ?? this.port)));
    } catch (error) {
      for (const socket of fresh) socket.close();
      throw error;
    }
    this.port = fresh[0].port;
    // The kernel reports the double of what it was asked for.
    this.granted = Math.min(...fresh.map((socket) => socket.receiveBufferBytes / 2));
    try {
      for (const [thread, socket] of this.sockets.entries()) {
        const drops = receiveQueueDrops(socket.fd);
        const next = fresh.shift();
        if (next !== undefined) socket.become(next);
        this.dropsBefore[thread] += drops;
      }
    } finally {
      for (const socket of fresh) socket.close();
    }
    this.index = index;
    this.bound = true;
  }
}

function socketOptions(endpoint: Endpoint, port: number): UdpSocketOptions {
  return {
    family: endpoint.family,
    address: endpoint.address,
    zone: endpoint.zone,
    port,
    reusePort: true,
    receiveBufferBytes: RECEIVE_BUFFER_BYTES,
    sendBufferBytes: SEND_BUFFER_BYTES,
    tosAndTtl: true,
    packetInfo: true,
    // RFC 8762 section 4.3: so that the sender can tell how many routers a reply has passed.
    ttl: 255,
    stamps: 'receive',
    without: withoutFeatures(endpoint),
  };
}

/** Binds without SO_REUSEPORT and closes again: with it, the kernel would let us share another reflector's port and its packets. */
export function checkFree(endpoint: Endpoint): void {
  const { family, address, zone, port } = endpoint;
  UdpSocket.open({ family, address, zone, port }).close();
}
