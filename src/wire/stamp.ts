/**
 * STAMP test packets, unauthenticated mode: RFC 8762 sections 4.2.1 and 4.3.1, with the session identifier of RFC 8972
 * section 3. TWAMP Light (RFC 5357 appendix I) has the same layout without the identifier.
 *
 * | offset | Session-Sender | Session-Reflector |
 * | ---: | --- | --- |
 * | 0 | sequence number u32 | sequence number u32 |
 * | 4 | T1, 64 bits | T3, 64 bits |
 * | 12 | error estimate u16 | error estimate u16 |
 * | 14 | SSID u16 | SSID u16 |
 * | 16 | zeros | T2, 64 bits |
 * | 24 | zeros | sender's sequence number u32 |
 * | 28 | zeros | sender's T1, 64 bits |
 * | 36 | zeros | sender's error estimate u16, then zeros u16 |
 * | 40 | zeros | sender's TTL u8, then 3 bytes of zeros |
 * | 44 | TLVs or padding | as received |
 *
 * Error estimate (RFC 4656 section 4.1.2): S 0x8000 (clock synchronised), Z 0x4000 (time format, see timestamps.ts),
 * scale 6 bits, multiplier 8 bits, never 0.
 *
 * Everything is big-endian. Pure functions over a packet at an offset: hot, they never allocate, never throw because of
 * a packet's content, and stay within `offset` to `offset + length`.
 */

import { fractionOfNanoseconds, nanosecondsOfFraction, ntpSecondsOfUnix, unixSecondsOfNtp } from './timestamps.js';

export const STAMP_SEQUENCE = 0;
/** T1 in a request, T3 in a reply. */
export const STAMP_TIMESTAMP = 4;
const STAMP_ERROR_ESTIMATE = 12;
export const STAMP_SSID = 14;
const STAMP_RECEIVE_TIMESTAMP = 16;
export const STAMP_SENDER_SEQUENCE = 24;
const STAMP_SENDER_TIMESTAMP = 28;
const STAMP_SENDER_ERROR_ESTIMATE = 36;
const STAMP_SENDER_TTL = 40;

/** The base packet of both directions; TLVs or padding follow. */
export const STAMP_BYTES = 44;
/**
 * The shortest ordinary request, and the reply to a shorter one: some TWAMP-Light hosts omit the 3 zeros after the TTL.
 */
export const STAMP_MIN_BYTES = 41;
/** The shortest reply with all times and numbers: up to the sender's error estimate, without TTL. */
export const STAMP_REPLY_MIN_BYTES = STAMP_SENDER_ERROR_ESTIMATE + 2;
/** The shortest request of TWAMP-Light test tools: sequence number, T1, error estimate. */
export const STAMP_SHORT_MIN_BYTES = STAMP_ERROR_ESTIMATE + 2;

export const ERROR_ESTIMATE_S = 0x8000;
const ERROR_ESTIMATE_Z = 0x4000;

/**
 * The error estimate of a host with an unsynchronised clock: Z 1 (PTPv2), S 0, scale 0, multiplier 1. S marks its error
 * as unknown.
 */
export const LLAMA_ERROR_ESTIMATE = ERROR_ESTIMATE_Z | 1;

/**
 * The error estimate (RFC 4656 section 4.1.2) of a synchronised clock: an error of at most `errorS` seconds, rounded
 * up; multiplier * 2^(scale - 32).
 */
export function synchronisedErrorEstimate(errorS: number): number {
  let multiplier = Math.max(1, errorS * 2 ** 32);
  let scale = 0;
  while (Math.ceil(multiplier) > 0xff && scale < 0x3f) {
    multiplier /= 2;
    scale++;
  }
  return ERROR_ESTIMATE_S | ERROR_ESTIMATE_Z | (scale << 8) | Math.min(0xff, Math.ceil(multiplier));
}

const NS_PER_S = 1_000_000_000;

/**
 * Writes octets 0 to 15 of a request: sequence number, T1 as PTPv2 (seconds since 1970, nanoseconds), error estimate,
 * SSID. The caller writes the zeros from 16 on, once per buffer.
 */
export function writeStampRequest(
  view: DataView,
  offset: number,
  sequence: number,
  t1S: number,
  t1Ns: number,
  ssid: number,
): void {
  view.setUint32(offset + STAMP_SEQUENCE, sequence);
  view.setUint32(offset + STAMP_TIMESTAMP, t1S);
  view.setUint32(offset + STAMP_TIMESTAMP + 4, t1Ns);
  view.setUint16(offset + STAMP_ERROR_ESTIMATE, LLAMA_ERROR_ESTIMATE);
  view.setUint16(offset + STAMP_SSID, ssid);
}

