/** Packets as their RFCs and LLAMA's programs lay them out, made without this program's codecs, so that tests of both ends don't share a mistake. */

import { createHmac } from 'node:crypto';

const octets = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ''), 'hex');
const hmac = (key: Uint8Array, ...parts: Uint8Array[]): Buffer =>
  createHmac('sha256', key).update(Buffer.concat(parts)).digest().subarray(0, 16);

/** RFC 8762 figure 1 with the SSID of RFC 8972 figure 1, and what is to follow. */
export function stampPacket(sequence: number, behind = '', ssid = 0): Buffer {
  const base = Buffer.alloc(44);
  base.writeUInt32BE(sequence, 0);
  base.writeUInt32BE(1_700_000_000, 4);
  base.writeUInt32BE(123_456_789, 8);
  base.writeUInt16BE(0x4001, 12);
  base.writeUInt16BE(ssid, 14);
  return Buffer.concat([base, octets(behind)]);
}

/** RFC 8762 figure 3, signed; `tlvs` get an HMAC TLV (RFC 8972 section 4.8) where there are any, and `padding` stands behind all. */
export function stampAuthPacket(sequence: number, key: Uint8Array, tlvs = '', padding = ''): Buffer {
  const base = Buffer.alloc(112);
  base.writeUInt32BE(sequence, 0);
  base.writeUInt32BE(1_700_000_000, 16);
  base.writeUInt32BE(123_456_789, 20);
  base.writeUInt16BE(0x4001, 24);
  base.writeUInt16BE(7, 26);
  hmac(key, base.subarray(0, 96)).copy(base, 96);
  if (tlvs === '') return Buffer.concat([base, octets(padding)]);
  const list = octets(tlvs);
  const signed = hmac(key, base.subarray(0, 4), list);
  return Buffer.concat([base, list, octets('80080010'), signed, octets(padding)]);
}

/** Whether base packet and HMAC TLV (the last of the TLVs, behind `tlvBytes`) of a packet are signed with the key. */
export function isSigned(bytes: Buffer, key: Uint8Array, tlvBytes = 0): boolean {
  if (!hmac(key, bytes.subarray(0, 96)).equals(bytes.subarray(96, 112))) return false;
  if (tlvBytes === 0) return true;
  const end = 112 + tlvBytes;
  return hmac(key, bytes.subarray(0, 4), bytes.subarray(112, end)).equals(bytes.subarray(end + 4, end + 20));
}

/** The 1028 bytes of LLAMA in Go: protobuf fields 1, 2, 3 and 7. */
export function llamaPacket(signature: number, tos: number): Buffer {
  const head = Buffer.concat([octets('0a0a 0102030405060708'), Buffer.from([signature >> 8, signature & 255])]);
  return Buffer.concat([
    head,
    octets('1201'),
    Buffer.from([tos]),
    octets('18 80aabbccddeeff8b17 3ae807'),
    Buffer.alloc(1000),
  ]);
}

/** The 36 bytes of LLAMA in Python. */
export function llamaLegacyPacket(sentMs: number, tos: number): Buffer {
  const bytes = Buffer.alloc(36);
  bytes.write('__llama__', 'latin1');
  bytes.writeUInt8(tos, 10);
  bytes.writeDoubleLE(sentMs, 11);
  return bytes;
}
