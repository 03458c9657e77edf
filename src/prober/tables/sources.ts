/** Sockets of one prober thread, by set and source port. Sockets may be added while it runs. */

import type { SourceSocket, Transport } from '../../threads/messages.js';

/** Transports as the hot path compares them. */
export const TRANSPORT = { udp: 0, 'tcp-syn': 1, icmp: 2 } as const satisfies Record<Transport, number>;
export type TransportNumber = (typeof TRANSPORT)[Transport];

/** Messages that one system call reads from a queue of a socket. */
export const RECEIVE_BATCH = 64;
/** Limit of batches read from one socket before the next socket is read. */
export const BATCHES_A_TURN = 8;
/** Limit of batches discarded per socket when a thread begins, so that a flood can't prevent its start. */
export const DISCARD_BATCHES = 4096;

/** A receive queue; source ports of tcp-syn share one. */
export interface ReceiveQueue {
  readonly fd: number;
  /** Its last drop counter, the time of that reading, and the time of the last reading with a rise, ns. */
  drops: number;
  dropsReadNs: number;
  lastDropNs: number;
  /** For tcp-syn: the socket that sends from each port. */
  readonly tcpPorts: Map<number, ProberSocket>;
}

/** A source port's socket, as the thread uses it. */
export interface ProberSocket {
  readonly fd: number;
  readonly set: number;
  readonly device: string | undefined;
  readonly family: 4 | 6;
  readonly transport: TransportNumber;
  /** UDP or TCP port; for icmp the identifier. */
  readonly port: number;
  /** Received data begins with an IPv4 header. */
  readonly skipsIpHeader: boolean;
  /** Index among the thread's own source ports. */
  readonly localIndex: number;
  /** Index among the collector's source ports. */
  readonly sourceIndex: number;
  readonly queue: ReceiveQueue;
  /** Whether the socket sets "don't fragment"; undefined before this incarnation set it. */
  neverFragment: boolean | undefined;
  /** Whether the kernel accepts our flow labels. */
  flowLabels: boolean;
  /** Previous socket in this place, while it may still receive replies. */
  replaces: ProberSocket | undefined;
  /** Another socket sends in its place; this one only receives. */
  replaced: boolean;
}

/** Sockets of a set, by `placeOf`; undefined while missing. */
export type SocketSet = readonly (ProberSocket | undefined)[];

/** Hot: index in a set of the socket of a local source port. */
export const placeOf = (localIndex: number, family: number): number => localIndex * 2 + (family === 6 ? 1 : 0);

export class ProberSources {
  sockets: ProberSocket[] = [];
  queues: ReceiveQueue[] = [];
  /** Source index by local index. */
  readonly sourceIndexes: readonly number[];
  private readonly sets = new Map<number, (ProberSocket | undefined)[]>();
  private readonly readDrops: (fd: number) => number;

  constructor(sourceIndexes: readonly number[], sockets: readonly SourceSocket[], readDrops: (fd: number) => number) {
    this.sourceIndexes = sourceIndexes;
    this.readDrops = readDrops;
    for (const socket of sockets) this.add(socket);
  }

  /** Returns whether it replaces another socket. */
  add(source: SourceSocket): boolean {
    const { fd, set, device, family, sourceIndex, port, skipsIpHeader } = source;
    const localIndex = this.sourceIndexes.indexOf(sourceIndex);
    let queue = this.queues.find((one) => one.fd === fd);
    if (queue === undefined) {
      queue = { fd, drops: this.readDrops(fd), dropsReadNs: 0, lastDropNs: -1, tcpPorts: new Map() };
      this.queues.push(queue);
    }
    const places = this.places(set);
    const place = placeOf(localIndex, family);
    const replaces = places[place];
    if (replaces !== undefined) replaces.replaced = true;
    const socket: ProberSocket = {
      fd,
      set,
      device,
      family,
      transport: TRANSPORT[source.transport],
      port,
      skipsIpHeader,
      localIndex,
      sourceIndex,
      queue,
      neverFragment: undefined,
      flowLabels: family === 6,
      replaces,
      replaced: false,
    };
    this.sockets.push(socket);
    places[place] = socket;
    queue.tcpPorts.set(port, socket);
    return replaces !== undefined;
  }

  /**
   * Forgets sockets before they are closed. Returns the numbers of the sets without a socket left, which are forgotten
   * too.
   */
  remove(fds: readonly number[]): number[] {
    const goes = ({ fd }: { readonly fd: number }): boolean => fds.includes(fd);
    const numbers = new Set(this.sockets.filter(goes).map(({ set }) => set));
    this.sockets = this.sockets.filter((socket) => !goes(socket));
    this.queues = this.queues.filter((queue) => !goes(queue));
    for (const socket of this.sockets)
      if (socket.replaces !== undefined && goes(socket.replaces)) socket.replaces = undefined;
    return [...numbers].filter((number) => {
      const places = this.places(number);
      for (const [place, socket] of places.entries())
        if (socket !== undefined && goes(socket)) places[place] = undefined;
      return places.every((socket) => socket === undefined) && this.sets.delete(number);
    });
  }

  /** Sockets of a set; later additions appear in it. */
  set(number: number): SocketSet {
    return this.places(number);
  }

  /**
   * How many of the collector's first `count` source ports send probes of this transport from this thread: always the
   * thread's own first ones.
   */
  ports(transport: number, count: number): number {
    return this.sourceIndexes.filter((index) => index < (transport === TRANSPORT.icmp ? 1 : count)).length;
  }

  /** One socket for each receive queue among the wanted sockets. */
  readers(wanted: (socket: ProberSocket) => boolean): ProberSocket[] {
    const seen = new Set<number>();
    return this.sockets.filter((socket) => wanted(socket) && !seen.has(socket.fd) && seen.add(socket.fd));
  }

  private places(number: number): (ProberSocket | undefined)[] {
    const known = this.sets.get(number);
    if (known !== undefined) return known;
    const places = Array.from<ProberSocket | undefined>({ length: this.sourceIndexes.length * 2 });
    this.sets.set(number, places);
    return places;
  }
}
