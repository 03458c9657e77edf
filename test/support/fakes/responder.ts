/**
 * A STAMP responder that misbehaves on demand, to see that the collector calls each fault by its name.
 *
 * It must never use the product's codec or sockets: the few lines here were written from RFC 8762 alone, and a mistake in the
 * product's must not be repeated on both ends. It counts what it did, so that tests compare counts and not impressions.
 */

import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';

export type Mode =
  | { readonly kind: 'normal' }
  /** Returns another T1 than the one that was sent. */
  | { readonly kind: 'wrongT1' }
  /** Returns a sequence number that was never sent. */
  | { readonly kind: 'wrongSequence' }
  /** Answers from another port, and address where one is given. */
  | { readonly kind: 'wrongSource' }
  /** Answers, then answers `copies` times more. */
  | { readonly kind: 'duplicate'; readonly copies: number }
  /** Answers after so long; T2 and T3 are of the arrival, so the delay looks like the network's. */
  | { readonly kind: 'late'; readonly ms: number }
  /** Holds each first probe of a flow back until the second is answered. */
  | { readonly kind: 'reorder' }
  | { readonly kind: 'silent' }
  /** Leaves every n-th probe of a flow unanswered. */
  | { readonly kind: 'dropEvery'; readonly n: number }
  /** Does not answer what comes from these ports: a bad member of an ECMP group. */
  | { readonly kind: 'dropPorts'; readonly ports: readonly number[] }
  /** Answers with the first `bytes` bytes of the reply; TWAMP-Light answers 41. */
  | { readonly kind: 'truncated'; readonly bytes: number }
  /** TWAMP-Light: zeros where the SSID stands. */
  | { readonly kind: 'noSsid' }
  /** Numbers its replies, from 0: those of an address and port in one, whatever their SSID and class (TWAMP-Light). */
  | { readonly kind: 'sharedNumbers' }
  /** Answers with a few bytes that are no packet at all. */
  | { readonly kind: 'junk' };

/** What it did so far. Each reply is counted in `replies`; what was wrong with it, in `faulty`. */
export interface ResponderCounts {
  readonly requests: number;
  /** Datagrams that are no STAMP request; not answered. */
  readonly malformed: number;
  /** Datagrams handed to the kernel. */
  readonly replies: number;
  /** Of these: wrong, additional, late, truncated or overtaken ones, as the mode has it. */
  readonly faulty: number;
  /** Requests that got, and will get, no answer. */
  readonly unanswered: number;
}

export const STAMP_BYTES = 44;
const SEQUENCE = 0;
const T1 = 4;
const ERROR_ESTIMATE = 12;
const SSID = 14;

const REPLY_T2 = 16;
const REPLY_SENDER_SEQUENCE = 24;
const REPLY_SENDER_T1 = 28;
const REPLY_SENDER_ERROR = 36;
const REPLY_SENDER_TTL = 40;

/** S 0, Z 1 (PTP format), scale 0, multiplier 1. */
const PTP_ESTIMATE = 0x4001;

/** Writes the time of day as truncated PTPv2: seconds and nanoseconds, 32 bits each. */
export function writePtpNow(buffer: Buffer, offset: number): void {
  const ms = performance.timeOrigin + performance.now();
  const seconds = Math.floor(ms / 1000);
  buffer.writeUInt32BE(seconds, offset);
  buffer.writeUInt32BE(Math.floor((ms - seconds * 1000) * 1e6), offset + 4);
}

/** A Session-Sender's packet, RFC 8762 section 4.2.1 (and RFC 8972 for the SSID). */
export function buildRequest(sequence: number, ssid: number, bytes = STAMP_BYTES): Buffer {
  const request = Buffer.alloc(bytes);
  request.writeUInt32BE(sequence, SEQUENCE);
  writePtpNow(request, T1);
  request.writeUInt16BE(PTP_ESTIMATE, ERROR_ESTIMATE);
  request.writeUInt16BE(ssid, SSID);
  return request;
}

/** A stateless Session-Reflector's packet, RFC 8762 section 4.3.1. */
function buildReply(request: Buffer): Buffer {
  const reply = Buffer.alloc(request.length);
  writePtpNow(reply, REPLY_T2);
  request.copy(reply, SEQUENCE, SEQUENCE, SEQUENCE + 4);
  reply.writeUInt16BE(PTP_ESTIMATE, ERROR_ESTIMATE);
  request.copy(reply, SSID, SSID, SSID + 2);
  request.copy(reply, REPLY_SENDER_SEQUENCE, SEQUENCE, SEQUENCE + 4);
  request.copy(reply, REPLY_SENDER_T1, T1, T1 + 8);
  request.copy(reply, REPLY_SENDER_ERROR, ERROR_ESTIMATE, ERROR_ESTIMATE + 2);
  // node:dgram does not tell the received TTL; 64 is what a Linux sender on the same host would have shown.
  reply.writeUInt8(64, REPLY_SENDER_TTL);
  writePtpNow(reply, T1);
  return reply;
}

/** What a responder keeps of one flow: (address, port, SSID). */
interface Flow {
  requests: number;
  held: Buffer | null;
}

