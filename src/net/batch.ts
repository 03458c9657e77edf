/**
 * Batches of datagrams for recvmmsg and sendmmsg. Every native struct is built once; a call sets only what changes.
 *
 * `mmsghdr` (64 bytes) and `iovec` (16 bytes) on 64-bit Linux:
 *
 * | offset | `mmsghdr` | | offset | `iovec` |
 * | ---: | --- | --- | ---: | --- |
 * | 0 | name pointer | | 0 | base pointer |
 * | 8 | name length u32 | | 8 | length u64 |
 * | 16 | iovec pointer | | | |
 * | 24 | iovec count u64 | | | |
 * | 32 | control pointer | | | |
 * | 40 | control length u64 | | | |
 * | 48 | flags i32 | | | |
 * | 56 | message length u32 | | | |
 */

import { type Family, SOCKADDR_STRIDE, sockaddrBytes } from './address.js';
import * as c from './constants.js';
import { errno, libc } from './libc.js';
import { NativeMemory } from './memory.js';

const HEADER_BYTES = 64;
const NAME_POINTER = 0;
const NAME_LENGTH = 8;
const IOVEC_POINTER = 16;
const IOVEC_COUNT = 24;
const CONTROL_POINTER = 32;
const CONTROL_LENGTH = 40;
const FLAGS = 48;
const MESSAGE_LENGTH = 56;
const IOVEC_BYTES = 16;
const IOVEC_LENGTH = 8;

const align8 = (bytes: number): number => (bytes + 7) & ~7;

/** Memory shared by both directions: headers, iovecs, names, control messages, payloads. */
class MessageBatch {
  readonly size: number;
  readonly payloadStride: number;
  readonly controlStride: number;
  readonly memory: NativeMemory;
  protected readonly iovecsAt: number;
  readonly namesAt: number;
  readonly controlAt: number;
  readonly payloadsAt: number;

  constructor(size: number, payloadBytes: number, controlBytes: number) {
    this.size = size;
    this.payloadStride = align8(payloadBytes);
    this.controlStride = align8(controlBytes);
    this.iovecsAt = size * HEADER_BYTES;
    this.namesAt = this.iovecsAt + size * IOVEC_BYTES;
    this.controlAt = this.namesAt + size * SOCKADDR_STRIDE;
    this.payloadsAt = this.controlAt + size * this.controlStride;
    this.memory = new NativeMemory(this.payloadsAt + size * this.payloadStride);
    for (let i = 0; i < size; i++) {
      const header = i * HEADER_BYTES;
      const iovec = this.iovecsAt + i * IOVEC_BYTES;
      this.memory.writePointer(header + NAME_POINTER, this.memory, this.nameAt(i));
      this.memory.writePointer(header + IOVEC_POINTER, this.memory, iovec);
      this.memory.u32[(header + IOVEC_COUNT) >> 2] = 1;
      this.memory.writePointer(header + CONTROL_POINTER, this.memory, this.controlAt + i * this.controlStride);
      this.memory.writePointer(iovec, this.memory, this.payloadAt(i));
      this.memory.u32[(iovec + IOVEC_LENGTH) >> 2] = this.payloadStride;
    }
  }

  /** Byte offset in `memory` of message `i`'s socket address. */
  nameAt(i: number): number {
    return this.namesAt + i * SOCKADDR_STRIDE;
  }

  /** Byte offset in `memory` of message `i`'s payload. */
  payloadAt(i: number): number {
    return this.payloadsAt + i * this.payloadStride;
  }
}

/** Source of a receive batch: the data queue or the error queue. */
type ReceiveQueue = 'data' | 'errors';

/**
 * Datagrams received by one `recvmmsg`, with the kernel's information about each, in columns. After `receive` returned
 * n, entries 0 to n-1 are valid until the next call. Zero where the kernel gave no information.
 */
