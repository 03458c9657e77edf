/**
 * One address that a reflector listens on: one socket a thread, all on one port (SO_REUSEPORT). Main thread only.
 *
 * A socket on a link-local address is bound to the index of its interface. An interface that is deleted and created
 * again gets another index. The old socket then never receives again, and no call on it fails. `check` detects that and
 * binds new sockets under the same descriptor numbers, which the threads use. Sockets on other addresses recover when
 * the address returns; until then `problem` has the reason.
 */

import ipaddr from 'ipaddr.js';
import { LlamaError } from '../base/errors.js';
import type { Endpoint } from '../net/endpoint.js';
import { interfaceIndex, whyNotLocal } from '../net/localAddress.js';
import { receiveQueueDrops, UdpSocket, type UdpSocketOptions } from '../net/socket.js';
import { withoutFeatures } from './refusals.js';

/**
 * The kernel doubles it and takes about 768 bytes for a small packet: 80,000 requests, 0.3 s of full load. A waiting
 * request already has its T2, so a long queue does not reduce accuracy. A full queue would lose probes that the network
 * delivered.
 */
const RECEIVE_BUFFER_BYTES = 32 * 1024 * 1024;
const SEND_BUFFER_BYTES = 8 * 1024 * 1024;

/** Why an address is not listened on, and since when (epoch ms). */
interface ListenerProblem {
  readonly reason: string;
  readonly sinceMs: number;
}

/** Result of a check: the address is lost, is listened on again, or got new sockets without a detected outage. */
type ListenerChange = 'lost' | 'found' | 'bound';

export class Listener {
  private readonly wanted: Endpoint;
  private readonly wildcard: boolean;
  private readonly sharesPort: boolean;
  private readonly sockets: UdpSocket[] = [];
  /** Drops of replaced sockets, by thread. */
  private readonly dropsBefore: number[];
  /** Port of the sockets; 0 before the first bind where the system chooses it. */
  private port: number;
  /** Index of the interface that the sockets are bound to; 0 without one. */
  private index = 0;
  private bound = false;
  /** Null while it listens. */
  problem: ListenerProblem | null = null;

  /**
   * Listens now, or later when the host lacks the address or interface. `sharesPort`: other listeners of this reflector
   * have the same port. The caller has checked that the port is free. Throws `LLAMA_ADDRESS_IN_USE` or
   * `LLAMA_SYSTEM_CALL`; then nothing stays open.
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

  /** The bound address, or the wanted one before the bind. */
  get endpoint(): Endpoint {
    return { ...this.wanted, port: this.port };
  }

  /** Descriptors by thread. They never change. */
  get fds(): readonly number[] {
    return this.sockets.map(({ fd }) => fd);
  }

  /** Checks whether it still listens, and binds new sockets where necessary. Returns undefined without a change. */
  check(nowMs = Date.now()): ListenerChange | undefined {
    if (this.wildcard) return undefined;
    let reason = whyNotLocal(this.wanted);
    let renewed = false;
    if (reason === undefined && (!this.bound || interfaceIndex(this.wanted) !== this.index)) {
      try {
        // A port that this reflector uses on another address would fail the check.
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

  /** Datagrams dropped by a thread's receive queue since the start. */
  drops(thread: number): number {
    return this.dropsBefore[thread] + receiveQueueDrops(this.sockets[thread].fd);
  }

  /** The smallest receive buffer that the kernel granted, in payload bytes; Infinity before the sockets are bound. */
  get receiveBufferBytes(): number {
    return this.bound ? this.granted : Number.POSITIVE_INFINITY;
  }
  private granted = 0;

  close(): void {
    for (const socket of this.sockets) socket.close();
  }

  /**
   * Binds new sockets for all threads and replaces the old ones. Throws as `UdpSocket.open`; then the old ones stay.
   */
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
    // The kernel reports twice the requested size.
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
    // RFC 8762 section 4.3: the sender derives the number of routers on the reply's way.
    ttl: 255,
    stamps: 'receive',
    without: withoutFeatures(endpoint),
  };
}

/**
 * Binds without SO_REUSEPORT and closes again. With it, the kernel would let two reflectors share a port and its
 * packets.
 */
export function checkFree(endpoint: Endpoint): void {
  const { family, address, zone, port } = endpoint;
  UdpSocket.open({ family, address, zone, port }).close();
}
