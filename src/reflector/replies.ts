/**
 * Sends replies in chunks, from the memory that received the requests. A reply that can't be sent must never prevent
 * others.
 */

import { constants } from 'node:os';
import { type ReceiveBatch, SendBatch } from '../net/batch.js';
import type { SystemClock } from '../net/clock.js';
import { NativeMemory } from '../net/memory.js';
import { setFragmentation, UNFRAGMENTED_BYTES } from '../net/socket.js';
import type { PacketSigner } from '../wire/hmac.js';
import { stampT3 } from '../wire/stamp.js';
import { signStampAuth, stampAuthT3 } from '../wire/stampAuth.js';
import { FORMATS, Format } from './messages.js';
import { ReplyInterfaces, VrfMembers } from './replyInterface.js';

/**
 * Replies per system call. They share one T3 reading of the clock. The last one leaves later than its T3, and the
 * difference appears as round-trip time. Measured on loopback with 64 outstanding requests and two cores. Runs of 1.5
 * s; each figure is from the one or two of three runs without disturbance. It is a guide, not a benchmark:
 *
 * | chunk | echoes/s | median of RTT less residence |
 * | ---: | ---: | ---: |
 * | 1 | 174,000-194,000 | 12-14 µs |
 * | 4 | 208,000 | 25 µs |
 * | 8 | 210,000-212,000 | 33 µs |
 * | 16 | 217,000-219,000 | 50 µs |
 * | 32 | 220,000 | 76 µs |
 * | 64 | 214,000-220,000 | 111 µs |
 *
 * So chunks are short, except after a full batch of requests: then the thread is behind, and the saved time shortens
 * the queue.
 */
export const SHORT_CHUNK = 8;
const LONG_CHUNK = 32;

/** Total time for a full send buffer to drain, before the rest of a chunk is dropped. */
const PAUSES = 10;
const PAUSE_NS = 100_000;

const NS_PER_S = 1_000_000_000;
const { EAGAIN, ENOBUFS, EPERM } = constants.errno;

export class ReplySender {
  /** Since construction, or since the owner reset them. */
  sent = 0;
  errors = 0;
  readonly errorsByFormat = new Float64Array(FORMATS.length);
  /** The last unsent reply: its datagram and errno. */
  errorOf = 0;
  errorErrno = 0;
  /** Signs replies of authenticated mode. */
  signer: PacketSigner | null = null;
  private readonly received: ReceiveBatch;
  private readonly clock: SystemClock;
  private readonly pause: (ns: number) => void;
  private readonly interfaces: ReplyInterfaces;
  private readonly batches: readonly SendBatch[];
  private readonly noSource = new NativeMemory(16);
  /** By reply of this chunk: its datagram, and its offset in the memory of `received`. */
  private readonly datagrams = new Uint32Array(LONG_CHUNK);
  private readonly offsets = new Uint32Array(LONG_CHUNK);
  private readonly formats = new Uint8Array(LONG_CHUNK);
  private readonly keys = new Uint8Array(LONG_CHUNK);
  /** Last clock reading: seconds since 1970, nanoseconds. */
  private nowS = 0;
  private nowNs = 0;
  private chunk = SHORT_CHUNK;
  private count = 0;
  /** The longest reply of this chunk, bytes. */
  private longest = 0;
  /** IPv4 sockets with "don't fragment". */
  private readonly unfragmented = new Set<number>();

  /** `pause` sleeps; it is called when the kernel's send buffer is full. */
  constructor(
    received: ReceiveBatch,
    clock: SystemClock,
    pause: (ns: number) => void,
    interfaces = new ReplyInterfaces('routed', new VrfMembers().memory),
  ) {
    this.received = received;
    this.interfaces = interfaces;
    this.clock = clock;
    this.pause = pause;
    // The payload memory stays unused: replies are in the memory of `received`.
    this.batches = [new SendBatch(4, LONG_CHUNK, 8, true), new SendBatch(6, LONG_CHUNK, 8, true)];
  }

