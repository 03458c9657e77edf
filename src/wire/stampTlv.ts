/**
 * The TLVs after the base packet of STAMP: RFC 8972 section 4.
 *
 * | offset | field |
 * | ---: | --- |
 * | 0 | flags u8: U 0x80 not understood, M 0x40 malformed, I 0x20 integrity check failed |
 * | 1 | type u8 |
 * | 2 | length of the value u16 |
 * | 4 | value |
 *
 * A sender sets only U among the flags; a reflector clears U of the TLVs that it understands.
 *
 * | type | value |
 * | --- | --- |
 * | 1 extra padding | any bytes |
 * | 3 timestamp information, 4 bytes | clock source and method of T2, then of T3, u8 each |
 * | 4 class of service, 4 bytes | DSCP1 6 bits: requested for the reply; DSCP2 6 bits: as the reflector received it; ECN 2 bits: as received; RP 2 bits: 1 when DSCP1 was ignored; 16 zeros |
 * | 5 direct measurement, 12 bytes | packets the sender sent, the reflector received, the reflector sent, u32 each |
 * | 8 HMAC, 16 bytes | over the sequence number and all TLVs before this one; only extra padding may follow it |
 *
 * Bytes that do not begin with a sender's flags are the padding of a sender without TLVs (RFC 8762, RFC 5357). Every
 * walk advances by at least the 4 bytes of a header, so its time is bounded by the length of the packet.
 */

import { HMAC_BYTES, type PacketSigner } from './hmac.js';

export const TLV_HEADER_BYTES = 4;
export const TlvFlag = { unrecognised: 0x80, malformed: 0x40, integrity: 0x20 } as const;
export const TlvType = {
  extraPadding: 1,
  timestampInformation: 3,
  classOfService: 4,
  directMeasurement: 5,
  hmac: 8,
} as const;

export const TIMESTAMP_INFORMATION_BYTES = 4;
export const CLASS_OF_SERVICE_BYTES = 4;
export const DIRECT_MEASUREMENT_BYTES = 12;

/** Bytes of each TLV that a probe may carry, including its header. */
export const TLV_BYTES = {
  timestampInformation: TLV_HEADER_BYTES + TIMESTAMP_INFORMATION_BYTES,
  classOfService: TLV_HEADER_BYTES + CLASS_OF_SERVICE_BYTES,
  directMeasurement: TLV_HEADER_BYTES + DIRECT_MEASUREMENT_BYTES,
  hmac: TLV_HEADER_BYTES + HMAC_BYTES,
} as const;

/** TLVs of probes, in their order. */
export const PROBE_TLVS = ['classOfService', 'directMeasurement', 'timestampInformation'] as const;
export type ProbeTlv = (typeof PROBE_TLVS)[number];

/** Bytes of these TLVs, including the HMAC that covers them in authenticated mode. */
export function tlvBytes(tlvs: readonly ProbeTlv[], authenticated: boolean): number {
  const bytes = tlvs.reduce((sum, name) => sum + TLV_BYTES[name], 0);
  return bytes === 0 || !authenticated ? bytes : bytes + TLV_BYTES.hmac;
}

/** Sources of a clock, and methods of taking a time (RFC 8972 tables 7 and 9). */
export const ClockSource = { ntp: 1, ptp: 2, ssuBits: 3, gnss: 4, freeRunning: 5 } as const;
export const StampMethod = { hardware: 1, software: 2, controlPlane: 3 } as const;

const headerOf = (type: number, length: number): number => (TlvFlag.unrecognised << 24) + (type << 16) + length;

/** Writes the header of a TLV as a sender; the caller writes its value. Returns the start of the value. */
function writeTlvHeader(view: DataView, at: number, type: number, length: number): number {
  view.setUint32(at, headerOf(type, length) >>> 0);
  return at + TLV_HEADER_BYTES;
}

/** Writes a class-of-service TLV that requests `dscp` for the reply. Returns its end. */
export function writeClassOfService(view: DataView, at: number, dscp: number): number {
  const value = writeTlvHeader(view, at, TlvType.classOfService, CLASS_OF_SERVICE_BYTES);
  view.setUint32(value, (dscp << 26) >>> 0);
  return value + CLASS_OF_SERVICE_BYTES;
}

/** Writes a direct-measurement TLV of a sender that has sent `sent` packets of the session. Returns its end. */
export function writeDirectMeasurement(view: DataView, at: number, sent: number): number {
  const value = writeTlvHeader(view, at, TlvType.directMeasurement, DIRECT_MEASUREMENT_BYTES);
  view.setUint32(value, sent);
  view.setUint32(value + 4, 0);
  view.setUint32(value + 8, 0);
  return value + DIRECT_MEASUREMENT_BYTES;
}

/** Writes an empty timestamp-information TLV. Returns its end. */
export function writeTimestampInformation(view: DataView, at: number): number {
  const value = writeTlvHeader(view, at, TlvType.timestampInformation, TIMESTAMP_INFORMATION_BYTES);
  view.setUint32(value, 0);
  return value + TIMESTAMP_INFORMATION_BYTES;
}

/** Writes extra padding of `bytes`, including its header; the caller writes its value. Returns its end. */
export function writeExtraPadding(view: DataView, at: number, bytes: number): number {
  return writeTlvHeader(view, at, TlvType.extraPadding, bytes - TLV_HEADER_BYTES) + bytes - TLV_HEADER_BYTES;
}