export class ReceiveBatch extends MessageBatch {
  /** UDP payload bytes (cut to the payload size given at construction). */
  readonly lengths: Uint32Array;
  /** UDP payload bytes before the cut. */
  readonly fullLengths: Uint32Array;
  /** The kernel's stamp, CLOCK_REALTIME: of receiving, or of sending when read from the error queue. */
  readonly stampS: Uint32Array;
  readonly stampNs: Uint32Array;
  readonly tos: Uint8Array;
  readonly ttl: Uint8Array;
  /** SO_RXQ_OVFL: the socket's drop count when this datagram was queued. */
  readonly drops: Uint32Array;
  /** 1 where the payload was longer than its buffer. */
  readonly truncated: Uint8Array;
  /** Byte offset in `memory` of the datagram's local destination address (4 or 16 bytes); 0 when not delivered. */
  readonly localAddressAt: Uint32Array;
  /** Index of the incoming interface; 0 when not delivered. */
  readonly interfaceIndex: Uint32Array;
  /** `sock_extended_err` of an entry of the error queue: errno, origin, ICMP type and code, and `errorInfo` below. */
  readonly errorErrno: Uint32Array;
  readonly errorOrigin: Uint8Array;
  readonly errorType: Uint8Array;
  readonly errorCode: Uint8Array;
  /** Byte offset in `memory` of the socket address that sent the ICMP error (`SO_EE_OFFENDER`; family 0: unknown). */
  readonly errorOriginAt: Uint32Array;
  /** The MTU, for an error about a packet that was too big. */
  readonly errorInfo: Uint32Array;
  private readonly flags: number;
  private used: number;

  constructor(size: number, payloadBytes: number, queue: ReceiveQueue = 'data') {
    super(size, payloadBytes, queue === 'data' ? 192 : 320);
    this.flags = c.MSG_DONTWAIT | (queue === 'errors' ? c.MSG_ERRQUEUE : c.MSG_TRUNC);
    this.lengths = new Uint32Array(size);
    this.fullLengths = new Uint32Array(size);
    this.stampS = new Uint32Array(size);
    this.stampNs = new Uint32Array(size);
    this.tos = new Uint8Array(size);
    this.ttl = new Uint8Array(size);
    this.drops = new Uint32Array(size);
    this.truncated = new Uint8Array(size);
    this.localAddressAt = new Uint32Array(size);
    this.interfaceIndex = new Uint32Array(size);
    this.errorErrno = new Uint32Array(size);
    this.errorOrigin = new Uint8Array(size);
    this.errorType = new Uint8Array(size);
    this.errorCode = new Uint8Array(size);
    this.errorInfo = new Uint32Array(size);
    this.errorOriginAt = new Uint32Array(size);
    this.used = size;
  }

  /**
   * Reads the waiting datagrams without blocking. Returns their number, or minus the errno (EAGAIN: the queue is
   * empty).
   */
  receive(fd: number): number {
    const count = this.fill(fd);
    for (let i = 0; i < count; i++) this.parse(i);
    return count;
  }

  /** The system call of `receive`, without the columns. */
  fill(fd: number): number {
    const { u32 } = this.memory;
    for (let i = 0; i < this.used; i++) {
      const header = (i * HEADER_BYTES) >> 2;
      u32[header + (NAME_LENGTH >> 2)] = SOCKADDR_STRIDE;
      u32[header + (CONTROL_LENGTH >> 2)] = this.controlStride;
    }
    const count = libc.recvmmsg(fd, this.memory.address, this.size, this.flags, 0);
    if (count < 0) {
      this.used = 0;
      return -errno();
    }
    this.used = count;
    return count;
  }

