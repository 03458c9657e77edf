/**
 * The collector's source ports: their sockets are opened here, once, and belong to the main thread. So a port stays
 * the same flow through the death of the prober thread that uses it. Those below UDP are opened when a group first needs them.
 */

import type { SourceSettings, TimestampMode } from '../config/types.js';
import { LlamaError } from '../errors.js';
import { setFlowLabels, UdpSocket } from '../net/socket.js';
import type { SourceSocket, Transport } from './messages.js';
import { RawSources } from './rawSources.js';

/** The kernel doubles it and takes about 768 bytes for a small packet, so this holds 20,000 replies or send stamps. */
const RECEIVE_BUFFER_BYTES = 8 * 1024 * 1024;
/** Below this, replies to a busy source port may be dropped here. */
const RECEIVE_BUFFER_MIN_BYTES = 1024 * 1024;
const SEND_BUFFER_BYTES = 4 * 1024 * 1024;
const BUFFERS = { receiveBufferBytes: RECEIVE_BUFFER_BYTES, sendBufferBytes: SEND_BUFFER_BYTES } as const;
/** When the system chooses ports, IPv6 takes the number that IPv4 got, unless somebody has it. */
const UNAVAILABLE_FAMILY = new Set(['LLAMA_SYSTEM_CALL', 'LLAMA_ADDRESS_IN_USE']);

export class SourcePorts {
  private readonly udp: readonly SourceSocket[];
  private readonly raw = new Map<Exclude<Transport, 'udp'>, RawSources>();
  private readonly source: SourceSettings;
  private readonly timestamps: TimestampMode;
  private readonly threads: number;
  /** Why there are no IPv6 sockets; undefined when there are. */
  readonly withoutIpv6: string | undefined;
  readonly warnings: readonly string[];
  private readonly udpSockets: readonly UdpSocket[];

  /** Throws `LLAMA_ADDRESS_IN_USE`, `LLAMA_NO_FILES` or `LLAMA_SYSTEM_CALL`; nothing stays open then. */
  constructor(source: SourceSettings, timestamps: TimestampMode, threads: number) {
    this.source = source;
    this.timestamps = timestamps;
    this.threads = threads;
    const open: UdpSocket[] = [];
    const sockets: SourceSocket[] = [];
    let withoutIpv6: string | undefined;
    const openOne = (family: 4 | 6, sourceIndex: number, port: number): UdpSocket => {
      const address = family === 4 ? source.address : source.address6;
      const socket = UdpSocket.open({
        family,
        address,
        port,
        ...BUFFERS,
        tosAndTtl: true,
        icmpErrors: true,
        stamps: timestamps,
      });
      open.push(socket);
      if (family === 6) setFlowLabels(socket.fd, true);
      sockets.push({ fd: socket.fd, family, sourceIndex, port: socket.port, transport: 'udp', skipsIpHeader: false });
      return socket;
    };
    try {
      for (let index = 0; index < source.ports; index++) {
        const v4 = openOne(4, index, source.basePort === 0 ? 0 : source.basePort + index);
        if (withoutIpv6 !== undefined) continue;
        try {
          openOne(6, index, v4.port);
        } catch (error) {
          if (!(error instanceof LlamaError) || !UNAVAILABLE_FAMILY.has(error.code)) throw error;
          if (error.code === 'LLAMA_ADDRESS_IN_USE' && source.basePort === 0) openOne(6, index, 0);
          else if (error.code === 'LLAMA_SYSTEM_CALL' && index === 0) withoutIpv6 = error.message;
          else throw error;
        }
      }
    } catch (error) {
      for (const socket of open) socket.close();
      throw error;
    }
    this.udpSockets = open;
    this.udp = sockets;
    this.withoutIpv6 = withoutIpv6;
    const granted = Math.min(...open.map((socket) => socket.receiveBufferBytes / 2));
    this.warnings =
      granted >= RECEIVE_BUFFER_MIN_BYTES
        ? []
        : [
            `receive buffers are ${granted} bytes: bursts of replies may be dropped here (counted as localDrops); give CAP_NET_ADMIN or raise net.core.rmem_max to ${RECEIVE_BUFFER_BYTES}`,
          ];
  }

  /** Opens what a transport needs, if that was not done before. @throws LlamaError as `RawSources`. */
  need(transport: Transport): void {
    if (transport === 'udp' || this.raw.has(transport)) return;
    const { source, timestamps, threads } = this;
    const families = this.withoutIpv6 === undefined ? ([4, 6] as const) : ([4] as const);
    this.raw.set(
      transport,
      new RawSources(transport, {
        socket: { ...BUFFERS, tosAndTtl: true, icmpErrors: true, stamps: timestamps },
        addresses: { 4: source.address, 6: source.address6 },
        families,
        udpPorts: { 4: this.ports(4), 6: this.ports(6) },
        threads,
      }),
    );
  }

  /** Transports whose sockets are open. */
  get open(): readonly Transport[] {
    return ['udp', ...this.raw.keys()];
  }

  /** Whether a transport's sockets are open. */
  has(transport: Transport): boolean {
    return transport === 'udp' || this.raw.has(transport);
  }

  /** Port by index of the source port; of icmp the identifier, at index 0. */
  ports(family: 4 | 6, transport: Transport = 'udp'): number[] {
    const ports: number[] = [];
    for (const socket of this.of(transport)) if (socket.family === family) ports[socket.sourceIndex] = socket.port;
    return ports;
  }

  /** The sockets of a transport, on all threads; none before it was needed. */
  of(transport: Transport): readonly SourceSocket[] {
    return transport === 'udp' ? this.udp : (this.raw.get(transport)?.sockets ?? []);
  }

  /** The sockets of thread `thread`: source ports are dealt out in turn. */
  ofThread(thread: number, transport?: Transport): SourceSocket[] {
    const all = transport === undefined ? this.open.flatMap((one) => this.of(one)) : this.of(transport);
    return all.filter((socket) => socket.sourceIndex % this.threads === thread);
  }

  close(): void {
    for (const socket of this.udpSockets) socket.close();
    for (const raw of this.raw.values()) raw.close();
  }
}
