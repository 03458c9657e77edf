/** The sockets of one prober thread, by source port. Those below UDP come when a group first needs them. */

import type { SourceSocket, Transport } from '../messages.js';

/** Transports as the hot path compares them. */
export const TRANSPORT = { udp: 0, 'tcp-syn': 1, icmp: 2 } as const satisfies Record<Transport, number>;
export type TransportNumber = (typeof TRANSPORT)[Transport];
const TRANSPORTS = 3;

/** Of each queue of a socket: what one system call reads. */
export const RECEIVE_BATCH = 64;
/** Batches read from one socket before the others have their turn. */
export const BATCHES_A_TURN = 8;
/** Batches thrown away per socket at most, when a thread begins, so that no flood keeps it from beginning. */
export const DISCARD_BATCHES = 4096;

/** A receive queue; source ports of tcp-syn share one. */
export interface ReceiveQueue {
  readonly fd: number;
  /** Its drop counter as last read, when that was, and the end of the stretch of time in which it last rose. */
  drops: number;
  dropsReadNs: number;
  lastDropNs: number;
}

/** A source port's socket, as the thread uses it. */
export interface ProberSocket {
  readonly fd: number;
  readonly family: 4 | 6;
  readonly transport: TransportNumber;
  /** UDP or TCP port; of icmp the identifier. */
  readonly port: number;
  /** What is received begins with an IPv4 header. */
  readonly skipsIpHeader: boolean;
  /** Index among the thread's own source ports. */
  readonly localIndex: number;
  /** Index among the collector's source ports. */
  readonly sourceIndex: number;
  readonly queue: ReceiveQueue;
  /** How it was told to treat large packets; undefined: not by this life of the thread. */
  neverFragment: boolean | undefined;
  /** Whether the kernel takes our flow labels. */
  flowLabels: boolean;
}

export class ProberSources {
  readonly sockets: ProberSocket[] = [];
  readonly queues: ReceiveQueue[] = [];
  /** Source index by local index. */
  readonly sourceIndexes: number[] = [];
  private readonly bySource: (ProberSocket | undefined)[] = [];
  private readonly tcp = { 4: new Map<number, ProberSocket>(), 6: new Map<number, ProberSocket>() };
  private readonly readDrops: (fd: number) => number;

  constructor(sockets: readonly SourceSocket[], readDrops: (fd: number) => number) {
    this.readDrops = readDrops;
    for (const socket of sockets) this.add(socket);
  }

  add(source: SourceSocket): void {
    const { fd, family, sourceIndex, port, skipsIpHeader } = source;
    const known = this.sourceIndexes.indexOf(sourceIndex);
    const localIndex = known >= 0 ? known : this.sourceIndexes.push(sourceIndex) - 1;
    const transport = TRANSPORT[source.transport];
    let queue = this.queues.find((one) => one.fd === fd);
    if (queue === undefined) {
      queue = { fd, drops: this.readDrops(fd), dropsReadNs: 0, lastDropNs: -1 };
      this.queues.push(queue);
    }
    const socket: ProberSocket = {
      fd,
      family,
      transport,
      port,
      skipsIpHeader,
      localIndex,
      sourceIndex,
      queue,
      neverFragment: undefined,
      flowLabels: family === 6,
    };
    this.sockets.push(socket);
    this.bySource[place(transport, localIndex, family)] = socket;
    if (transport === TRANSPORT['tcp-syn']) this.tcp[family].set(port, socket);
  }

  /** Hot. */
  of(transport: number, localIndex: number, family: number): ProberSocket | undefined {
    return this.bySource[place(transport, localIndex, family)];
  }

  /** The one that SYNs of this port leave by. */
  ofTcpPort(family: 4 | 6, port: number): ProberSocket | undefined {
    return this.tcp[family].get(port);
  }

  /** How many source ports probes of a transport leave from here, of the collector's first `count`: these are the thread's own first ones. */
  ports(transport: number, count: number): number {
    return transport === TRANSPORT.icmp
      ? Number(this.sockets.some((socket) => socket.transport === transport))
      : this.sourceIndexes.filter((index) => index < count).length;
  }

  /** One socket for each receive queue that answers of these transports and families come to. */
  readers(wanted: (socket: ProberSocket) => boolean): ProberSocket[] {
    const seen = new Set<number>();
    return this.sockets.filter((socket) => wanted(socket) && !seen.has(socket.fd) && seen.add(socket.fd));
  }
}

const place = (transport: number, localIndex: number, family: number): number =>
  (localIndex * TRANSPORTS + transport) * 2 + (family === 6 ? 1 : 0);
