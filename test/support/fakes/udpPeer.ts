/** A peer of the reflector on node:dgram: sends requests, collects replies. */

import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { parseStampReply, StampReply, writeStampRequest } from '../../../src/wire/stamp.js';
import { waitFor } from '../harness/wait.js';

export interface Received {
  readonly bytes: Buffer;
  readonly from: RemoteInfo;
}

/** A request with T1 of now; bytes behind the base packet count up from 1. */
export function stampRequest(sequence: number, length = 44, ssid = 0): Buffer {
  const bytes = Buffer.alloc(Math.max(length, 44));
  const nowMs = Date.now();
  writeStampRequest(
    new DataView(bytes.buffer, bytes.byteOffset, bytes.length),
    0,
    sequence,
    Math.floor(nowMs / 1000),
    (nowMs % 1000) * 1e6,
    ssid,
  );
  for (let i = 44; i < length; i++) bytes[i] = (i - 43) & 0xff;
  return bytes.subarray(0, length);
}

export function readReply(bytes: Uint8Array): StampReply {
  const reply = new StampReply();
  parseStampReply(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, bytes.byteLength, reply);
  return reply;
}

export class UdpPeer {
  readonly received: Received[] = [];
  private readonly socket: Socket;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('message', (bytes, from) => this.received.push({ bytes, from }));
  }

  static async open(address = '127.0.0.1'): Promise<UdpPeer> {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    const peer = new UdpPeer(socket);
    socket.bind(0, address);
    await once(socket, 'listening');
    return peer;
  }

  get port(): number {
    return this.socket.address().port;
  }

  send(bytes: Uint8Array, port: number, address = '127.0.0.1'): Promise<void> {
    return new Promise((resolve, reject) =>
      this.socket.send(bytes, port, address, (error) => (error === null ? resolve() : reject(error))),
    );
  }

  /** Sends one packet and resolves with what comes back next. */
  async ask(bytes: Uint8Array, port: number, address = '127.0.0.1'): Promise<Received> {
    const before = this.received.length;
    await this.send(bytes, port, address);
    await waitFor('a reply', () => this.received.length > before);
    return this.received[before];
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.socket.close(() => resolve()));
  }
}