export class Responder {
  /** May be changed while it runs; what is held back or delayed already goes its way. */
  mode: Mode;
  /** The source ports whose packets it counts and answers; undefined: all. */
  ports: ReadonlySet<number> | undefined;
  readonly counts: { -readonly [K in keyof ResponderCounts]: ResponderCounts[K] } = {
    requests: 0,
    malformed: 0,
    replies: 0,
    faulty: 0,
    unanswered: 0,
  };
  private readonly socket: Socket;
  private readonly other: Socket;
  private readonly flows = new Map<string, Flow>();
  private readonly timers = new Set<NodeJS.Timeout>();

  private constructor(mode: Mode, socket: Socket, other: Socket) {
    this.mode = mode;
    this.socket = socket;
    this.other = other;
    socket.on('message', (request, from) => this.receive(request, from));
  }

  /** Port 0 takes a free one. `other`: the address that the mode `wrongSource` answers from. */
  static async start(mode: Mode, address = '127.0.0.1', port = 0, other = address): Promise<Responder> {
    const open = async (bindPort: number, bindAddress = address): Promise<Socket> => {
      const socket = createSocket({ type: isIPv6(address) ? 'udp6' : 'udp4', recvBufferSize: 4 << 20 });
      socket.bind(bindPort, bindAddress);
      await once(socket, 'listening');
      return socket;
    };
    return new Responder(mode, await open(port), await open(0, other));
  }

  get port(): number {
    return this.socket.address().port;
  }

  /** Replies that wait for their time. */
  get delayed(): number {
    return this.timers.size;
  }

  /** Whatever is still held back is never sent. */
  close(): void {
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
    this.socket.close();
    this.other.close();
  }

  private receive(request: Buffer, from: RemoteInfo): void {
    if (this.ports !== undefined && !this.ports.has(from.port)) return;
    if (request.length < STAMP_BYTES) {
      this.counts.malformed++;
      return;
    }
    this.counts.requests++;
    this.answer(buildReply(request), from);
  }

  private answer(reply: Buffer, from: RemoteInfo): void {
    const mode = this.mode;
    switch (mode.kind) {
      case 'normal':
        this.send(reply, from);
        break;
      case 'wrongT1':
        reply.writeUInt32BE((reply.readUInt32BE(REPLY_SENDER_T1 + 4) ^ 1) >>> 0, REPLY_SENDER_T1 + 4);
        this.send(reply, from, true);
        break;
      case 'wrongSequence': {
        // So far ahead that no window over what was sent can hold it.
        const wrong = (reply.readUInt32BE(SEQUENCE) ^ 0x4000_0000) >>> 0;
        reply.writeUInt32BE(wrong, SEQUENCE);
        reply.writeUInt32BE(wrong, REPLY_SENDER_SEQUENCE);
        this.send(reply, from, true);
        break;
      }
      case 'wrongSource':
        this.send(reply, from, true, this.other);
        break;
      case 'duplicate':
        this.send(reply, from);
        for (let i = 0; i < mode.copies; i++) this.send(reply, from, true);
        break;
      case 'late':
        this.sendLater(reply, from, mode.ms);
        break;
      case 'reorder':
        this.sendSwapped(reply, from);
        break;
      case 'silent':
        this.counts.unanswered++;
        break;
      case 'dropEvery':
        if (++this.flow(reply, from).requests % mode.n === 0) this.counts.unanswered++;
        else this.send(reply, from);
        break;
      case 'dropPorts':
        if (mode.ports.includes(from.port)) this.counts.unanswered++;
        else this.send(reply, from);
        break;
      case 'truncated':
        this.send(reply.subarray(0, mode.bytes), from, true);
        break;
      case 'noSsid':
        reply.writeUInt16BE(0, SSID);
        this.send(reply, from, true);
        break;
      case 'sharedNumbers':
        reply.writeUInt32BE(this.sharedFlow(from).requests++, SEQUENCE);
        this.send(reply, from);
        break;
      case 'junk':
        this.send(Buffer.from('junk'), from, true);
        break;
      default:
        mode satisfies never;
    }
  }

  private send(reply: Buffer, to: RemoteInfo, faulty = false, socket = this.socket): void {
    this.counts.replies++;
    if (faulty) this.counts.faulty++;
    socket.send(reply, to.port, to.address);
  }

  private sendLater(reply: Buffer, to: RemoteInfo, ms: number): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      this.send(reply, to, true);
    }, ms);
    this.timers.add(timer);
  }

  private sendSwapped(reply: Buffer, to: RemoteInfo): void {
    const flow = this.flow(reply, to);
    if (flow.held === null) {
      flow.held = reply;
      return;
    }
    this.send(reply, to);
    this.send(flow.held, to, true);
    flow.held = null;
  }

  private flow(reply: Buffer, from: RemoteInfo): Flow {
    return this.flowOf(`${from.address} ${from.port} ${reply.readUInt16BE(SSID)}`);
  }

  private sharedFlow(from: RemoteInfo): Flow {
    return this.flowOf(`${from.address} ${from.port}`);
  }

  private flowOf(key: string): Flow {
    let flow = this.flows.get(key);
    if (flow === undefined) {
      flow = { requests: 0, held: null };
      this.flows.set(key, flow);
    }
    return flow;
  }
}