  /**
   * Adds the reply to datagram `j`, already reflected in place, with the same length, this TOS, and the request's
   * destination as source.
   */
  add(family: 4 | 6, j: number, tos: number, format: number, key: number): void {
    const { received } = this;
    const out = this.batches[family === 4 ? 0 : 1];
    const i = this.count++;
    this.datagrams[i] = j;
    this.offsets[i] = received.payloadAt(j);
    this.formats[i] = format;
    this.keys[i] = key;
    const length = received.lengths[j];
    if (length > this.longest) this.longest = length;
    out.answer(i, received, j, length);
    out.setTos(i, tos);
    const local = received.localAddressAt[j];
    out.setInterface(i, this.interfaces.of(received, family, j));
    if (local === 0) out.setSource(i, this.noSource, 0);
    else out.setSource(i, received.memory, local);
  }

  /** Whether more requests wait than fit in one batch. */
  set behind(behind: boolean) {
    this.chunk = behind ? LONG_CHUNK : SHORT_CHUNK;
  }

  get full(): boolean {
    return this.count === this.chunk;
  }

  /** Stamps T3 into the added replies and sends them on the socket that received the requests. */
  flush(family: 4 | 6, fd: number): void {
    const out = this.batches[family === 4 ? 0 : 1];
    const { count } = this;
    if (count > 0 && family === 4) this.fragment(fd, this.longest > UNFRAGMENTED_BYTES);
    this.count = 0;
    this.longest = 0;
    let from = 0;
    let pauses = 0;
    let retried = false;
    if (count > 0) this.stamp(0, count);
    while (from < count) {
      const result = out.send(fd, from, count - from);
      if (result > 0) {
        this.sent += result;
        from += result;
        retried = false;
      } else if (result === -EAGAIN || result === -ENOBUFS) {
        if (pauses++ === PAUSES) {
          while (from < count) this.failed(from++, -result);
          return;
        }
        this.pause(PAUSE_NS);
        this.stamp(from, count);
      } else if (!retried && result !== -EPERM) {
        // It may be a pending error of an earlier packet, which the kernel reports once. EPERM never is: a rule of this
        // host's firewall dropped this reply, and a retry would hide a rule that drops a part.
        retried = true;
      } else {
        this.failed(from++, -result);
        retried = false;
      }
    }
  }

  private fragment(fd: number, asNeeded: boolean): void {
    if (asNeeded !== this.unfragmented.has(fd)) return;
    if (!setFragmentation(fd, 4, asNeeded ? 'asNeeded' : 'never')) return;
    if (asNeeded) this.unfragmented.delete(fd);
    else this.unfragmented.add(fd);
  }

  private failed(i: number, errno: number): void {
    this.errors++;
    this.errorOf = this.datagrams[i];
    this.errorErrno = errno;
    this.errorsByFormat[this.formats[i]]++;
  }

  /**
   * LLAMA's probes stay unchanged. The clock is read again for each signed reply: signing in JavaScript takes longer
   * than sending.
   */
  private stamp(from: number, to: number): void {
    const { view } = this.received.memory;
    this.readClock();
    for (let i = from; i < to; i++) {
      const at = this.offsets[i];
      if (this.formats[i] === Format.stamp) stampT3(view, at, this.nowS, this.nowNs);
      else if (this.formats[i] === Format.stampAuth && this.signer !== null) {
        if (i > from) this.readClock();
        stampAuthT3(view, at, this.nowS, this.nowNs);
        signStampAuth(this.signer, view, at, this.keys[i]);
      }
    }
  }

  private readClock(): void {
    const wallNs = this.clock.wallNs();
    const seconds = Math.floor(wallNs / NS_PER_S);
    this.nowS = this.clock.timeBase.epochS + seconds;
    this.nowNs = wallNs - seconds * NS_PER_S;
  }
}
