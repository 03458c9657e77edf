/**
 * Finds the probe of a reply or of a returned request: by index where the packet carries the stream number, otherwise
 * by its far end and its T1.
 */

import { SOCKADDR_PORT, sockaddrAddressOffset } from '../net/address.js';
import type { ReceiveBatch } from '../net/batch.js';
import { FormatKind } from '../threads/messages.js';
import { legacySentMs } from '../wire/dropboxLegacy.js';
import type { Reply } from './formats/format.js';
import type { ProberState } from './state.js';
import { SlotState, U8, U32 } from './tables/slots.js';
import type { ProberSocket } from './tables/sources.js';
import { targetHash } from './tables/streams.js';

const UDP_HEADER_BYTES = 8;

export class ProbeLookup {
  private readonly state: ProberState;
  /** The far end: address as memory words, port as in memory. */
  readonly words = new Uint32Array(4);
  port = 0;

  constructor(state: ProberState) {
    this.state = state;
  }

  /** Sets the far end to the source of datagram `i`. */
  farEndOf(batch: ReceiveBatch, i: number, family: number): void {
    const { u16, u32 } = batch.memory;
    const name = batch.nameAt(i);
    const address = (name + sockaddrAddressOffset(family === 6 ? 6 : 4)) >> 2;
    this.port = u16[(name + SOCKADDR_PORT) >> 1];
    for (let word = 0; word < (family === 6 ? 4 : 1); word++) this.words[word] = u32[address + word];
  }

  /** Sets the port of the far end, where the kernel's address lacks it. */
  farEndPort(port: number): void {
    this.port = ((port & 0xff) << 8) | (port >> 8);
  }

  /**
   * Sets the far end to the destination in the headers that end at `at`: an IP header without options, and a UDP
   * header.
   */
  farEndBefore(view: DataView, at: number, family: number): void {
    const words = family === 6 ? 4 : 1;
    const address = at - UDP_HEADER_BYTES - words * 4;
    this.port = view.getUint16(at - UDP_HEADER_BYTES + 2, true);
    for (let word = 0; word < words; word++) this.words[word] = view.getUint32(address + word * 4, true);
  }

  /**
   * Slot of a SYN, from the stream and the lowest 16 bits of the sequence number in `name`, or -1. The full number is
   * the newest sent one with these bits; `name` receives it.
   */
  slotOfSyn(socket: ProberSocket, name: Reply): number {
    const { streams, slots } = this.state;
    const stream = name.ssid - 1;
    if (stream < 0 || stream >= streams.family.length || streams.family[stream] !== socket.family) return -1;
    const newest = streams.nextSequence[stream * streams.ports + socket.localIndex] - 1;
    name.senderSequence = (newest - ((newest - name.senderSequence) & 0xffff)) >>> 0;
    const slot = streams.slot(stream, socket.localIndex, name.senderSequence);
    return slots.state[slot * U8] !== SlotState.free && slots.sequence[slot * U32] === name.senderSequence ? slot : -1;
  }

  /** Hot: slot of the probe that `name` identifies, or -1. Without a session identifier the far end must be set. */
  slotOf(socket: ProberSocket, name: Reply): number {
    const { streams, slots } = this.state;
    if (name.ssid === 0) return this.streamOf(socket, name, true) < 0 ? -1 : this.foundSlot;
    const stream = name.ssid - 1;
    if (stream >= streams.family.length || streams.family[stream] !== socket.family) return -1;
    const slot = streams.slot(stream, socket.localIndex, name.senderSequence);
    return slots.state[slot * U8] !== SlotState.free &&
      slots.sequence[slot * U32] === name.senderSequence &&
      slots.t1Ns[slot * U32] === name.t1Ns &&
      slots.t1S[slot * U32] === name.t1S
      ? slot
      : -1;
  }

  private foundSlot = -1;

  /**
   * Stream of a `name` without a session identifier: the far end's stream that has the probe. Without such a stream: -1
   * if `exact`, otherwise the far end's first stream of that format. For LLAMA's older format it fills in the probe's
   * number and T1.
   */
  streamOf(socket: ProberSocket, name: Reply, exact: boolean): number {
    const { streams, formats } = this.state;
    const legacy = name.kind === FormatKind.llamaLegacy;
    let candidate = -1;
    const hash = targetHash(this.words, 0, socket.family, this.port);
    for (let stream = streams.first(hash); stream >= 0; stream = streams.next(stream)) {
      if (streams.family[stream] !== socket.family || !this.isFarEnd(stream)) continue;
      if (formats.list[streams.format[stream]].kind !== name.kind) continue;
      if (legacy && streams.tos[stream] !== name.tos) continue;
      if (candidate < 0) candidate = stream;
      const slot = legacy ? this.legacySlot(socket, stream, name) : this.numberedSlot(socket, stream, name);
      if (slot < 0) continue;
      this.foundSlot = slot;
      return stream;
    }
    return exact ? -1 : candidate;
  }

  private numberedSlot(socket: ProberSocket, stream: number, name: Reply): number {
    const { streams, slots } = this.state;
    const slot = streams.slot(stream, socket.localIndex, name.senderSequence);
    return slots.state[slot * U8] !== SlotState.free &&
      slots.sequence[slot * U32] === name.senderSequence &&
      slots.t1Ns[slot * U32] === name.t1Ns &&
      slots.t1S[slot * U32] === name.t1S
      ? slot
      : -1;
  }

  /** Searches the newest probes first, because most replies are to them. */
  private legacySlot(socket: ProberSocket, stream: number, name: Reply): number {
    const { streams, slots } = this.state;
    const newest = streams.nextSequence[stream * streams.ports + socket.localIndex] - 1;
    for (let age = 0; age <= streams.slotMask[stream]; age++) {
      const slot = streams.slot(stream, socket.localIndex, newest - age);
      if (
        slots.state[slot * U8] === SlotState.free ||
        legacySentMs(slots.t1S[slot * U32], slots.t1Ns[slot * U32]) !== name.sentMs
      )
        continue;
      name.senderSequence = slots.sequence[slot * U32];
      name.number = name.senderSequence;
      name.t1S = slots.t1S[slot * U32];
      name.t1Ns = slots.t1Ns[slot * U32];
      return slot;
    }
    return -1;
  }

  /** Hot: whether the far end is the target of `stream`. */
  isFarEnd(stream: number): boolean {
    const { streams } = this.state;
    const { words } = this;
    if (this.port !== streams.port[stream] || words[0] !== streams.address[stream * 4]) return false;
    if (streams.family[stream] === 4) return true;
    return (
      words[1] === streams.address[stream * 4 + 1] &&
      words[2] === streams.address[stream * 4 + 2] &&
      words[3] === streams.address[stream * 4 + 3]
    );
  }
}
