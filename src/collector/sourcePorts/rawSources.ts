/** Opens the sockets of a protocol below UDP for one family, and reserves the TCP ports that SYNs leave from. */

import { randomInt } from 'node:crypto';
import { RawSocket, type RawSocketOptions, TcpPort } from '../../net/rawSocket.js';
import type { SourceSocket } from '../../threads/messages.js';

/** SYNs of this many ports leave by one socket: no more fit its filter when the numbers are scattered. */
const PORTS_A_SOCKET = 2_000;

interface RawSourceOptions {
  /** Number of the set. */
  readonly set: number;
  readonly socket: RawSocketOptions;
  /** Port numbers to use where they are free, by index of the source port; 0: chosen by the system. */
  readonly wanted: readonly number[];
  /** Number of prober threads: source ports are assigned to them round-robin. */
  readonly threads: number;
  /** Called with everything that is opened. */
  readonly keep: Keep;
}

/** An opened socket, or a reserved port. */
export interface Opened {
  readonly fd: number;
  close(): void;
}

export type Keep = <T extends Opened>(one: T) => T;

/**
 * ICMP has no ports: all probes leave by one socket, of the thread that has the first source port. @throws LlamaError
 * as `RawSocket.openIcmp`.
 */
export function openIcmpSource({ set, socket, keep }: RawSourceOptions): SourceSocket {
  const { family, device } = socket;
  const made = keep(RawSocket.openIcmp(socket, randomInt(1, 65_536)));
  const skipsIpHeader = family === 4 && made.kind === 'raw';
  return { fd: made.fd, set, device, family, sourceIndex: 0, port: made.identifier, transport: 'icmp', skipsIpHeader };
}

/**
 * One raw socket for all ports of a thread: the kernel copies each TCP packet of this host for every raw TCP socket,
 * before it asks the filter.
 * @throws LlamaError as `RawSocket.openTcp` and `TcpPort`.
 */
export function openTcpSources({ set, socket, wanted, threads, keep }: RawSourceOptions): SourceSocket[] {
  const { family, device } = socket;
  const ports = wanted.map((port) => reserve(socket, port, keep));
  const sockets: SourceSocket[] = [];
  for (let thread = 0; thread < threads; thread++) {
    const indexes = ports.map((_, index) => index).filter((index) => index % threads === thread);
    for (let from = 0; from < indexes.length; from += PORTS_A_SOCKET) {
      const own = indexes.slice(from, from + PORTS_A_SOCKET);
      const { fd } = keep(
        RawSocket.openTcp(
          socket,
          own.map((index) => ports[index]),
        ),
      );
      for (const sourceIndex of own) {
        const port = ports[sourceIndex];
        sockets.push({ fd, set, device, family, sourceIndex, port, transport: 'tcp-syn', skipsIpHeader: family === 4 });
      }
    }
  }
  return sockets;
}

/** The wanted port; any other when another program has that. */
function reserve({ family, address, device }: RawSocketOptions, wanted: number, keep: Keep): number {
  try {
    return keep(new TcpPort(family, address, wanted, device)).port;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'LLAMA_ADDRESS_IN_USE')) throw error;
    return keep(new TcpPort(family, address, 0, device)).port;
  }
}
