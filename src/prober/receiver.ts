/** Receiving: replies from the data queue of a socket. A reply finds its probe by index. */

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
import { F64, SlotState, U8, U32 } from './slots.js';
import { BATCHES_A_TURN, DISCARD_BATCHES, type ProberSocket, RECEIVE_BATCH, TRANSPORT } from './sources.js';
import { COUNTER, type ProberState } from './state.js';

/** ECN codepoint: congestion experienced. */
const CE = 3;
/** A residence is kept as u32. */
const LONGEST_RESIDENCE_NS = 0xffff_ffff;

/** Of a reply below UDP: the longest IPv4 header, and what names the probe. */
const RAW_REPLY_BYTES = 84;

/** How much of a reply must be read: TLVs to their end. */
function replyBytes(format: ProbeFormat): number {
  if (format.transport !== TRANSPORT.udp) return RAW_REPLY_BYTES;
  if (format.kind === FormatKind.stamp && !format.checks) return STAMP_BYTES;
  return format.checks ? Math.max(REPLY_BYTES, format.payloadBytes) : REPLY_BYTES;
}

export class Receiver {
  private readonly state: ProberState;
  private readonly fullStamps: boolean;
  /** Replies have the time at which they are read. */
  private readonly userStamps: boolean;
  /** 1 for a family whose sockets do not deliver the marking of replies. */
  private readonly tosUnknown = new Uint8Array(7);
  private readonly directions: LossDirections;
  private readonly lookup: ProbeLookup;
  private data: ReceiveBatch;
  /** Beside it: send stamps and ICMP errors. */
  readonly errors: ErrorQueue;
  private readonly reply = new Reply();
  private readonly answer = new TcpAnswer();
  private readonly echo = new Echo();
  /** Of no use but to keep `fetch` from being optimised away. */
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

  /** Makes room for, and looks for, probes of these formats. */
  useFormats(formats: readonly ProbeFormat[]): void {
    this.errors.useFormats(formats);
    const replies = Math.max(STAMP_BYTES, ...formats.map(replyBytes));
    if (replies > this.data.payloadStride) this.data = new ReceiveBatch(RECEIVE_BATCH, replies);
  }

  /** Throws away what waits on `socket`: it answers probes of an earlier life of this thread. Returns how many replies that were. */
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

  /** Reads the data queue of `socket`; true when it was read empty. A batch that is not full says nothing: a pending ICMP error cuts it short. */
  replies(socket: ProberSocket): boolean {
    for (let turn = 0; turn < BATCHES_A_TURN; turn++) {
      const count = this.data.receive(socket.fd);
      if (count === -EAGAIN) return true;
      // Another errno is a pending ICMP error, delivered once: read on.
      if (count < 0) continue;
      // After the replies, so that the send stamp of each of their probes is in the error queue by now.
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

  /** In place of the kernel's stamps: what is read now came now. */
  private stampNow(count: number): void {
    const { clock, steps } = this.state;
    const wallNs = clock.nowNs() + steps.offsetNs;
    const seconds = Math.floor(wallNs / NS_PER_S);
    for (let i = 0; i < count; i++) {
      this.data.stampS[i] = clock.timeBase.epochS + seconds;
      this.data.stampNs[i] = wallNs - seconds * NS_PER_S;
    }
  }

  /** Hot: has the cache lines of the probes that STAMP replies name fetched, side by side. Changes nothing, and believes nothing. */
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
      // Another number than that of the first reply: the probe was doubled on its way out.
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
    // Over a step of the wall clock the stamps can't be compared with anything; nor without a stamp.
    const comparable = slots.epoch[slot * U8] === steps.epoch && data.stampS[i] !== 0;
    const kernelNs = comparable ? slots.kernelNs[slot * F64] : 0;
    const startNs = kernelNs !== 0 ? kernelNs : sentNs;
    const stampNs = (data.stampS[i] - clock.timeBase.epochS) * NS_PER_S + data.stampNs[i] - steps.offsetNs;
    let flags: number = kernelNs !== 0 ? RecordFlag.kernelSent : 0;
    const residenceNs = !reply.timed ? 0 : (reply.t3S - reply.t2S) * NS_PER_S + (reply.t3Ns - reply.t2Ns);
    const receivedNs = comparable ? stampNs : clock.nowNs();
    const rttNs = receivedNs - startNs - residenceNs;
    if (!comparable || residenceNs < 0 || residenceNs > LONGEST_RESIDENCE_NS || rttNs < 0) flags |= RecordFlag.noRtt;
    // Not comparable, but not given up either: it may be in time and read late, so the network is not blamed.
    const overdue = comparable && receivedNs - startNs > streams.timeoutNs[stream];
    const late = overdue && !this.userStamps;
    // By this process's own clock it was read too late; when it came is not known.
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
    // Numbers are compared modulo 2^32.
    const ahead = (reply.senderSequence - streams.nextExpected[path]) | 0;
    // Two ports are two flows: neither is reordered by the other.
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
    // On the time line, where T1 is.
    this.state.forwardNs[0] = (reply.t2S - clock.timeBase.epochS) * NS_PER_S + reply.t2Ns - steps.offsetNs - startNs;
    this.state.detail(reply.dscp < 0 ? UNKNOWN_BYTE : reply.dscp, Math.max(0, reply.ttl));
  }

  /** Hot: what reply `i` tells of each direction. */
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

  /** From the target of the stream, but its slot holds another probe: too late to be known, or a number that was never sent. */
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

  /** Counts reply `i`, and keeps it as the example of that counter; the far end must be set. `stream`: -1 when it belongs to none. */
  private count(counter: number, socket: ProberSocket, i: number, stream: number): void {
    const { counters, examples } = this.state;
    const { words, port } = this.lookup;
    counters[counter]++;
    examples.note(counter, socket.family, words, 0, port, this.data.fullLengths[i], 0, stream);
  }

  /** How long ago the T1 of the reply is, ns; negative in the future. */
  private ageNs(): number {
    return this.state.clock.nowNs() + this.state.steps.offsetNs - this.t1WallNs();
  }

  /** Whether the reply's T1 is before this life of the thread began, and believable. */
  private isStale(): boolean {
    return this.t1WallNs() < this.state.bornWallNs && this.ageNs() < 600 * NS_PER_S;
  }

  private t1WallNs(): number {
    return (this.reply.t1S - this.state.clock.timeBase.epochS) * NS_PER_S + this.reply.t1Ns;
  }
}
