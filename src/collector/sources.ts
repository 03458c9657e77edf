/**
 * The collector's source ports: their sockets are opened here, once, and belong to the main thread. So a port stays
 * the same flow through the death of the prober thread that uses it.
 */

import type { SourceSettings, TimestampMode } from '../config/types.js';
import { LlamaError } from '../errors.js';
import { UdpSocket } from '../net/socket.js';
import type { SourceSocket } from './messages.js';

/** The kernel doubles it and takes about 768 bytes for a small packet, so this holds 20,000 replies or send stamps. */
const RECEIVE_BUFFER_BYTES = 8 * 1024 * 1024;
/** Below this, replies to a busy source port may be dropped here. */
const RECEIVE_BUFFER_MIN_BYTES = 1024 * 1024;
const SEND_BUFFER_BYTES = 4 * 1024 * 1024;
/** When the system chooses ports, IPv6 takes the number that IPv4 got, unless somebody has it. */
const UNAVAILABLE_FAMILY = new Set(['LLAMA_SYSTEM_CALL', 'LLAMA_ADDRESS_IN_USE']);

export class SourcePorts {
  readonly sockets: readonly SourceSocket[];
  /** Why there are no IPv6 sockets; undefined when there are. */
  readonly withoutIpv6: string | undefined;
  readonly warnings: readonly string[];
  private readonly open: readonly UdpSocket[];

  /** Throws `LLAMA_ADDRESS_IN_USE`, `LLAMA_NO_FILES` or `LLAMA_SYSTEM_CALL`; nothing stays open then. */
  constructor(source: SourceSettings, timestamps: TimestampMode) {
    const open: UdpSocket[] = [];
    const sockets: SourceSocket[] = [];
    let withoutIpv6: string | undefined;
    const openOne = (family: 4 | 6, sourceIndex: number, port: number): UdpSocket => {
      const address = family === 4 ? source.address : source.address6;
      const socket = UdpSocket.open({
        family,
        address,
        port,
        receiveBufferBytes: RECEIVE_BUFFER_BYTES,
        sendBufferBytes: SEND_BUFFER_BYTES,
        tosAndTtl: true,
        icmpErrors: true,
        stamps: timestamps,
      });
      open.push(socket);
      sockets.push({ fd: socket.fd, family, sourceIndex, port: socket.port });
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
    this.open = open;
    this.sockets = sockets;
    this.withoutIpv6 = withoutIpv6;
    const granted = Math.min(...open.map((socket) => socket.receiveBufferBytes / 2));
    this.warnings =
      granted >= RECEIVE_BUFFER_MIN_BYTES
        ? []
        : [
            `receive buffers are ${granted} bytes: bursts of replies may be dropped here (counted as localDrops); give CAP_NET_ADMIN or raise net.core.rmem_max to ${RECEIVE_BUFFER_BYTES}`,
          ];
  }

  /** UDP port by index of the source port. */
  ports(family: 4 | 6): number[] {
    return this.sockets.filter((socket) => socket.family === family).map((socket) => socket.port);
  }

  /** The sockets of thread `thread` of `threads`: source ports are dealt out in turn. */
  ofThread(thread: number, threads: number): SourceSocket[] {
    return this.sockets.filter((socket) => socket.sourceIndex % threads === thread);
  }

  close(): void {
    for (const socket of this.open) socket.close();
  }
}
