/**
 * What a reflector does with the TLVs of a request: RFC 8972 section 4, in place.
 *
 * - Understood: answered, U cleared. Not understood (or a request to count, of a reflector that does not): goes back with U set.
 * - Malformed (a length that its type can't have, or that runs beyond the packet): M is set, and this TLV's value and all behind it go back as they
 *   came.
 * - An HMAC TLV must be verified before anything is used. Where it is missing though needed, stands in the wrong place, is wrong, or there is no key to
 *   verify it with, every TLV goes back with I set and none is followed.
 *
 * Nothing allocates, or touches a byte outside `first` to `end`. Every walk goes forward by at least the 4 bytes of a header.
 */

import { HMAC_BYTES, type PacketSigner } from './hmac.js';
import {
  beginsTlv,
  CLASS_OF_SERVICE_BYTES,
  ClockSource,
  coveringHmac,
  DIRECT_MEASUREMENT_BYTES,
  isOnlyPadding,
  StampMethod,
  TIMESTAMP_INFORMATION_BYTES,
  TLV_HEADER_BYTES,
  TlvFlag,
  TlvType,
} from './stampTlv.js';

/** What a reflector knows when it answers TLVs, and what it learns from them. Made once, filled again and again. */
export class ReflectedTlvs {
  /** As received. */
  dscp = 0;
  ecn = 0;
  clockSource: number = ClockSource.freeRunning;
  /** Packets of the session, this one included: received, and reflected. -1: not counted. */
  received = -1;
  reflected = -1;
  /** In authenticated mode: which of the signer's keys the base packet is signed with. */
  key = 0;
  /** The DSCP that the sender wishes for its reply; -1: it has no wish. */
  replyDscp = -1;
  /** Where the HMAC TLV is, to be signed again (`signHmacTlv`) when all else is written; -1: none. */
  hmacAt = -1;
  /** Whether the integrity check failed; whether something was malformed. */
  forged = false;
  malformed = false;
}

/** Answers the TLVs between `first` and `end`. `signer` is null in unauthenticated mode. What is no TLV stays as it is. */
export function reflectTlvs(
  view: DataView,
  base: number,
  first: number,
  end: number,
  signer: PacketSigner | null,
  tlvs: ReflectedTlvs,
): void {
  tlvs.replyDscp = -1;
  tlvs.hmacAt = -1;
  tlvs.forged = false;
  tlvs.malformed = false;
  if (!beginsTlv(view, first, end)) return;
  const needsHmac = signer === null ? findTlv(view, first, end, TlvType.hmac) >= 0 : !isOnlyPadding(view, first, end);
  if (needsHmac) {
    const hmacAt = signer === null ? -1 : coveringHmac(view, first, end);
    const text = hmacAt - first;
    const key =
      hmacAt < 0 || signer === null ? -1 : signer.keyOfTwo(view, base, 4, first, text, hmacAt + TLV_HEADER_BYTES);
    if (key < 0 || key !== tlvs.key) {
      tlvs.forged = true;
      flagAll(view, first, end);
      return;
    }
    tlvs.hmacAt = hmacAt;
  }
  for (let at = first; at + TLV_HEADER_BYTES <= end; ) {
    const fault = faultOf(view, at, end);
    if ((fault & TlvFlag.malformed) !== 0) {
      view.setUint8(at, fault);
      tlvs.malformed = true;
      return;
    }
    const value = at + TLV_HEADER_BYTES;
    view.setUint8(at, fault === 0 ? answer(view, value, view.getUint8(at + 1), tlvs) : fault);
    at = value + view.getUint16(at + 2);
  }
}

/** Writes the HMAC of a reply's TLVs anew; its sequence number and all TLVs are final then. */
export function signHmacTlv(
  signer: PacketSigner,
  view: DataView,
  base: number,
  first: number,
  tlvs: ReflectedTlvs,
): void {
  const { hmacAt, key } = tlvs;
  signer.signTwo(view, base, 4, first, hmacAt - first, hmacAt + TLV_HEADER_BYTES, key);
}

/** Where the first TLV of a type is, or -1. */
export function findTlv(view: DataView, first: number, end: number, type: number): number {
  if (!beginsTlv(view, first, end)) return -1;
  for (let at = first; at + TLV_HEADER_BYTES <= end; at += TLV_HEADER_BYTES + view.getUint16(at + 2))
    if (view.getUint8(at + 1) === type) return at;
  return -1;
}

/** The length that the value of a type must have; -1: any; -2: the type is not understood. */
function lengthOf(type: number): number {
  switch (type) {
    case TlvType.extraPadding:
      return -1;
    case TlvType.timestampInformation:
      return TIMESTAMP_INFORMATION_BYTES;
    case TlvType.classOfService:
      return CLASS_OF_SERVICE_BYTES;
    case TlvType.directMeasurement:
      return DIRECT_MEASUREMENT_BYTES;
    case TlvType.hmac:
      return HMAC_BYTES;
    default:
      return -2;
  }
}

/** The flags of what is wrong with the TLV at `at`, before its value is looked at. */
function faultOf(view: DataView, at: number, end: number): number {
  const length = view.getUint16(at + 2);
  const expected = lengthOf(view.getUint8(at + 1));
  const unknown = expected === -2 ? TlvFlag.unrecognised : 0;
  const tooLong = at + TLV_HEADER_BYTES + length > end;
  return tooLong || (expected >= 0 && length !== expected) ? TlvFlag.malformed | unknown : unknown;
}

/** Fills in the value of one well-formed TLV; returns its flags. */
function answer(view: DataView, value: number, type: number, tlvs: ReflectedTlvs): number {
  if (type === TlvType.timestampInformation) {
    view.setUint8(value, tlvs.clockSource);
    view.setUint8(value + 1, StampMethod.software);
    view.setUint8(value + 2, tlvs.clockSource);
    view.setUint8(value + 3, StampMethod.software);
  } else if (type === TlvType.classOfService) {
    tlvs.replyDscp = view.getUint8(value) >>> 2;
    // RP is 0: every DSCP is permitted here.
    view.setUint32(value, ((tlvs.replyDscp << 26) | (tlvs.dscp << 20) | (tlvs.ecn << 18)) >>> 0);
  } else if (type === TlvType.directMeasurement) {
    // A reflector that does not count can't answer it: to say so is to not understand it.
    if (tlvs.received < 0) return TlvFlag.unrecognised;
    view.setUint32(value + 4, tlvs.received);
    view.setUint32(value + 8, tlvs.reflected);
  }
  return 0;
}

/** Sets I on all TLVs, with U and M where they belong as far as the walk leads. */
function flagAll(view: DataView, first: number, end: number): void {
  for (let at = first; at + TLV_HEADER_BYTES <= end; ) {
    view.setUint8(at, faultOf(view, at, end) | TlvFlag.integrity);
    at += TLV_HEADER_BYTES + view.getUint16(at + 2);
  }
}
