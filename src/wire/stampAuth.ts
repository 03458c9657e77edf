/**
 * STAMP test packets, authenticated mode: RFC 8762 sections 4.2.2 and 4.3.2, with the session identifier of RFC 8972
 * section 3.
 *
 * | offset | Session-Sender | Session-Reflector |
 * | ---: | --- | --- |
 * | 0 | sequence number u32 | sequence number u32 |
 * | 4 | 12 zeros | 12 zeros |
 * | 16 | T1, 64 bits | T3, 64 bits |
 * | 24 | error estimate u16 | error estimate u16 |
 * | 26 | SSID u16 | SSID u16 |
 * | 28 | zeros | 4 zeros |
 * | 32 | zeros | T2, 64 bits, then 8 zeros |
 * | 48 | zeros | sender's sequence number u32, then 12 zeros |
 * | 64 | zeros | sender's T1, 64 bits |
 * | 72 | zeros | sender's error estimate u16, then 6 zeros |
 * | 80 | zeros | sender's TTL u8, then 15 zeros |
 * | 96 | HMAC-SHA-256 of bytes 0 to 95, its first 16 bytes | the same |
 * | 112 | TLVs | as received |
 *
 * Everything is big-endian. Pure functions over a packet at an offset, within the packet and without allocation.
 */

import type { PacketSigner } from './hmac.js';
import {
  isRecentTime,
  LLAMA_ERROR_ESTIMATE,
  readReplyTimes,
  type StampReply,
  withFormatOf,
  writeTime,
} from './stamp.js';

export const STAMP_AUTH_BYTES = 112;
export const STAMP_AUTH_TIMESTAMP = 16;
const STAMP_AUTH_ERROR_ESTIMATE = 24;
export const STAMP_AUTH_SSID = 26;
const STAMP_AUTH_RECEIVE_TIMESTAMP = 32;
const STAMP_AUTH_SENDER_SEQUENCE = 48;
const STAMP_AUTH_SENDER_TIMESTAMP = 64;
const STAMP_AUTH_SENDER_ERROR_ESTIMATE = 72;
const STAMP_AUTH_SENDER_TTL = 80;
export const STAMP_AUTH_HMAC = 96;

/**
 * Hot: writes a request's fields without its HMAC: `signStampAuth` follows. The caller writes the zeros, once per
 * buffer.
 */
export function writeStampAuthRequest(
  view: DataView,
  offset: number,
  sequence: number,
  t1S: number,
  t1Ns: number,
  ssid: number,
): void {
  view.setUint32(offset, sequence);
  view.setUint32(offset + STAMP_AUTH_TIMESTAMP, t1S);
  view.setUint32(offset + STAMP_AUTH_TIMESTAMP + 4, t1Ns);
  view.setUint16(offset + STAMP_AUTH_ERROR_ESTIMATE, LLAMA_ERROR_ESTIMATE);
  view.setUint16(offset + STAMP_AUTH_SSID, ssid);
}

/** Hot: must be the last write to the base packet. */
export function signStampAuth(signer: PacketSigner, view: DataView, offset: number, key = 0): void {
  signer.sign(view, offset, STAMP_AUTH_HMAC, offset + STAMP_AUTH_HMAC, key);
}

/** Number of the packet's key; -1 without a valid HMAC, or when it is too short. */
export function stampAuthKey(signer: PacketSigner, view: DataView, offset: number, length: number): number {
  return length < STAMP_AUTH_BYTES ? -1 : signer.keyOf(view, offset, STAMP_AUTH_HMAC, offset + STAMP_AUTH_HMAC);
}

/** Whether the packet is long enough and has the HMAC of one of the keys. */
export function verifiesStampAuth(signer: PacketSigner, view: DataView, offset: number, length: number): boolean {
  return stampAuthKey(signer, view, offset, length) >= 0;
}

/**
 * Whether a packet has the layout of authenticated mode: zeros where unauthenticated packets have their time. The HMAC
 * is not checked.
 */
export function hasStampAuthLayout(view: DataView, offset: number, length: number): boolean {
  return (
    length >= STAMP_AUTH_BYTES &&
    view.getUint32(offset + 4) === 0 &&
    view.getUint32(offset + 8) === 0 &&
    view.getUint32(offset + 12) === 0
  );
}