  /**
   * Hot: walks the control messages of datagram `i`. `cmsghdr`: length u64, level i32, type i32, data; the next one is
   * 8-aligned.
   */
  private parse(i: number): void {
    const { u32, bytes } = this.memory;
    const header = (i * HEADER_BYTES) >> 2;
    const length = u32[header + (MESSAGE_LENGTH >> 2)];
    this.fullLengths[i] = length;
    this.lengths[i] = Math.min(length, this.payloadStride);
    this.truncated[i] = (u32[header + (FLAGS >> 2)] & c.MSG_TRUNC) === 0 ? 0 : 1;
    this.stampS[i] = 0;
    this.stampNs[i] = 0;
    this.tos[i] = 0;
    this.ttl[i] = 0;
    this.drops[i] = 0;
    this.localAddressAt[i] = 0;
    this.interfaceIndex[i] = 0;
    this.errorOrigin[i] = 0;
    let at = this.controlAt + i * this.controlStride;
    const end = at + u32[header + (CONTROL_LENGTH >> 2)];
    while (at + 16 <= end) {
      const length = u32[at >> 2];
      if (length < 16) break;
      const level = u32[(at + 8) >> 2];
      const type = u32[(at + 12) >> 2];
      const data = at + 16;
      if (level === c.SOL_SOCKET) {
        if (type === c.SO_TIMESTAMPING) {
          this.stampS[i] = u32[data >> 2];
          this.stampNs[i] = u32[(data + 8) >> 2];
        } else if (type === c.SO_TIMESTAMPNS) {
          this.stampS[i] = u32[data >> 2];
          this.stampNs[i] = u32[(data + 8) >> 2];
        } else if (type === c.SO_TIMESTAMP) {
          // A timeval: whole microseconds.
          this.stampS[i] = u32[data >> 2];
          this.stampNs[i] = 1000 * u32[(data + 8) >> 2];
        } else if (type === c.SO_RXQ_OVFL) {
          this.drops[i] = u32[data >> 2];
        }
      } else if (level === c.IPPROTO_IP) {
        if (type === c.IP_TOS) this.tos[i] = bytes[data];
        else if (type === c.IP_TTL) this.ttl[i] = bytes[data];
        else if (type === c.IP_PKTINFO) {
          // in_pktinfo: interface, address that a route would choose, address in the header.
          this.localAddressAt[i] = data + 8;
          this.interfaceIndex[i] = u32[data >> 2];
        } else if (type === c.IP_RECVERR) this.parseError(i, data);
      } else if (level === c.IPPROTO_IPV6) {
        if (type === c.IPV6_TCLASS) this.tos[i] = bytes[data];
        else if (type === c.IPV6_HOPLIMIT) this.ttl[i] = bytes[data];
        else if (type === c.IPV6_PKTINFO) {
          // in6_pktinfo: address, interface.
          this.localAddressAt[i] = data;
          this.interfaceIndex[i] = u32[(data + 16) >> 2];
        } else if (type === c.IPV6_RECVERR) this.parseError(i, data);
      }
      at += align8(length);
    }
  }

  /**
   * `sock_extended_err`: errno u32, origin u8, type u8, code u8, a pad, info u32, data u32; then the socket address
   * that sent the error.
   */
  private parseError(i: number, data: number): void {
    const { u32, bytes } = this.memory;
    this.errorErrno[i] = u32[data >> 2];
    this.errorOrigin[i] = bytes[data + 4];
    this.errorType[i] = bytes[data + 5];
    this.errorCode[i] = bytes[data + 6];
    this.errorInfo[i] = u32[(data + 8) >> 2];
    this.errorOriginAt[i] = data + 16;
  }
}

/** Control messages of a sent datagram: TOS or traffic class, and the optional local source address. */
const TOS_MESSAGE_BYTES = 24;
const PKTINFO_MESSAGE_BYTES: Readonly<Record<Family, number>> = { 4: 32, 6: 40 };
const PKTINFO_DATA_BYTES: Readonly<Record<Family, number>> = { 4: 12, 6: 20 };

/** Datagrams to send by `sendmmsg`: destination, TOS and length are set per message. */
export class SendBatch extends MessageBatch {
  readonly family: Family;
  private readonly withSource: boolean;

