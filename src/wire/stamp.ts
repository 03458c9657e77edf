/**
 * STAMP test packets, unauthenticated mode: RFC 8762 sections 4.2.1 and 4.3.1, with the session identifier of RFC 8972 section 3.
 * TWAMP Light (RFC 5357 appendix I) is the same layout without the identifier.
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
 * Error estimate (RFC 4656 section 4.1.2): S 0x8000 (clock synchronised), Z 0x4000 (time format, see timestamps.ts), scale 6 bits,
 * multiplier 8 bits, never 0.
 *
 * Everything is big-endian. Pure functions over a packet at an offset: hot, they never allocate, never throw for what is in the bytes,
 * and never touch a byte outside `offset` to `offset + length`.
 */

import { fractionOfNanoseconds, nanosecondsOfFraction, ntpSecondsOfUnix, unixSecondsOfNtp } from './timestamps.js';

export const STAMP_SEQUENCE = 0;
/** T1 in a request, T3 in a reply. */
export const STAMP_TIMESTAMP = 4;
export const STAMP_ERROR_ESTIMATE = 12;
export const STAMP_SSID = 14;
export const STAMP_RECEIVE_TIMESTAMP = 16;
export const STAMP_SENDER_SEQUENCE = 24;
export const STAMP_SENDER_TIMESTAMP = 28;
export const STAMP_SENDER_ERROR_ESTIMATE = 36;
export const STAMP_SENDER_TTL = 40;

/** The base packet of both directions; what follows are TLVs or padding. */
export const STAMP_BYTES = 44;
/** The shortest ordinary request, and the reply to a shorter one: some TWAMP-Light hosts leave out the 3 zeros behind the TTL. */
export const STAMP_MIN_BYTES = 41;
/** The shortest reply that has all times and numbers: up to the sender's error estimate, without TTL. */
export const STAMP_REPLY_MIN_BYTES = STAMP_SENDER_ERROR_ESTIMATE + 2;
/** The shortest request of TWAMP-Light test tools: sequence number, T1, error estimate. */
export const STAMP_SHORT_MIN_BYTES = STAMP_ERROR_ESTIMATE + 2;

export const ERROR_ESTIMATE_S = 0x8000;
export const ERROR_ESTIMATE_Z = 0x4000;

/** The error estimate of a host whose clock nobody keeps: Z 1 (PTPv2), S 0, scale 0, multiplier 1. How wrong it is is not known, and S says so. */
export const LLAMA_ERROR_ESTIMATE = ERROR_ESTIMATE_Z | 1;

/** The error estimate (RFC 4656 section 4.1.2) of a clock that is kept: at most `errorS` seconds wrong, rounded up; multiplier * 2^(scale - 32). */
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
 * Writes octets 0 to 15 of a request: sequence number, T1 as PTPv2 (seconds since 1970, nanoseconds), error estimate, SSID.
 * Zeros from 16 on are the caller's: it writes them once per buffer.
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

/** What a reply says. Made once and filled by `parseStampReply` again and again; valid where `ok`. */
export class StampReply {
  /** False: too short for a reply, or T2 or T3 is no time. The other fields are then those of an earlier reply. */
  ok = false;
  /** The reflector's number: a copy of `senderSequence` (stateless), or its own count of replies in the session (stateful). */
  sequence = 0;
  /** T3, when the reflector sent: seconds since 1970, nanoseconds; NTP time is converted. */
  t3S = 0;
  t3Ns = 0;
  /** The reflector's. Its Z bit says how T2 and T3 were written; a multiplier of 0 is let pass, T2 and T3 mean the same. */
  errorEstimate = 0;
  /** Session identifier; 0 from a reflector that knows none. */
  ssid = 0;
  /** T2, when the reflector received; as T3. */
  t2S = 0;
  t2Ns = 0;
  senderSequence = 0;
  /** The sender's T1 as it came back, both 32-bit words raw: to be compared with what was sent, not to be computed with. */
  t1S = 0;
  t1Ns = 0;
  senderErrorEstimate = 0;
  /** TTL or hop limit that the request had when it reached the reflector; 0: the reply does not say. */
  senderTtl = 0;
}

/** Reads T2, T3 and the error estimate that says how they are written; false, and nothing is changed, when one of them is no time. */
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

/** Reads the reply of `length` bytes at `offset` into `reply`; the result is `reply.ok`. */
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

