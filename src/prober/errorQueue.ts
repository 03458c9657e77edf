/**
 * The error queue of a socket: send stamps and ICMP errors. Both carry a request of this collector, which identifies
 * the probe.
 */

import { NS_PER_S, NS_PER_US } from '../base/units.js';
import { SOCKADDR_IN_ADDRESS, SOCKADDR_IN6_ADDRESS } from '../net/address.js';
import { ReceiveBatch } from '../net/batch.js';
import {
  AF_INET,
  AF_INET6,
  SO_EE_ORIGIN_ICMP,
  SO_EE_ORIGIN_ICMP6,
  SO_EE_ORIGIN_TIMESTAMPING,
} from '../net/constants.js';
import { EMSGSIZE } from '../net/libc.js';
import { ORIGIN_WORDS, Outcome } from '../ring/ring.js';
import { FormatKind } from '../threads/messages.js';
import { STAMP_BYTES } from '../wire/stamp.js';
import { type ProbeFormat, Reply } from './formats/format.js';
import { ProbeLookup } from './probeMatcher.js';
import { COUNTER, type ProberState } from './state.js';
import { F64, SlotState, U8, U32 } from './tables/slots.js';
import { BATCHES_A_TURN, DISCARD_BATCHES, type ProberSocket, RECEIVE_BATCH, TRANSPORT } from './tables/sources.js';

/** Space for link, network and UDP headers before a payload that returns with a send stamp. */
const HEADERS_BYTES = 128;
/** Minimum of IP and UDP headers before a payload, which are read. */
const LEAST_HEADERS_BYTES = { 4: 28, 6: 48 } as const;
/**
 * Tolerance of kernel stamps against the time line, apart from steps of the wall clock: the uncertainty of the offset
 * between both.
 */
const CLOCK_NOISE_NS = 100 * NS_PER_US;

export class ErrorQueue {
  private readonly state: ProberState;
  private readonly lookup: ProbeLookup;
  private batch = new ReceiveBatch(RECEIVE_BATCH, STAMP_BYTES + HEADERS_BYTES, 'errors');
  /** Formats in use. The packet of a send stamp begins with headers of unknown length, and ends with the payload. */
  private formats: readonly ProbeFormat[] = [];
  /** Scratch: the identity in a returned request. */
  private readonly name = new Reply();
  /** When the last batch was read. */
  private readNs = 0;

  constructor(state: ProberState) {
    this.state = state;
    this.lookup = new ProbeLookup(state);
  }

  /** Sets the formats to recognise, and enlarges the buffers for them. */
  useFormats(formats: readonly ProbeFormat[]): void {
    this.formats = formats;
    const bytes = Math.max(STAMP_BYTES, ...formats.map((format) => format.payloadBytes)) + HEADERS_BYTES;
    if (bytes > this.batch.payloadStride) this.batch = new ReceiveBatch(RECEIVE_BATCH, bytes, 'errors');
  }

  /** Discards the waiting messages. */
  discard(socket: ProberSocket): void {
    for (let count = 0; count < DISCARD_BATCHES; count++) if (this.batch.fill(socket.fd) <= 0) return;
  }

  /** Reads the error queue of `socket` empty. */
  read(socket: ProberSocket): void {
    for (let turn = 0; turn < BATCHES_A_TURN; turn++) {
      const count = this.batch.receive(socket.fd);
      this.readNs = this.state.clock.nowNs();
      for (let i = 0; i < count; i++) {
        const origin = this.batch.errorOrigin[i];
        if (origin === SO_EE_ORIGIN_TIMESTAMPING) this.takeSendStamp(socket, i);
        else if (origin === SO_EE_ORIGIN_ICMP || origin === SO_EE_ORIGIN_ICMP6) this.takeIcmpError(socket, i);
      }
      if (count < RECEIVE_BATCH) return;
    }
  }

