/** The sockets of one prober thread, by set and source port. More may come while it runs. */

import type { SourceSocket, Transport } from '../threads/messages.js';

/** Transports as the hot path compares them. */
export const TRANSPORT = { udp: 0, 'tcp-syn': 1, icmp: 2 } as const satisfies Record<Transport, number>;
export type TransportNumber = (typeof TRANSPORT)[Transport];

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
  /** Of tcp-syn: who sends from a port. */
  readonly tcpPorts: Map<number, ProberSocket>;
}

/** A source port's socket, as the thread uses it. */
export interface ProberSocket {
  readonly fd: number;
  readonly set: number;
  readonly device: string | undefined;
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
  /** The socket that sent in this place before, while replies may still come to it. */
  replaces: ProberSocket | undefined;
  /** Another socket sends in its place; it only receives. */
  replaced: boolean;
}

/** The sockets of a set, by `placeOf`; undefined where there is none, or none yet. */
export type SocketSet = readonly (ProberSocket | undefined)[];

/** Hot: place in a set of the socket of a source port of this thread. */
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

  /** Whether it takes the place of another one. */
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

  /** Forgets sockets that are about to be closed, and sets of which none is left; returns the numbers of these sets. */
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

  /** The sockets of a set, with those that come later. */
  set(number: number): SocketSet {
    return this.places(number);
  }

  /** How many source ports probes of a transport leave from here, of the collector's first `count`: these are the thread's own first ones. */
  ports(transport: number, count: number): number {
    return this.sourceIndexes.filter((index) => index < (transport === TRANSPORT.icmp ? 1 : count)).length;
  }

  /** One socket for each receive queue among those that are wanted. */
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
