/**
 * The sockets of one protocol below UDP, and the TCP ports that SYNs leave from. Opened when the first group needs them; they live as long as
 * the collector, so that a path stays the same flow.
 */

import { randomInt } from 'node:crypto';
import type { RawProtocol } from '../net/privilege.js';
import { RawSocket, type RawSocketOptions, TcpPort } from '../net/rawSocket.js';
import type { SourceSocket } from './messages.js';

/** SYNs of so many ports leave by one socket: no more fit its filter, when they are scattered. */
const PORTS_A_SOCKET = 2_000;

export interface RawSourceOptions {
  readonly socket: Omit<RawSocketOptions, 'family' | 'address'>;
  readonly addresses: Readonly<Record<4 | 6, string>>;
  readonly families: readonly (4 | 6)[];
  /** UDP source ports by index: the TCP ports have the same numbers where they are free. */
  readonly udpPorts: Readonly<Record<4 | 6, readonly number[]>>;
  /** Prober threads: source ports are dealt out to them in turn. */
  readonly threads: number;
}

export class RawSources {
  readonly sockets: readonly SourceSocket[];
  private readonly opened: readonly { close(): void }[];

  /** @throws LlamaError `LLAMA_PRIVILEGE`, `LLAMA_NO_FILES`, `LLAMA_ADDRESS_IN_USE` or `LLAMA_SYSTEM_CALL`; nothing stays open then. */
  constructor(protocol: RawProtocol, options: RawSourceOptions) {
    const opened: { close(): void }[] = [];
    const keep = <T extends { close(): void }>(one: T): T => {
      opened.push(one);
      return one;
    };
    try {
      this.sockets = options.families.flatMap((family) =>
        protocol === 'icmp' ? [openIcmp(family, options, keep)] : openTcp(family, options, keep),
      );
    } catch (error) {
      for (const one of opened) one.close();
      throw error;
    }
    this.opened = opened;
  }

  close(): void {
    for (const one of this.opened) one.close();
  }
}

type Keep = <T extends { close(): void }>(one: T) => T;

/** ICMP has no ports: all probes leave by one socket, of the thread that has the first source port. */
function openIcmp(family: 4 | 6, { socket, addresses }: RawSourceOptions, keep: Keep): SourceSocket {
  const made = keep(RawSocket.openIcmp({ ...socket, family, address: addresses[family] }, randomInt(1, 65_536)));
  const skipsIpHeader = family === 4 && made.kind === 'raw';
  return { fd: made.fd, family, sourceIndex: 0, port: made.identifier, transport: 'icmp', skipsIpHeader };
}

/**
 * One raw socket for all ports of a thread: the kernel copies each TCP packet of this host for every raw TCP socket, before it asks the filter.
 */
function openTcp(family: 4 | 6, options: RawSourceOptions, keep: Keep): SourceSocket[] {
  const { socket, addresses, udpPorts, threads } = options;
  const address = addresses[family];
  const ports = udpPorts[family].map((port) => reserve(family, address, port, keep));
  const sockets: SourceSocket[] = [];
  for (let thread = 0; thread < threads; thread++) {
    const indexes = ports.map((_, index) => index).filter((index) => index % threads === thread);
    for (let from = 0; from < indexes.length; from += PORTS_A_SOCKET) {
      const own = indexes.slice(from, from + PORTS_A_SOCKET);
      const made = keep(
        RawSocket.openTcp(
          { ...socket, family, address },
          own.map((index) => ports[index]),
        ),
      );
      for (const sourceIndex of own)
        sockets.push({
          fd: made.fd,
          family,
          sourceIndex,
          port: ports[sourceIndex],
          transport: 'tcp-syn',
          skipsIpHeader: family === 4,
        });
    }
  }
  return sockets;
}

/** The wanted port; any other when somebody has that. */
function reserve(family: 4 | 6, address: string, wanted: number, keep: Keep): number {
  try {
    return keep(new TcpPort(family, address, wanted)).port;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'LLAMA_ADDRESS_IN_USE')) throw error;
    return keep(new TcpPort(family, address, 0)).port;
  }
}