  /** Hot: matches a send stamp to its probe by the returned packet. */
  private takeSendStamp(socket: ProberSocket, i: number): void {
    const { slots, steps, clock } = this.state;
    const { formats, batch } = this;
    const start = batch.payloadAt(i);
    const end = start + batch.lengths[i];
    for (let k = 0; k < formats.length; k++) {
      const format = formats[k];
      if (format.transport !== socket.transport) continue;
      const at = end - format.payloadBytes;
      if (at < start || !format.readRequest(batch.memory.view, at, format.payloadBytes, this.name)) continue;
      if (format.kind === FormatKind.llamaLegacy) {
        if (at - start < LEAST_HEADERS_BYTES[socket.family]) continue;
        this.lookup.farEndBefore(batch.memory.view, at, socket.family);
        this.name.kind = FormatKind.llamaLegacy;
      }
      const slot = this.slotOfName(socket);
      if (slot < 0) continue;
      const wallNs = (batch.stampS[i] - clock.timeBase.epochS) * NS_PER_S + batch.stampNs[i];
      const leftNs = wallNs - steps.offsetNs;
      // Outside these bounds the wall clock was stepped, which the next comparison of the clocks will show.
      if (leftNs < slots.sentNs[slot * F64] - CLOCK_NOISE_NS || leftNs > this.readNs + CLOCK_NOISE_NS) return;
      // Not before `sentNs`: the watermark may have passed that time.
      slots.kernelNs[slot * F64] = Math.max(leftNs, slots.sentNs[slot * F64]);
      return;
    }
  }

  /** Slot of the probe that `name` identifies, among probes of this kind of socket; or -1. */
  private slotOfName(socket: ProberSocket): number {
    if (socket.transport !== TRANSPORT['tcp-syn']) return this.lookup.slotOf(socket, this.name);
    const source = socket.queue.tcpPorts.get(this.name.port);
    return source === undefined ? -1 : this.lookup.slotOfSyn(source, this.name);
  }

  /**
   * An ICMP error quotes the start of the datagram: at least 8 bytes of UDP header, and with current routers the
   * payload as well.
   */
  private takeIcmpError(socket: ProberSocket, i: number): void {
    const { slots, streams, counters } = this.state;
    const slot = this.quotedSlot(socket, i);
    if (slot < 0 || slots.state[slot * U8] !== SlotState.waiting) {
      // A raw socket also receives errors of the host's other traffic.
      if (socket.transport === TRANSPORT.udp) {
        counters[COUNTER.icmpUnmatched]++;
        this.noteUnmatched(socket, i);
      }
      return;
    }
    const tooBig = this.batch.errorErrno[i] === EMSGSIZE;
    slots.state[slot * U8] = tooBig ? SlotState.tooBig : SlotState.unreachable;
    counters[tooBig ? COUNTER.tooBig : COUNTER.unreachable]++;
    const path = slots.path[slot * U32];
    const stream = Math.floor(path / streams.ports);
    const outcome = tooBig ? Outcome.tooBig : Outcome.unreachable;
    const localIndex = path - stream * streams.ports;
    const detail = tooBig ? this.batch.errorInfo[i] : socket.family;
    this.state.record(
      stream,
      localIndex,
      outcome,
      0,
      tooBig ? socket.family : this.batch.errorType[i],
      tooBig ? 0 : this.batch.errorCode[i],
      slots.sentNs[slot * F64],
      0,
      detail,
      slots.sequence[slot * U32],
    );
    this.readOrigin(i);
    this.state.origin();
  }

  /** Fills `originWords` with the sender of ICMP error `i`; zeros when unknown. */
  private readOrigin(i: number): void {
    const { u16, u32 } = this.batch.memory;
    const { originWords } = this.state;
    const at = this.batch.errorOriginAt[i];
    const family = u16[at >> 1];
    originWords.fill(0);
    if (family === AF_INET) originWords[0] = u32[(at + SOCKADDR_IN_ADDRESS) >> 2];
    else if (family === AF_INET6) {
      for (let word = 0; word < ORIGIN_WORDS; word++)
        originWords[word] = u32[((at + SOCKADDR_IN6_ADDRESS) >> 2) + word];
    }
  }

  private noteUnmatched(socket: ProberSocket, i: number): void {
    const { examples, originWords } = this.state;
    const { errorType, errorCode, lengths } = this.batch;
    const code = errorType[i] * 256 + errorCode[i];
    this.readOrigin(i);
    examples.note(COUNTER.icmpUnmatched, socket.family, originWords, 0, 0, lengths[i], code, -1);
  }

  /** Slot of the probe that ICMP error `i` quotes, or -1. */
  private quotedSlot(socket: ProberSocket, i: number): number {
    const { formats, batch, name } = this;
    for (const format of formats) {
      if (format.transport !== socket.transport) continue;
      if (!format.readRequest(batch.memory.view, batch.payloadAt(i), batch.lengths[i], name)) continue;
      name.kind = format.kind;
      // The kernel reports the address that the probe was sent to.
      this.lookup.farEndOf(batch, i, socket.family);
      const slot = this.slotOfName(socket);
      if (slot >= 0) return slot;
    }
    return -1;
  }
}