/** What `checkStampRequest` finds. */
export const StampFault = {
  none: 0,
  /** Below 41 bytes. */
  tooShort: 1,
  /** It carries, where replies echo T1, a time of this host's clock: it answers a reply of ours. */
  reply: 2,
} as const;
export type StampFault = (typeof StampFault)[keyof typeof StampFault];

/** A reply that is answered comes back well within this. */
const REPLY_WINDOW_S = 60;

/** Whether a time that came back as the sender's T1 may be one of this host's own, written into a reply a moment ago. */
function isRecent(s: number, nowS: number): boolean {
  const ageS = nowS - s;
  return ageS > -REPLY_WINDOW_S && ageS < REPLY_WINDOW_S;
}

/** The same of seconds in either format, as they stand in a packet. Zero, which is no time, is none of now. */
export function isRecentTime(s: number, nowS: number): boolean {
  return s !== 0 && (isRecent(s, nowS) || isRecent(unixSecondsOfNtp(s), nowS));
}

/** Writes a time at byte `at`, in the format that the error estimate beside it names: PTPv2 with Z, else NTP. */
export function writeTime(view: DataView, at: number, s: number, ns: number, errorEstimate: number): void {
  const ntp = (errorEstimate & ERROR_ESTIMATE_Z) === 0;
  view.setUint32(at, ntp ? ntpSecondsOfUnix(s) : s);
  view.setUint32(at + 4, ntp ? fractionOfNanoseconds(ns) : ns);
}

/** The reflector's error estimate, with the time format of the request: TWAMP-Light senders know NTP time only (RFC 8186). */
export function withFormatOf(request: number, errorEstimate: number): number {
  return (errorEstimate & ~ERROR_ESTIMATE_Z) | (request & ERROR_ESTIMATE_Z);
}

/**
 * Whether the packet of `length` bytes at `offset` is a request to be reflected at `nowS` seconds since 1970. An error estimate with
 * a multiplier of 0 (which RFC 4656 section 4.1.2 calls corrupt) is let pass: senders that know no better write it.
 *
 * A reply must not be reflected: one packet with a forged source would bounce between two reflectors for ever. In such a loop each packet
 * carries, as the sender's T1, the T3 that this host wrote the turn before. A request has zeros there, or, from TWAMP-Light
 * senders, padding that may be random: it passes but for one in 35 million.
 */
export function checkStampRequest(view: DataView, offset: number, length: number, nowS: number): StampFault {
  if (length < STAMP_MIN_BYTES) return StampFault.tooShort;
  if (isRecentTime(view.getUint32(offset + STAMP_SENDER_TIMESTAMP), nowS)) return StampFault.reply;
  return StampFault.none;
}

/**
 * Whether a packet of `length` bytes (at least 14, below 41) may be a reply, of a responder that leaves out its end: it has, where a request has zeros or
 * padding, a time of now as the sender's T1 or as T2, in either format.
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
 * Makes a short request of `length` bytes (at least 14, below 41) an ordinary one of 41 bytes, in place: its padding, which may be anything, becomes zeros.
 * There must be room for it.
 */
export function extendShortRequest(view: DataView, offset: number): void {
  for (let at = STAMP_SHORT_MIN_BYTES; at < STAMP_MIN_BYTES; at++) view.setUint8(offset + at, 0);
}

/** The session identifier of a request or a reply. */
export function stampSsid(view: DataView, offset: number): number {
  return view.getUint16(offset + STAMP_SSID);
}

/** The sequence number that the packet itself carries. */
export function stampSequence(view: DataView, offset: number): number {
  return view.getUint32(offset + STAMP_SEQUENCE);
}

/**
 * Turns the request of `length` bytes (at least 41) at `offset` into its reply, in place and of the same length: T2 in the format of T1, the given
 * sequence number, the sender's number, T1, error estimate and TTL. The SSID and all from 44 on stay as they are.
 * T3 still holds T1 afterwards: `stampT3` comes right before sending.
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

/** Writes T3 (seconds since 1970, nanoseconds) into a reply, in the format that its error estimate names. */
export function stampT3(view: DataView, offset: number, s: number, ns: number): void {
  writeTime(view, offset + STAMP_TIMESTAMP, s, ns, view.getUint16(offset + STAMP_ERROR_ESTIMATE));
}