  /** `withSource`: the local address is also set per message (`setSource`). */
  constructor(family: Family, size: number, payloadBytes: number, withSource = false) {
    super(size, payloadBytes, TOS_MESSAGE_BYTES + (withSource ? PKTINFO_MESSAGE_BYTES[family] : 0));
    this.family = family;
    this.withSource = withSource;
    const { u32 } = this.memory;
    const v4 = family === 4;
    for (let i = 0; i < size; i++) {
      const header = i * HEADER_BYTES;
      u32[(header + NAME_LENGTH) >> 2] = sockaddrBytes(family);
      u32[(header + CONTROL_LENGTH) >> 2] = this.controlStride;
      const tos = this.controlAt + i * this.controlStride;
      u32[tos >> 2] = 20;
      u32[(tos + 8) >> 2] = v4 ? c.IPPROTO_IP : c.IPPROTO_IPV6;
      u32[(tos + 12) >> 2] = v4 ? c.IP_TOS : c.IPV6_TCLASS;
      if (!withSource) continue;
      const info = tos + TOS_MESSAGE_BYTES;
      u32[info >> 2] = 16 + PKTINFO_DATA_BYTES[family];
      u32[(info + 8) >> 2] = v4 ? c.IPPROTO_IP : c.IPPROTO_IPV6;
      u32[(info + 12) >> 2] = v4 ? c.IP_PKTINFO : c.IPV6_PKTINFO;
    }
  }

  setTos(i: number, tos: number): void {
    this.memory.u32[(this.controlAt + i * this.controlStride + 16) >> 2] = tos;
  }

  setLength(i: number, bytes: number): void {
    this.memory.u32[(this.iovecsAt + i * IOVEC_BYTES + IOVEC_LENGTH) >> 2] = bytes;
  }

  /** Sends message `i` from the local address at byte `at` of `memory` (4 or 16 bytes, 4-aligned). */
  setSource(i: number, memory: NativeMemory, at: number): void {
    if (!this.withSource) return;
    const { u32 } = this.memory;
    const data = (this.controlAt + i * this.controlStride + TOS_MESSAGE_BYTES + 16) >> 2;
    if (this.family === 4) {
      // in_pktinfo: interface 0, then the source address (spec_dst).
      u32[data + 1] = memory.u32[at >> 2];
    } else {
      for (let word = 0; word < 4; word++) u32[data + word] = memory.u32[(at >> 2) + word];
    }
  }

  /** Sends message `i` by an interface; 0: chosen by the routing table. */
  setInterface(i: number, index: number): void {
    if (!this.withSource) return;
    const data = (this.controlAt + i * this.controlStride + TOS_MESSAGE_BYTES + 16) >> 2;
    this.memory.u32[this.family === 4 ? data : data + 4] = index;
  }

  /** Sends message `i` from an IPv4 address, as a word in memory order. */
  setSource4(i: number, word: number): void {
    this.memory.u32[((this.controlAt + i * this.controlStride + TOS_MESSAGE_BYTES + 16) >> 2) + 1] = word;
  }

  /** Makes message `i` answer datagram `j` of `received`, using its address and payload memory in place. */
  answer(i: number, received: ReceiveBatch, j: number, bytes: number): void {
    const header = i * HEADER_BYTES;
    const iovec = this.iovecsAt + i * IOVEC_BYTES;
    this.memory.writePointer(header + NAME_POINTER, received.memory, received.nameAt(j));
    this.memory.writePointer(iovec, received.memory, received.payloadAt(j));
    this.memory.u32[(iovec + IOVEC_LENGTH) >> 2] = bytes;
  }

  /**
   * Sends messages `from` to `from + count - 1` without blocking. Returns how many the kernel accepted, or minus the
   * errno when it accepted none.
   */
  send(fd: number, from: number, count: number): number {
    const sent = libc.sendmmsg(fd, this.memory.address + from * HEADER_BYTES, count, c.MSG_DONTWAIT);
    return sent < 0 ? -errno() : sent;
  }
}