/**
 * Writes the HMAC TLV over the sequence number at `base` and all bytes from `first` to `at`. It must be the last write.
 * Returns its end.
 */
export function writeHmacTlv(signer: PacketSigner, view: DataView, base: number, first: number, at: number): number {
  const value = writeTlvHeader(view, at, TlvType.hmac, HMAC_BYTES);
  signer.signTwo(view, base, 4, first, at - first, value);
  return value + HMAC_BYTES;
}

/**
 * Whether a sender's TLV is at `at`, instead of the padding of a sender without TLVs: U is set, M and I are not;
 * reserved flags are ignored. Random padding passes once in eight times.
 */
export function beginsTlv(view: DataView, at: number, end: number): boolean {
  return (
    at + TLV_HEADER_BYTES <= end &&
    (view.getUint8(at) & (TlvFlag.unrecognised | TlvFlag.malformed | TlvFlag.integrity)) === TlvFlag.unrecognised
  );
}

/** Offset of the HMAC TLV that covers all other TLVs except extra padding after it; -1 without one. */
export function coveringHmac(view: DataView, first: number, end: number): number {
  let hmacAt = -1;
  for (let at = first; at + TLV_HEADER_BYTES <= end; ) {
    const type = view.getUint8(at + 1);
    const length = view.getUint16(at + 2);
    if (at + TLV_HEADER_BYTES + length > end) return -1;
    if (hmacAt >= 0 && type !== TlvType.extraPadding) return -1;
    if (type === TlvType.hmac) {
      if (length !== HMAC_BYTES) return -1;
      hmacAt = at;
    }
    at += TLV_HEADER_BYTES + length;
  }
  return hmacAt;
}

/** Whether there is only one TLV of extra padding, which needs no HMAC in authenticated mode (section 4.8). */
export function isOnlyPadding(view: DataView, first: number, end: number): boolean {
  return (
    view.getUint8(first + 1) === TlvType.extraPadding && first + TLV_HEADER_BYTES + view.getUint16(first + 2) === end
  );
}

/**
 * The content of a reply's TLVs. Allocated once and reused; a field whose TLV is missing or was not understood is -1.
 */
export class ReplyTlvs {
  /** DSCP and ECN as the reflector received them. */
  dscpReceived = -1;
  ecnReceived = -1;
  /** Packets of the session that the reflector received, and sent. */
  received = -1;
  reflected = -1;
  /** Synchronisation of the reflector's clock (`ClockSource`). */
  clockSource = -1;
  /** Flags of any TLV: not understood, malformed, or its integrity check failed. */
  flags = 0;
}

/**
 * Reads the TLVs of a reply between `first` and `end`, according to section 4: U skips one TLV, M stops reading, and I
 * invalidates all. False when they exceed the packet, or when `signer` is given and their HMAC TLV is missing or wrong;
 * then every field is -1.
 */
export function readReplyTlvs(
  view: DataView,
  base: number,
  first: number,
  end: number,
  signer: PacketSigner | null,
  tlvs: ReplyTlvs,
): boolean {
  clear(tlvs);
  if (first + TLV_HEADER_BYTES > end) return true;
  if (signer !== null && !isOnlyPadding(view, first, end)) {
    const hmacAt = coveringHmac(view, first, end);
    if (hmacAt < 0 || signer.keyOfTwo(view, base, 4, first, hmacAt - first, hmacAt + TLV_HEADER_BYTES) < 0)
      return false;
  }
  for (let at = first; at + TLV_HEADER_BYTES <= end; ) {
    const flags = view.getUint8(at) & (TlvFlag.unrecognised | TlvFlag.malformed | TlvFlag.integrity);
    const type = view.getUint8(at + 1);
    const length = view.getUint16(at + 2);
    const value = at + TLV_HEADER_BYTES;
    if (value + length > end) {
      clear(tlvs);
      return false;
    }
    tlvs.flags |= flags;
    if ((flags & TlvFlag.integrity) !== 0) {
      clear(tlvs);
      tlvs.flags = flags;
      return true;
    }
    if ((flags & TlvFlag.malformed) !== 0) return true;
    if (flags === 0) read(view, value, length, type, tlvs);
    at = value + length;
  }
  return true;
}

function read(view: DataView, value: number, length: number, type: number, tlvs: ReplyTlvs): void {
  if (type === TlvType.classOfService && length === CLASS_OF_SERVICE_BYTES) {
    tlvs.dscpReceived = (view.getUint16(value) >>> 4) & 0x3f;
    tlvs.ecnReceived = (view.getUint16(value) >>> 2) & 3;
  } else if (type === TlvType.directMeasurement && length === DIRECT_MEASUREMENT_BYTES) {
    tlvs.received = view.getUint32(value + 4);
    tlvs.reflected = view.getUint32(value + 8);
  } else if (type === TlvType.timestampInformation && length === TIMESTAMP_INFORMATION_BYTES) {
    tlvs.clockSource = view.getUint8(value);
  }
}

function clear(tlvs: ReplyTlvs): void {
  tlvs.dscpReceived = -1;
  tlvs.ecnReceived = -1;
  tlvs.received = -1;
  tlvs.reflected = -1;
  tlvs.clockSource = -1;
  tlvs.flags = 0;
}
