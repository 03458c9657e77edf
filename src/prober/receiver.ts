/** Receives replies from the data queue of a socket. A reply finds its probe by index. */

import { NS_PER_S } from '../base/units.js';
import { ReceiveBatch } from '../net/batch.js';
import { EAGAIN } from '../net/libc.js';
import { Outcome, RecordFlag, UNKNOWN_BYTE } from '../ring/ring.js';
import { FormatKind, type ProberStart } from '../threads/messages.js';
import { Echo, readEchoReply } from '../wire/icmpEcho.js';
import { ERROR_ESTIMATE_S, STAMP_BYTES, STAMP_SENDER_SEQUENCE, STAMP_SSID } from '../wire/stamp.js';
import { readTcpAnswer, TcpAnswer } from '../wire/tcpSyn.js';
import { ErrorQueue } from './errorQueue.js';
import { type ProbeFormat, Reply } from './formats/format.js';
import { takeEcho } from './formats/icmp.js';
import { REPLY_BYTES, readReply } from './formats/replies.js';
import type { LossDirections } from './lossDirections.js';
import { ProbeLookup } from './probeMatcher.js';
import { COUNTER, type ProberState } from './state.js';
import { F64, SlotState, U8, U32 } from './tables/slots.js';
import { BATCHES_A_TURN, DISCARD_BATCHES, type ProberSocket, RECEIVE_BATCH, TRANSPORT } from './tables/sources.js';

/** ECN codepoint: congestion experienced. */
const CE = 3;
/** A record stores the residence as u32. */
const LONGEST_RESIDENCE_NS = 0xffff_ffff;

/** Bytes to read of a reply below UDP: the longest IPv4 header, and the bytes that identify the probe. */
const RAW_REPLY_BYTES = 84;

/** Bytes to read of a reply; with TLVs, up to their end. */
function replyBytes(format: ProbeFormat): number {
  if (format.transport !== TRANSPORT.udp) return RAW_REPLY_BYTES;
  if (format.kind === FormatKind.stamp && !format.checks) return STAMP_BYTES;
  return format.checks ? Math.max(REPLY_BYTES, format.payloadBytes) : REPLY_BYTES;
}

export class Receiver {
  private readonly state: ProberState;
  private readonly fullStamps: boolean;
  /** Without kernel stamps, replies get the time at which they are read. */
  private readonly userStamps: boolean;
  /** 1 for a family whose sockets do not deliver the marking of replies. */
  private readonly tosUnknown = new Uint8Array(7);
  private readonly directions: LossDirections;
  private readonly lookup: ProbeLookup;
  private data: ReceiveBatch;
  /** Error queue of the same sockets: send stamps and ICMP errors. */
  readonly errors: ErrorQueue;
  private readonly reply = new Reply();
  private readonly answer = new TcpAnswer();
  private readonly echo = new Echo();
  /** Keeps the compiler from removing `fetch` as dead code. */
  fetched = 0;

  constructor(
    state: ProberState,
    { stamps, withoutTos }: Pick<ProberStart, 'stamps' | 'withoutTos'>,
    directions: LossDirections,
  ) {
    this.directions = directions;
    this.state = state;
    this.fullStamps = stamps === 'full';
    this.userStamps = stamps === 'none';
    for (const family of withoutTos) this.tosUnknown[family] = 1;
    this.lookup = new ProbeLookup(state);
    this.data = new ReceiveBatch(RECEIVE_BATCH, STAMP_BYTES);
    this.errors = new ErrorQueue(state);
  }

  /** Sets the formats to recognise, and enlarges the buffers for them. */
  useFormats(formats: readonly ProbeFormat[]): void {
    this.errors.useFormats(formats);
    const replies = Math.max(STAMP_BYTES, ...formats.map(replyBytes));
    if (replies > this.data.payloadStride) this.data = new ReceiveBatch(RECEIVE_BATCH, replies);
  }

  /**
   * Discards the replies that wait on `socket`: they answer probes of an earlier incarnation of this thread. Returns
   * their number.
   */
  discard(socket: ProberSocket): number {
    let replies = 0;
    for (let batch = 0; batch < DISCARD_BATCHES; batch++) {
      const count = this.data.fill(socket.fd);
      if (count > 0) replies += count;
      else if (count === -EAGAIN) break;
    }
    this.errors.discard(socket);
    return replies;
  }