/** The content of a reply. Allocated once and refilled by `parseStampReply`; valid where `ok`. */
export class StampReply {
  /** False: too short for a reply, or T2 or T3 is invalid. The other fields are then from an earlier reply. */
  ok = false;
  /**
   * The reflector's number: a copy of `senderSequence` (stateless), or its own count of replies in the session
   * (stateful).
   */
  sequence = 0;
  /** T3, time of the reflector's sending: seconds since 1970, nanoseconds; NTP time is converted. */
  t3S = 0;
  t3Ns = 0;
  /**
   * The reflector's error estimate. Its Z bit is the format of T2 and T3. A multiplier of 0 is accepted, because T2 and
   * T3 stay valid.
   */
  errorEstimate = 0;
  /** Session identifier; 0 from a reflector without support for it. */
  ssid = 0;
  /** T2, time of the reflector's receiving; as T3. */
  t2S = 0;
  t2Ns = 0;
  senderSequence = 0;
  /** The sender's T1 as returned, both 32-bit words raw: for comparison with the sent words, not for arithmetic. */
  t1S = 0;
  t1Ns = 0;
  senderErrorEstimate = 0;
  /** TTL or hop limit of the request when it reached the reflector; 0: not reported. */
  senderTtl = 0;
}

/**
 * Reads T2, T3 and the error estimate, which has their format. False, without any change, when one of them is invalid.
 */
export function readReplyTimes(
  view: DataView,
  estimateAt: number,
  t3At: number,
  t2At: number,
  reply: StampReply,
): boolean {
  const errorEstimate = view.getUint16(estimateAt);
  const t3S = view.getUint32(t3At);
  const t3Ns = view.getUint32(t3At + 4);
  const t2S = view.getUint32(t2At);
  const t2Ns = view.getUint32(t2At + 4);
  const ntp = (errorEstimate & ERROR_ESTIMATE_Z) === 0;
  if (!ntp && (t3Ns >= NS_PER_S || t2Ns >= NS_PER_S)) return false;
  reply.errorEstimate = errorEstimate;
  reply.t3S = ntp ? unixSecondsOfNtp(t3S) : t3S;
  reply.t3Ns = ntp ? nanosecondsOfFraction(t3Ns) : t3Ns;
  reply.t2S = ntp ? unixSecondsOfNtp(t2S) : t2S;
  reply.t2Ns = ntp ? nanosecondsOfFraction(t2Ns) : t2Ns;
  return true;
}

/** Reads the reply of `length` bytes at `offset` into `reply`; returns `reply.ok`. */
export function parseStampReply(view: DataView, offset: number, length: number, reply: StampReply): boolean {
  reply.ok = false;
  if (length < STAMP_REPLY_MIN_BYTES) return false;
  const estimateAt = offset + STAMP_ERROR_ESTIMATE;
  if (!readReplyTimes(view, estimateAt, offset + STAMP_TIMESTAMP, offset + STAMP_RECEIVE_TIMESTAMP, reply))
    return false;
  reply.sequence = view.getUint32(offset + STAMP_SEQUENCE);
  reply.ssid = view.getUint16(offset + STAMP_SSID);
  reply.senderSequence = view.getUint32(offset + STAMP_SENDER_SEQUENCE);
  reply.t1S = view.getUint32(offset + STAMP_SENDER_TIMESTAMP);
  reply.t1Ns = view.getUint32(offset + STAMP_SENDER_TIMESTAMP + 4);
  reply.senderErrorEstimate = view.getUint16(offset + STAMP_SENDER_ERROR_ESTIMATE);
  reply.senderTtl = length > STAMP_SENDER_TTL ? view.getUint8(offset + STAMP_SENDER_TTL) : 0;
  reply.ok = true;
  return true;
}

/** Results of `checkStampRequest`. */
export const StampFault = {
  none: 0,
  /** Below 41 bytes. */
  tooShort: 1,
  /** It carries a time of this host's clock where replies echo T1: it answers a reply of ours. */
  reply: 2,
} as const;
export type StampFault = (typeof StampFault)[keyof typeof StampFault];

/** A reply that is answered returns well within this time. */
const REPLY_WINDOW_S = 60;

/** Whether a time returned as the sender's T1 may be this host's own, recently written into a reply. */
function isRecent(s: number, nowS: number): boolean {
  const ageS = nowS - s;
  return ageS > -REPLY_WINDOW_S && ageS < REPLY_WINDOW_S;
}

/** As `isRecent`, for raw seconds of a packet in either format. Zero is never recent. */
export function isRecentTime(s: number, nowS: number): boolean {
  return s !== 0 && (isRecent(s, nowS) || isRecent(unixSecondsOfNtp(s), nowS));
}

/** Writes a time at byte `at`, in the format of the error estimate: PTPv2 with Z, otherwise NTP. */
export function writeTime(view: DataView, at: number, s: number, ns: number, errorEstimate: number): void {
  const ntp = (errorEstimate & ERROR_ESTIMATE_Z) === 0;
  view.setUint32(at, ntp ? ntpSecondsOfUnix(s) : s);
  view.setUint32(at + 4, ntp ? fractionOfNanoseconds(ns) : ns);
}

