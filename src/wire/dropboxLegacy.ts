/**
 * The probe of LLAMA in Python: 36 bytes, little-endian, that a reflector returns unchanged.
 *
 * | offset | type | field |
 * | ---: | --- | --- |
 * | 0 | 10 bytes | ASCII `__llama__` and NUL |
 * | 10 | u8 | TOS: the marking that the reflector must give its reply |
 * | 11 | f64 | time of sending, ms since 1970 |
 * | 19 | f64 | received: 0 on the wire |
 * | 27 | f64 | RTT: 0 on the wire |
 * | 35 | u8 | lost: 0 on the wire |
 *
 * It has no number: a reply is identified by its source, its TOS and its time, which a double resolves to 1/4096 ms
 * today.
 *
 * Pure functions over a packet at an offset, without allocation.
 */

export const LLAMA_LEGACY_BYTES = 36;
export const LLAMA_LEGACY_TOS = 10;
export const LLAMA_LEGACY_SENT = 11;

const SIGNATURE_HIGH = 0x5f5f_6c6c;
const SIGNATURE_MIDDLE = 0x616d_615f;
const SIGNATURE_LOW = 0x5f00;

/** Writes the constant bytes of a probe. The caller zeroes the rest. */
export function writeLegacyFrame(view: DataView, offset: number): void {
  view.setUint32(offset, SIGNATURE_HIGH);
  view.setUint32(offset + 4, SIGNATURE_MIDDLE);
  view.setUint16(offset + 8, SIGNATURE_LOW);
}

/** Hot: writes the probe's own fields into a frame. */
export function writeLegacyRequest(view: DataView, offset: number, tos: number, sentMs: number): void {
  view.setUint8(offset + LLAMA_LEGACY_TOS, tos);
  view.setFloat64(offset + LLAMA_LEGACY_SENT, sentMs, true);
}

/** T1 as written into a probe: the nearest double. */
export function legacySentMs(t1S: number, t1Ns: number): number {
  return t1S * 1000 + t1Ns / 1_000_000;
}

export function isLegacyProbe(view: DataView, offset: number, length: number): boolean {
  return (
    length === LLAMA_LEGACY_BYTES &&
    view.getUint32(offset) === SIGNATURE_HIGH &&
    view.getUint32(offset + 4) === SIGNATURE_MIDDLE &&
    view.getUint16(offset + 8) === SIGNATURE_LOW
  );
}

export function legacyTos(view: DataView, offset: number): number {
  return view.getUint8(offset + LLAMA_LEGACY_TOS);
}

/** Time of sending in the packet, ms since 1970. */
export function legacySent(view: DataView, offset: number): number {
  return view.getFloat64(offset + LLAMA_LEGACY_SENT, true);
}