  /**
   * Reads the data queue of `socket`. Returns true when the queue is empty. A partly filled batch is no proof of that:
   * a pending ICMP error cuts it short.
   */
  replies(socket: ProberSocket): boolean {
    for (let turn = 0; turn < BATCHES_A_TURN; turn++) {
      const count = this.data.receive(socket.fd);
      if (count === -EAGAIN) return true;
      // Another errno is a pending ICMP error, which the kernel delivers once.
      if (count < 0) continue;
      // After the replies: by now the send stamp of each of their probes is in the error queue.
      if (this.fullStamps) this.errors.read(socket);
      this.state.checkClock();
      if (this.userStamps) this.stampNow(count);
      if (socket.transport === TRANSPORT.udp) {
        this.fetch(socket, count);
        for (let i = 0; i < count; i++) this.takeReply(socket, i);
      } else for (let i = 0; i < count; i++) this.takeRawReply(socket, i);
    }
    return false;
  }

  /** Replaces the kernel's stamps: a reply arrives when it is read. */
  private stampNow(count: number): void {
    const { clock, steps } = this.state;
    const wallNs = clock.nowNs() + steps.offsetNs;
    const seconds = Math.floor(wallNs / NS_PER_S);
    for (let i = 0; i < count; i++) {
      this.data.stampS[i] = clock.timeBase.epochS + seconds;
      this.data.stampNs[i] = wallNs - seconds * NS_PER_S;
    }
  }

  /**
   * Hot: prefetches the slots that a batch of STAMP replies refers to, so that the cache misses overlap. Read-only,
   * before any check of the replies.
   */
  private fetch(socket: ProberSocket, count: number): void {
    const { streams, slots } = this.state;
    const { view } = this.data.memory;
    const known = streams.family.length;
    let all = 0;
    for (let i = 0; i < count; i++) {
      const at = this.data.payloadAt(i);
      const stream = view.getUint16(at + STAMP_SSID) - 1;
      if (stream < 0 || stream >= known || streams.family[stream] === 0) continue;
      all ^= slots.state[streams.slot(stream, socket.localIndex, view.getUint32(at + STAMP_SENDER_SEQUENCE)) * U8];
    }
    this.fetched = all;
  }

  /** Hot: finds the probe of reply `i` and decides it. */
  private takeReply(socket: ProberSocket, i: number): void {
    const { streams, slots, formats } = this.state;
    const { reply, data, lookup } = this;
    const at = data.payloadAt(i);
    lookup.farEndOf(data, i, socket.family);
    if (!readReply(data.memory.view, at, data.lengths[i], formats.inUse, reply)) {
      this.count(COUNTER.invalidFormat, socket, i, -1);
      return;
    }
    const stream = reply.ssid === 0 ? lookup.streamOf(socket, reply, false) : reply.ssid - 1;
    if (stream < 0 || stream >= streams.family.length || streams.family[stream] !== socket.family) {
      this.count(this.isStale() ? COUNTER.invalidStale : COUNTER.invalidSession, socket, i, -1);
      return;
    }
    const format = formats.list[streams.format[stream]];
    const otherSource = !lookup.isFarEnd(stream);
    if (otherSource && !format.anySource) {
      this.count(COUNTER.invalidSource, socket, i, stream);
      return;
    }
    if (format.kind !== reply.kind) {
      this.count(COUNTER.invalidFormat, socket, i, stream);
      return;
    }
    if (format.checks && !format.check(data.memory.view, at, data.lengths[i], reply)) {
      this.count(COUNTER.invalidHmac, socket, i, stream);
      return;
    }
    const slot = streams.slot(stream, socket.localIndex, reply.senderSequence);
    if (slots.state[slot * U8] === SlotState.free || slots.sequence[slot * U32] !== reply.senderSequence) {
      this.takeUnknown(socket, socket, stream, i);
      return;
    }
    if (slots.t1S[slot * U32] !== reply.t1S || slots.t1Ns[slot * U32] !== reply.t1Ns) {
      this.count(this.isStale() ? COUNTER.invalidStale : COUNTER.invalidTimestamp, socket, i, stream);
      return;
    }
    if (otherSource) this.count(COUNTER.otherSource, socket, i, stream);
    this.decide(socket, stream, slot, i);
  }