/** Reads a reply into `reply`; returns `reply.ok`. The caller verifies its HMAC, before or after. */
export function parseStampAuthReply(view: DataView, offset: number, length: number, reply: StampReply): boolean {
  reply.ok = false;
  if (length < STAMP_AUTH_BYTES) return false;
  const estimateAt = offset + STAMP_AUTH_ERROR_ESTIMATE;
  const t2At = offset + STAMP_AUTH_RECEIVE_TIMESTAMP;
  if (!readReplyTimes(view, estimateAt, offset + STAMP_AUTH_TIMESTAMP, t2At, reply)) return false;
  reply.sequence = view.getUint32(offset);
  reply.ssid = view.getUint16(offset + STAMP_AUTH_SSID);
  reply.senderSequence = view.getUint32(offset + STAMP_AUTH_SENDER_SEQUENCE);
  reply.t1S = view.getUint32(offset + STAMP_AUTH_SENDER_TIMESTAMP);
  reply.t1Ns = view.getUint32(offset + STAMP_AUTH_SENDER_TIMESTAMP + 4);
  reply.senderErrorEstimate = view.getUint16(offset + STAMP_AUTH_SENDER_ERROR_ESTIMATE);
  reply.senderTtl = view.getUint8(offset + STAMP_AUTH_SENDER_TTL);
  reply.ok = true;
  return true;
}

/**
 * As `checkStampRequest` for unauthenticated packets: whether it is a returned reply of ours, which must not be
 * reflected.
 */
export function isStampAuthReply(view: DataView, offset: number, nowS: number): boolean {
  return isRecentTime(view.getUint32(offset + STAMP_AUTH_SENDER_TIMESTAMP), nowS);
}

/**
 * Turns the request at `offset` into its reply, in place and with the same length. The caller then writes T3 and the
 * HMAC.
 */
export function reflectStampAuth(
  view: DataView,
  offset: number,
  sequence: number,
  t2S: number,
  t2Ns: number,
  ttl: number,
  errorEstimate = LLAMA_ERROR_ESTIMATE,
): void {
  const senderSequence = view.getUint32(offset);
  const t1S = view.getUint32(offset + STAMP_AUTH_TIMESTAMP);
  const t1Ns = view.getUint32(offset + STAMP_AUTH_TIMESTAMP + 4);
  const senderErrorEstimate = view.getUint16(offset + STAMP_AUTH_ERROR_ESTIMATE);
  for (let at = offset + 4; at < offset + STAMP_AUTH_TIMESTAMP; at += 4) view.setUint32(at, 0);
  for (let at = offset + STAMP_AUTH_SSID + 2; at < offset + STAMP_AUTH_HMAC; at += 2) view.setUint16(at, 0);
  view.setUint32(offset, sequence);
  const own = withFormatOf(senderErrorEstimate, errorEstimate);
  view.setUint16(offset + STAMP_AUTH_ERROR_ESTIMATE, own);
  writeTime(view, offset + STAMP_AUTH_RECEIVE_TIMESTAMP, t2S, t2Ns, own);
  view.setUint32(offset + STAMP_AUTH_SENDER_SEQUENCE, senderSequence);
  view.setUint32(offset + STAMP_AUTH_SENDER_TIMESTAMP, t1S);
  view.setUint32(offset + STAMP_AUTH_SENDER_TIMESTAMP + 4, t1Ns);
  view.setUint16(offset + STAMP_AUTH_SENDER_ERROR_ESTIMATE, senderErrorEstimate);
  view.setUint8(offset + STAMP_AUTH_SENDER_TTL, ttl);
}

/**
 * Writes T3 (seconds since 1970, nanoseconds) into a reply, in the format of its error estimate; `signStampAuth`
 * follows.
 */
export function stampAuthT3(view: DataView, offset: number, s: number, ns: number): void {
  writeTime(view, offset + STAMP_AUTH_TIMESTAMP, s, ns, view.getUint16(offset + STAMP_AUTH_ERROR_ESTIMATE));
}
