/**
 * The probe of LLAMA in Go: a protobuf message (proto3) that a reflector returns unchanged.
 *
 * | field | type | meaning |
 * | ---: | --- | --- |
 * | 1 | bytes | signature: 10 random bytes, by which LLAMA's collector recognises its probe |
 * | 2 | bytes | TOS, one byte: the marking that the reflector must give its reply |
 * | 3 | varint | time of sending, ns since 1970 |
 * | 4, 5, 6 | varint | received, RTT, lost: never on the wire |
 * | 7 | bytes | padding |
 *
 * As senders write it, 1028 bytes:
 *
 * | offset | bytes |
 * | ---: | --- |
 * | 0 | 0A 0A, then the signature |
 * | 12 | 12 01, then the TOS byte |
 * | 15 | 18, then the time as a varint of 9 bytes |
 * | 25 | 3A E8 07, then 1000 zeros |
 *
 * Our signature is not random: it contains session identifier (u16), sequence number (u32) and nanoseconds of T1 (u32),
 * big-endian, so that a reply finds its probe by index. Only the sender interprets it.
 *
 * Pure functions over a packet at an offset. Hot ones allocate nothing. All stay within `offset` to `offset + length`.
 */

export const LLAMA_BYTES = 1028;
export const LLAMA_SIGNATURE = 2;
export const LLAMA_TOS = 14;
export const LLAMA_SENT = 16;
const SSID = LLAMA_SIGNATURE;
const SEQUENCE = LLAMA_SIGNATURE + 2;
const NANOSECONDS = LLAMA_SIGNATURE + 6;
const SENT_BYTES = 9;
const PADDING = 25;

const NS_PER_S = 1_000_000_000;
const TWO_7 = 128;
const TWO_14 = 2 ** 14;
const TWO_28 = 2 ** 28;

/** Writes the constant bytes of a probe. The caller zeroes the rest. */
export function writeLlamaFrame(view: DataView, offset: number): void {
  view.setUint16(offset, 0x0a0a);
  view.setUint16(offset + 12, 0x1201);
  view.setUint8(offset + 15, 0x18);
  view.setUint8(offset + PADDING, 0x3a);
  view.setUint16(offset + PADDING + 1, 0xe807);
}

/** Hot: writes the probe's own fields into a frame. T1 must be from 1972 or later, so that its varint has 9 bytes. */
export function writeLlamaRequest(
  view: DataView,
  offset: number,
  sequence: number,
  t1S: number,
  t1Ns: number,
  ssid: number,
  tos: number,
): void {
  view.setUint16(offset + SSID, ssid);
  view.setUint32(offset + SEQUENCE, sequence);
  view.setUint32(offset + NANOSECONDS, t1Ns);
  view.setUint8(offset + LLAMA_TOS, tos);
  // t1S * 10^9 + t1Ns has 61 bits: the lowest 28 and the other 35, each exact in a double.
  const low = (t1S % 65_536) * NS_PER_S + t1Ns;
  const high = Math.floor(t1S / 65_536) * NS_PER_S;
  let low28 = (low % TWO_28) + (high % 4096) * 65_536;
  let rest = Math.floor(low / TWO_28) + Math.floor(high / 4096);
  if (low28 >= TWO_28) {
    low28 -= TWO_28;
    rest++;
  }
  const at = offset + LLAMA_SENT;
  for (let i = 0; i < 4; i++) {
    view.setUint8(at + i, (low28 & 0x7f) | 0x80);
    low28 >>>= 7;
  }
  for (let i = 4; i < SENT_BYTES - 1; i++) {
    view.setUint8(at + i, (rest % TWO_7) | 0x80);
    rest = Math.floor(rest / TWO_7);
  }
  view.setUint8(at + SENT_BYTES - 1, rest);
}