  /** Finds the probe that a TCP segment or an echo reply answers, and decides it. */
  private takeRawReply(socket: ProberSocket, i: number): void {
    const { streams, formats } = this.state;
    const { data, reply, answer, lookup } = this;
    const start = data.payloadAt(i);
    const header = socket.skipsIpHeader ? (data.memory.bytes[start] & 0xf) * 4 : 0;
    const length = Math.min(data.lengths[i], data.payloadStride) - header;
    const tcp = socket.transport === TRANSPORT['tcp-syn'];
    const isReply = tcp
      ? readTcpAnswer(data.memory.view, start + header, length, formats.mask, answer)
      : readEchoReply(data.memory.view, start + header, length, socket.family, this.echo);
    lookup.farEndOf(data, i, socket.family);
    if (!isReply) {
      this.count(COUNTER.invalidFormat, socket, i, -1);
      return;
    }
    let source: ProberSocket | undefined = socket;
    if (tcp) {
      source = socket.queue.tcpPorts.get(answer.destinationPort);
      lookup.farEndPort(answer.sourcePort);
      reply.ssid = answer.ssid;
      reply.senderSequence = answer.sequence;
    } else {
      takeEcho(this.echo, reply);
    }
    const stream = reply.ssid - 1;
    if (
      source === undefined ||
      stream < 0 ||
      stream >= streams.family.length ||
      streams.family[stream] !== socket.family ||
      formats.list[streams.format[stream]].transport !== socket.transport
    ) {
      this.count(COUNTER.invalidSession, socket, i, -1);
      return;
    }
    if (!lookup.isFarEnd(stream)) {
      this.count(COUNTER.invalidSource, socket, i, stream);
      return;
    }
    const slot = tcp ? lookup.slotOfSyn(source, reply) : lookup.slotOf(source, reply);
    if (slot < 0) {
      if (tcp) this.count(COUNTER.invalidSequence, socket, i, stream);
      else this.takeUnknown(source, socket, stream, i);
      return;
    }
    reply.timed = false;
    reply.number = reply.senderSequence;
    reply.dscp = -1;
    reply.ecn = -1;
    reply.ttl = -1;
    reply.t2S = 0;
    reply.t2Ns = 0;
    reply.t3S = 0;
    reply.t3Ns = 0;
    reply.errorEstimate = 0;
    this.decide(source, stream, slot, i);
  }

  /** Hot: reply `i` answers the probe in `slot`. */
  private decide(socket: ProberSocket, stream: number, slot: number, i: number): void {
    const { streams, slots, counters, steps, clock } = this.state;
    const { reply, data } = this;
    const sentNs = slots.sentNs[slot * F64];
    const waited = slots.state[slot * U8];
    if (waited === SlotState.received || waited === SlotState.late) {
      counters[COUNTER.duplicates]++;
      // A number other than that of the first reply: the network duplicated the probe on its way out.
      if (reply.number !== slots.number[slot * U32]) this.directions.doubled(slots.path[slot * U32]);
      this.state.record(
        stream,
        socket.localIndex,
        Outcome.duplicate,
        0,
        data.tos[i],
        data.ttl[i],
        sentNs,
        0,
        0,
        reply.senderSequence,
      );
      return;
    }
    // Without a stamp, or across a step of the wall clock, the stamps can't be compared.
    const comparable = slots.epoch[slot * U8] === steps.epoch && data.stampS[i] !== 0;
    const kernelNs = comparable ? slots.kernelNs[slot * F64] : 0;
    const startNs = kernelNs !== 0 ? kernelNs : sentNs;
    const stampNs = (data.stampS[i] - clock.timeBase.epochS) * NS_PER_S + data.stampNs[i] - steps.offsetNs;
    let flags: number = kernelNs !== 0 ? RecordFlag.kernelSent : 0;
    const residenceNs = !reply.timed ? 0 : (reply.t3S - reply.t2S) * NS_PER_S + (reply.t3Ns - reply.t2Ns);
    const receivedNs = comparable ? stampNs : clock.nowNs();
    const rttNs = receivedNs - startNs - residenceNs;
    if (!comparable || residenceNs < 0 || residenceNs > LONGEST_RESIDENCE_NS || rttNs < 0) flags |= RecordFlag.noRtt;
    // Without comparable stamps a reply counts as in time unless its probe has expired: it may have been read late, and
    // the network is not blamed.
    const overdue = comparable && receivedNs - startNs > streams.timeoutNs[stream];
    const late = overdue && !this.userStamps;
    // This process read the reply too late by its own clock. The time of arrival is unknown.
    if (overdue && this.userStamps) flags |= RecordFlag.noRtt;
    slots.number[slot * U32] = reply.number;
    if (waited !== SlotState.waiting || late) {
      if (waited === SlotState.waiting) {
        counters[COUNTER.lost]++;
        this.state.record(stream, socket.localIndex, Outcome.lost, 0, 0, 0, sentNs, 0, 0, reply.senderSequence);
      }
      if (waited === SlotState.expired) this.directions.doubt(slots.path[slot * U32]);
      slots.state[slot * U8] = SlotState.late;
      counters[COUNTER.late]++;
      this.state.record(
        stream,
        socket.localIndex,
        Outcome.late,
        0,
        data.tos[i],
        data.ttl[i],
        sentNs,
        receivedNs,
        0,
        reply.senderSequence,
      );
      return;
    }
    slots.state[slot * U8] = SlotState.received;
    counters[COUNTER.received]++;
    flags |= this.directionFlags(socket.family, stream, i);
    if (this.fullStamps && comparable && kernelNs === 0) counters[COUNTER.sendStampsMissing]++;
    if ((flags & RecordFlag.noRtt) !== 0) this.count(COUNTER.voidedRtts, socket, i, stream);
    const path = slots.path[slot * U32];
    // Sequence numbers are compared modulo 2^32.
    const ahead = (reply.senderSequence - streams.nextExpected[path]) | 0;
    // Two ports are two flows, so neither reorders the other.
    if (ahead >= 0) {
      streams.nextExpected[path] = reply.senderSequence + 1;
    } else if (!socket.replaced) {
      flags |= RecordFlag.reordered;
      counters[COUNTER.reordered]++;
    }
    this.state.record(
      stream,
      socket.localIndex,
      Outcome.received,
      flags,
      data.tos[i],
      data.ttl[i],
      startNs,
      receivedNs,
      (flags & RecordFlag.noRtt) !== 0 ? 0 : residenceNs,
      reply.senderSequence,
    );
    // `forwardNs` is the difference of T2 and the send time, both on the time line.
    this.state.forwardNs[0] = (reply.t2S - clock.timeBase.epochS) * NS_PER_S + reply.t2Ns - steps.offsetNs - startNs;
    this.state.detail(reply.dscp < 0 ? UNKNOWN_BYTE : reply.dscp, Math.max(0, reply.ttl));
  }

