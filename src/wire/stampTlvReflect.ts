/**
 * How a reflector answers the TLVs of a request: RFC 8972 section 4, in place.
 *
 * - Understood: answered, U cleared. Not understood (or direct measurement on a reflector without counts): returned
 *   with U set.
 * - Malformed (a length that is invalid for its type, or exceeds the packet): M is set, and this TLV's value and all
 *   following bytes are returned unchanged.
 * - An HMAC TLV must be verified before anything is used. Where it is required but missing, misplaced or wrong, or
 *   without a key to verify it, every TLV is returned with I set and has no effect.
 *
 * Without allocation, and within `first` to `end`. Every walk advances by at least the 4 bytes of a header.
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

/** The reflector's input for answering TLVs, and the results. Allocated once and reused. */
export class ReflectedTlvs {
  /** As received. */
  dscp = 0;
  ecn = 0;
  clockSource: number = ClockSource.freeRunning;
  /** Packets of the session, including this one: received, and reflected. -1 when not counted. */
  received = -1;
  reflected = -1;
  /** In authenticated mode: the signer's key of the base packet. */
  key = 0;
  /** DSCP that the sender requests for its reply; -1 without a request. */
  replyDscp = -1;
  /** Offset of the HMAC TLV, to be signed again (`signHmacTlv`) after all other writes; -1 without one. */
  hmacAt = -1;
  /** Whether the integrity check failed; whether a TLV was malformed. */
  forged = false;
  malformed = false;
}

/** Answers the TLVs between `first` and `end`. `signer` is null in unauthenticated mode. Other bytes stay unchanged. */
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

/** Signs a reply's TLVs again; its sequence number and all TLVs must be final. */
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

/** Offset of the first TLV of a type, or -1. */
export function findTlv(view: DataView, first: number, end: number, type: number): number {
  if (!beginsTlv(view, first, end)) return -1;
  for (let at = first; at + TLV_HEADER_BYTES <= end; at += TLV_HEADER_BYTES + view.getUint16(at + 2))
    if (view.getUint8(at + 1) === type) return at;
  return -1;
}

/** Required length of a type's value; -1: any; -2: unknown type. */
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

/** Flags for the faults of the TLV at `at`, before its value is read. */
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
    // Without counts it can't be answered, so it is returned as not understood.
    if (tlvs.received < 0) return TlvFlag.unrecognised;
    view.setUint32(value + 4, tlvs.received);
    view.setUint32(value + 8, tlvs.reflected);
  }
  return 0;
}

/** Sets I on all TLVs, and U and M where applicable, as far as the walk goes. */
function flagAll(view: DataView, first: number, end: number): void {
  for (let at = first; at + TLV_HEADER_BYTES <= end; ) {
    view.setUint8(at, faultOf(view, at, end) | TlvFlag.integrity);
    at += TLV_HEADER_BYTES + view.getUint16(at + 2);
  }
}
