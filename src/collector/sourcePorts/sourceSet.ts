/**
 * The sockets of one transport, on one interface or as routes decide: for each source port an IPv4 and an IPv6 socket.
 * The main thread opens them, so a port stays the same flow when the prober thread that uses it dies.
 *
 * A family is missing while its address or interface does not exist, or another program uses its ports; `retry` opens
 * it later.
 */

import { interfaceIndex, tryBindToDevice } from '../../net/device.js';
import { EADDRINUSE, EADDRNOTAVAIL, ENODEV, SystemCallError } from '../../net/libc.js';
import { type SocketOptions, setFlowLabels, UdpSocket } from '../../net/socket.js';
import type { SourceSocket, Transport } from '../../threads/messages.js';
import { type Keep, type Opened, openIcmpSource, openTcpSources } from './rawSources.js';

export type Family = 4 | 6;
export const FAMILIES: readonly Family[] = [4, 6];

/** Errors that end by themselves: duplicate address detection, an interface that comes up, a program that ends. */
const HEALS = new Set<number>([EADDRNOTAVAIL, ENODEV, EADDRINUSE]);

export const heals = (error: SystemCallError): boolean => HEALS.has(error.errno);

export interface SourceSetOptions {
  /** Unique in the process. */
  readonly number: number;
  readonly transport: Transport;
  readonly device: string | undefined;
  /** Number of source ports, and the first one; 0: chosen by the system. */
  readonly ports: number;
  readonly basePort: number;
  readonly threads: number;
  /** Address, buffers and requested features for the sockets of a family. */
  readonly socket: (family: Family) => SocketOptions;
}

export class SourceSet {
  readonly options: SourceSetOptions;
  /** Why families have no sockets. */
  readonly missing = new Map<Family, SystemCallError>();
  /**
   * The smallest size that the kernel granted, in its own accounting (about twice the payload); infinite without UDP
   * sockets.
   */
  receiveBufferBytes = Number.POSITIVE_INFINITY;
  /** The interface was made again, and the sockets are still bound to the one that was deleted. */
  unbound = false;
  private readonly opened = new Map<
    Family,
    { readonly sockets: readonly SourceSocket[]; readonly kept: readonly Opened[] }
  >();
  /** Index of the interface that the sockets are bound to. */
  private index = 0;

  constructor(options: SourceSetOptions) {
    this.options = options;
  }

  get sockets(): readonly SourceSocket[] {
    return FAMILIES.flatMap((family) => this.opened.get(family)?.sockets ?? []);
  }

  /**
   * Opens a family, or remembers why it is missing. Returns whether it is open. @throws LlamaError `LLAMA_NO_FILES` or
   * `LLAMA_PRIVILEGE`.
   */
  open(family: Family): boolean {
    if (this.opened.has(family)) return true;
    const { device } = this.options;
    const kept: Opened[] = [];
    const keep = <T extends Opened>(one: T): T => {
      kept.push(one);
      return one;
    };
    try {
      if (device !== undefined && this.opened.size === 0) this.index = interfaceIndex(device);
      this.opened.set(family, { sockets: this.openSockets(family, keep), kept });
      this.missing.delete(family);
      return true;
    } catch (error) {
      for (const one of kept) one.close();
      if (!(error instanceof SystemCallError) || error.code === 'LLAMA_NO_FILES') throw error;
      this.missing.set(family, this.explained(error, family));
      return false;
    }
  }

  /**
   * Binds the sockets to the interface again after it was deleted and recreated: it has another index then, and they
   * would neither send nor receive. The kernel refuses that on a bound socket without CAP_NET_RAW: `unbound` then.
   */
  follow(): void {
    const { device } = this.options;
    if (device === undefined || this.opened.size === 0) return;
    const index = interfaceIndex(device);
    if (index === 0 || index === this.index) return;
    const all = [...this.opened.values()].flatMap(({ kept }) => kept);
    this.unbound = !all.every(({ fd }) => tryBindToDevice(fd, device));
    if (!this.unbound) this.index = index;
  }

  /** Retries errors that may have healed; true when there are more sockets than before. */
  retry(): boolean {
    const waiting = [...this.missing].filter(([, error]) => heals(error));
    return waiting.filter(([family]) => this.open(family)).length > 0;
  }

  /** Port by index of the source port; of icmp the identifier, at index 0. */
  ports(family: Family): number[] {
    const ports: number[] = [];
    for (const { sourceIndex, port } of this.opened.get(family)?.sockets ?? []) ports[sourceIndex] = port;
    return ports;
  }

  close(): void {
    for (const { kept } of this.opened.values()) for (const one of kept) one.close();
    this.opened.clear();
  }

  private openSockets(family: Family, keep: Keep): SourceSocket[] {
    const { number, transport, threads } = this.options;
    const socket = this.options.socket(family);
    const raw = { set: number, socket, wanted: this.wanted(family), threads, keep };
    switch (transport) {
      case 'udp':
        return raw.wanted.map((port, index) => this.openUdp(socket, index, port, keep));
      case 'tcp-syn':
        return openTcpSources(raw);
      case 'icmp':
        return [openIcmpSource(raw)];
      default:
        return transport satisfies never;
    }
  }

  /** When the system chooses ports, both families have the same numbers where they are free. */
  private wanted(family: Family): number[] {
    const { ports, basePort } = this.options;
    const others = this.ports(family === 4 ? 6 : 4);
    return Array.from({ length: ports }, (_, index) => (basePort === 0 ? (others[index] ?? 0) : basePort + index));
  }

  private openUdp(socket: SocketOptions, sourceIndex: number, wanted: number, keep: Keep): SourceSocket {
    const { number, device, basePort } = this.options;
    const { family } = socket;
    let udp: UdpSocket;
    try {
      udp = keep(UdpSocket.open({ ...socket, port: wanted }));
    } catch (error) {
      const free = error instanceof SystemCallError && error.errno === EADDRINUSE && basePort === 0 && wanted !== 0;
      if (!free) throw error;
      udp = keep(UdpSocket.open({ ...socket, port: 0 }));
    }
    if (family === 6) setFlowLabels(udp.fd, true);
    this.receiveBufferBytes = Math.min(this.receiveBufferBytes, udp.receiveBufferBytes);
    return {
      fd: udp.fd,
      set: number,
      device,
      family,
      sourceIndex,
      port: udp.port,
      transport: 'udp',
      skipsIpHeader: false,
    };
  }

  private explained(error: SystemCallError, family: Family): SystemCallError {
    const { ports, basePort } = this.options;
    if (error.errno !== EADDRINUSE || basePort === 0) return error;
    const range = ports === 1 ? `${basePort}` : `${basePort}-${basePort + ports - 1}`;
    return new SystemCallError(
      error.errno,
      `${error.message} (source.basePort); so that no program gets the ports of IPv${family} by chance, reserve them with net.ipv4.ip_local_reserved_ports=${range}, which holds for IPv6 too`,
      { cause: error },
    );
  }
}
