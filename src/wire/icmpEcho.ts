/**
 * ICMP and ICMPv6 echo (RFC 792, RFC 4443 section 4), with the probe's identity in the data, which returns unchanged.
 *
 * | offset | field |
 * | ---: | --- |
 * | 0 | type u8: request 8, reply 0; ICMPv6: request 128, reply 129 |
 * | 1 | code u8: 0 |
 * | 2 | checksum u16 |
 * | 4 | identifier u16: written by the kernel on a datagram socket |
 * | 6 | sequence number u16: the lowest bits of the one below |
 * | 8 | sequence number u32 |
 * | 12 | T1: seconds since 1970 u32, nanoseconds u32 |
 * | 20 | session identifier u16, then 2 zeros |
 * | 24 | zeros |
 *
 * Everything is big-endian. Pure functions over a message at an offset, within the message and without allocation.
 */

import { addWords, foldChecksum } from './checksum.js';

export const ICMP_ECHO_BYTES = 24;
const ICMP_IDENTIFIER = 4;
const CHECKSUM = 2;
const SHORT_SEQUENCE = 6;
const SEQUENCE = 8;
const T1_S = 12;
const T1_NS = 16;
const SSID = 20;

export const EchoType = { request4: 8, reply4: 0, request6: 128, reply6: 129 } as const;

/** Hot: writes a request without its checksum. The caller zeroes the rest. */
export function writeEchoRequest(
  view: DataView,
  offset: number,
  family: 4 | 6,
  identifier: number,
  sequence: number,
  t1S: number,
  t1Ns: number,
  ssid: number,
): void {
  view.setUint16(offset, (family === 4 ? EchoType.request4 : EchoType.request6) << 8);
  view.setUint16(offset + CHECKSUM, 0);
  view.setUint16(offset + ICMP_IDENTIFIER, identifier);
  view.setUint16(offset + SHORT_SEQUENCE, sequence & 0xffff);
  view.setUint32(offset + SEQUENCE, sequence);
  view.setUint32(offset + T1_S, t1S);
  view.setUint32(offset + T1_NS, t1Ns);
  view.setUint16(offset + SSID, ssid);
}

/** Writes the checksum of an ICMP (version 4) message of `length` bytes; the kernel writes that of ICMPv6. */
export function checksumEcho(view: DataView, offset: number, length: number): void {
  view.setUint16(offset + CHECKSUM, 0);
  view.setUint16(offset + CHECKSUM, foldChecksum(addWords(0, view, offset, length)));
}

/** The content of an echo message. Allocated once and reused. */
export class Echo {
  identifier = 0;
  sequence = 0;
  t1S = 0;
  t1Ns = 0;
  ssid = 0;
}

/** Hot: reads an echo reply. False for other messages, or when too short to be ours. */
export function readEchoReply(view: DataView, offset: number, length: number, family: 4 | 6, echo: Echo): boolean {
  if (length < ICMP_ECHO_BYTES) return false;
  return view.getUint16(offset) === (family === 4 ? EchoType.reply4 : EchoType.reply6) << 8 && read(view, offset, echo);
}

/** Reads a request of ours from a send stamp or an ICMP error. */
export function readEchoRequest(view: DataView, offset: number, length: number, family: 4 | 6, echo: Echo): boolean {
  if (length < ICMP_ECHO_BYTES) return false;
  const type = (family === 4 ? EchoType.request4 : EchoType.request6) << 8;
  return view.getUint16(offset) === type && read(view, offset, echo);
}

function read(view: DataView, offset: number, echo: Echo): boolean {
  echo.identifier = view.getUint16(offset + ICMP_IDENTIFIER);
  echo.sequence = view.getUint32(offset + SEQUENCE);
  echo.t1S = view.getUint32(offset + T1_S);
  echo.t1Ns = view.getUint32(offset + T1_NS);
  echo.ssid = view.getUint16(offset + SSID);
  return (echo.sequence & 0xffff) === view.getUint16(offset + SHORT_SEQUENCE);
}