/** The content of a returned probe. Allocated once and reused; valid after `readLlamaReply` returned true. */
export class LlamaReply {
  ssid = 0;
  sequence = 0;
  /** T1: seconds since 1970, nanoseconds. */
  t1S = 0;
  t1Ns = 0;
  tos = 0;
}

/** Hot: reads one of our own returned probes. False for any other packet. */
export function readLlamaReply(view: DataView, offset: number, length: number, reply: LlamaReply): boolean {
  if (length < PADDING || !hasLlamaHead(view, offset, length) || view.getUint8(offset + 15) !== 0x18) return false;
  const at = offset + LLAMA_SENT;
  let low28 = 0;
  for (let i = 3; i >= 0; i--) low28 = (low28 << 7) | (view.getUint8(at + i) & 0x7f);
  let rest = 0;
  for (let i = SENT_BYTES - 1; i >= 4; i--) rest = rest * TWO_7 + (view.getUint8(at + i) & 0x7f);
  // Long division of rest * 2^28 + low28 by 10^9, 14 bits at a time.
  let seconds = Math.floor(rest / NS_PER_S);
  let remainder = (rest - seconds * NS_PER_S) * TWO_14 + Math.floor(low28 / TWO_14);
  let digit = Math.floor(remainder / NS_PER_S);
  seconds = seconds * TWO_14 + digit;
  remainder = (remainder - digit * NS_PER_S) * TWO_14 + (low28 % TWO_14);
  digit = Math.floor(remainder / NS_PER_S);
  reply.t1S = seconds * TWO_14 + digit;
  reply.t1Ns = remainder - digit * NS_PER_S;
  reply.ssid = view.getUint16(offset + SSID);
  reply.sequence = view.getUint32(offset + SEQUENCE);
  reply.tos = view.getUint8(offset + LLAMA_TOS);
  // Both copies of the nanoseconds must agree: this rejects signatures of other senders.
  return reply.t1Ns === view.getUint32(offset + NANOSECONDS);
}

/** Whether signature and TOS are at the offsets of LLAMA's senders. Cheap, because every packet is tested. */
export function hasLlamaHead(view: DataView, offset: number, length: number): boolean {
  return length >= LLAMA_TOS + 1 && view.getUint16(offset) === 0x0a0a && view.getUint16(offset + 12) === 0x1201;
}

/**
 * Whether the packet is a probe of LLAMA: its head, and then fields to the very end. Unknown fields are accepted, as in
 * LLAMA's own reflector. One pass over the fields, so the time is bounded by the length.
 */
export function isLlamaProbe(view: DataView, offset: number, length: number): boolean {
  if (!hasLlamaHead(view, offset, length)) return false;
  const end = offset + length;
  let at = offset + LLAMA_TOS + 1;
  while (at < end) {
    const tagEnd = varintEnd(view, at, end);
    // Field numbers begin at 1, and their tags of at most 29 bits take 5 bytes.
    if (tagEnd < 0 || tagEnd - at > 5 || (tagEnd - at === 1 && view.getUint8(at) < 8)) return false;
    const wireType = view.getUint8(at) & 7;
    at = tagEnd;
    if (wireType === 0) at = varintEnd(view, at, end);
    else if (wireType === 1) at += 8;
    else if (wireType === 5) at += 4;
    else if (wireType === 2) {
      const lengthEnd = varintEnd(view, at, end);
      if (lengthEnd < 0) return false;
      let bytes = 0;
      for (let i = lengthEnd - 1; i >= at; i--) bytes = bytes * TWO_7 + (view.getUint8(i) & 0x7f);
      at = lengthEnd + bytes;
    } else return false;
    if (at < 0 || at > end) return false;
  }
  return true;
}

/** End of the varint at `at`, or -1 when it has more than 10 bytes or does not end before `end`. */
function varintEnd(view: DataView, at: number, end: number): number {
  const last = Math.min(end, at + 10);
  for (let i = at; i < last; i++) if (view.getUint8(i) < 0x80) return i + 1;
  return -1;
}