  /** Hot: record flags for what reply `i` says about marking and timestamps. */
  private directionFlags(family: number, stream: number, i: number): number {
    const { reply } = this;
    const tos = this.data.tos[i];
    const dscp = this.state.streams.tos[stream] >> 2;
    let flags = 0;
    if (this.tosUnknown[family] === 1) flags |= RecordFlag.tosUnknown;
    else {
      if (tos >> 2 !== dscp) flags |= RecordFlag.remarked;
      if ((tos & 3) === CE) flags |= RecordFlag.ceMarked;
    }
    if (reply.dscp >= 0 && reply.dscp !== dscp) flags |= RecordFlag.remarked;
    if (reply.ecn === CE) flags |= RecordFlag.ceMarked;
    if (reply.timed) {
      flags |= RecordFlag.timed;
      if (this.state.clockKept && (reply.errorEstimate & ERROR_ESTIMATE_S) !== 0) flags |= RecordFlag.clocksKept;
    }
    return flags;
  }

  /**
   * Counts a reply from the stream's target whose slot holds another probe: it is late, or its number was never sent.
   */
  private takeUnknown(source: ProberSocket, socket: ProberSocket, stream: number, i: number): void {
    const { streams, counters } = this.state;
    const next = streams.nextSequence[stream * streams.ports + source.localIndex];
    if (this.isStale()) this.count(COUNTER.invalidStale, socket, i, stream);
    else if (((this.reply.senderSequence - next) | 0) < 0 && this.ageNs() > streams.timeoutNs[stream]) {
      counters[COUNTER.late]++;
      const sentNs = this.t1WallNs() - this.state.steps.offsetNs;
      this.state.record(stream, source.localIndex, Outcome.late, 0, 0, 0, sentNs, 0, 0, this.reply.senderSequence);
    } else this.count(COUNTER.invalidSequence, socket, i, stream);
  }

  /** Counts reply `i`, and stores it as the counter's example; the far end must be set. `stream`: -1 when unknown. */
  private count(counter: number, socket: ProberSocket, i: number, stream: number): void {
    const { counters, examples } = this.state;
    const { words, port } = this.lookup;
    counters[counter]++;
    examples.note(counter, socket.family, words, 0, port, this.data.fullLengths[i], 0, stream);
  }

  /** Age of the reply's T1, ns; negative when T1 is in the future. */
  private ageNs(): number {
    return this.state.clock.nowNs() + this.state.steps.offsetNs - this.t1WallNs();
  }

  /** Whether the reply's T1 is plausible and lies before this incarnation of the thread began. */
  private isStale(): boolean {
    return this.t1WallNs() < this.state.bornWallNs && this.ageNs() < 600 * NS_PER_S;
  }

  private t1WallNs(): number {
    return (this.reply.t1S - this.state.clock.timeBase.epochS) * NS_PER_S + this.reply.t1Ns;
  }
}