/**
 * The reflector's error estimate, with the time format of the request: TWAMP-Light senders know NTP time only (RFC
 * 8186).
 */
export function withFormatOf(request: number, errorEstimate: number): number {
  return (errorEstimate & ~ERROR_ESTIMATE_Z) | (request & ERROR_ESTIMATE_Z);
}

/**
 * Whether to reflect the packet of `length` bytes at `offset` at `nowS` seconds since 1970. An error estimate with a
 * multiplier of 0 (corrupt in RFC 4656 section 4.1.2) is accepted, because some senders write it.
 *
 * A reply must not be reflected: one packet with a forged source would bounce between two reflectors for ever. In such
 * a loop each packet carries, as the sender's T1, the previous T3 of this host. A request has zeros there, or padding
 * from TWAMP-Light senders. Random padding passes except once in 35 million.
 */
export function checkStampRequest(view: DataView, offset: number, length: number, nowS: number): StampFault {
  if (length < STAMP_MIN_BYTES) return StampFault.tooShort;
  if (isRecentTime(view.getUint32(offset + STAMP_SENDER_TIMESTAMP), nowS)) return StampFault.reply;
  return StampFault.none;
}

/**
 * Whether a packet of `length` bytes (at least 14, below 41) may be a reply of a responder that omits its end. Such a
 * reply has a recent time as the sender's T1 or as T2, in either format, where a request has zeros or padding.
 */
export function looksLikeShortReply(view: DataView, offset: number, length: number, nowS: number): boolean {
  return (
    isTimeOfNow(view, offset, length, STAMP_RECEIVE_TIMESTAMP, nowS) ||
    isTimeOfNow(view, offset, length, STAMP_SENDER_TIMESTAMP, nowS)
  );
}

function isTimeOfNow(view: DataView, offset: number, length: number, field: number, nowS: number): boolean {
  return length >= field + 4 && isRecentTime(view.getUint32(offset + field), nowS);
}

/**
 * Extends a short request (at least 14 bytes, below 41) to an ordinary one of 41 bytes, in place: its padding becomes
 * zeros. The buffer must have space for it.
 */
export function extendShortRequest(view: DataView, offset: number): void {
  for (let at = STAMP_SHORT_MIN_BYTES; at < STAMP_MIN_BYTES; at++) view.setUint8(offset + at, 0);
}

/** The packet's own sequence number. */
export function stampSequence(view: DataView, offset: number): number {
  return view.getUint32(offset + STAMP_SEQUENCE);
}

/**
 * Turns the request of `length` bytes (at least 41) at `offset` into its reply, in place and with the same length: T2
 * in the format of T1, the given sequence number, the sender's number, T1, error estimate and TTL. The SSID and all
 * bytes from 44 on stay unchanged. T3 still contains T1 afterwards: call `stampT3` directly before sending.
 */
export function reflectStamp(
  view: DataView,
  offset: number,
  length: number,
  sequence: number,
  t2S: number,
  t2Ns: number,
  ttl: number,
  errorEstimate = LLAMA_ERROR_ESTIMATE,
): void {
  view.setUint32(offset + STAMP_SENDER_SEQUENCE, view.getUint32(offset + STAMP_SEQUENCE));
  view.setUint32(offset + STAMP_SENDER_TIMESTAMP, view.getUint32(offset + STAMP_TIMESTAMP));
  view.setUint32(offset + STAMP_SENDER_TIMESTAMP + 4, view.getUint32(offset + STAMP_TIMESTAMP + 4));
  const request = view.getUint16(offset + STAMP_ERROR_ESTIMATE);
  const own = withFormatOf(request, errorEstimate);
  view.setUint16(offset + STAMP_SENDER_ERROR_ESTIMATE, request);
  view.setUint16(offset + STAMP_SENDER_ERROR_ESTIMATE + 2, 0);
  view.setUint8(offset + STAMP_SENDER_TTL, ttl);
  const end = Math.min(length, STAMP_BYTES);
  for (let at = STAMP_SENDER_TTL + 1; at < end; at++) view.setUint8(offset + at, 0);
  view.setUint32(offset + STAMP_SEQUENCE, sequence);
  view.setUint16(offset + STAMP_ERROR_ESTIMATE, own);
  writeTime(view, offset + STAMP_RECEIVE_TIMESTAMP, t2S, t2Ns, own);
}

/** Writes T3 (seconds since 1970, nanoseconds) into a reply, in the format of its error estimate. */
export function stampT3(view: DataView, offset: number, s: number, ns: number): void {
  writeTime(view, offset + STAMP_TIMESTAMP, s, ns, view.getUint16(offset + STAMP_ERROR_ESTIMATE));
}
