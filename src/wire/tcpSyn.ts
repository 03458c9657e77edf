/**
 * A TCP SYN as a probe (RFC 9293 section 3.1), and its answers: SYN+ACK from an open port, RST+ACK from a closed one.
 * Both acknowledge the SYN's sequence number plus one, so the sequence number identifies the probe.
 *
 * | offset | field |
 * | ---: | --- |
 * | 0 | source port u16 |
 * | 2 | destination port u16 |
 * | 4 | sequence number u32: session identifier u16 and the lowest 16 bits of the probe's number, both covered by a mask |
 * | 8 | acknowledgment number u32 |
 * | 12 | data offset 4 bits (in words), zeros 4 bits, flags u8 |
 * | 14 | window u16 |
 * | 16 | checksum u16 |
 * | 18 | urgent pointer u16 |
 *
 * The mask is random per sender, so a host that has not seen our probes can't answer them. Pure functions over a
 * segment at an offset, within the segment and without allocation.
 */

import { addWords, foldChecksum } from './checksum.js';

export const TCP_BYTES = 20;
const TCP_SOURCE_PORT = 0;
const TCP_SEQUENCE = 4;
const TCP_DESTINATION_PORT = 2;
const TCP_ACKNOWLEDGMENT = 8;
const TCP_OFFSET_AND_FLAGS = 12;
const TCP_WINDOW = 14;
const TCP_CHECKSUM = 16;

const PROTOCOL_TCP = 6;
const FIN = 0x01;
const SYN = 0x02;
const RST = 0x04;
const ACK = 0x10;
const HEADER_WORDS = 5;
/** Arbitrary: the connection is never established. */
const WINDOW = 1024;

/** The sequence number of a probe's SYN. */
export function synSequence(ssid: number, sequence: number, mask: number): number {
  return ((((ssid & 0xffff) << 16) | (sequence & 0xffff)) ^ mask) >>> 0;
}

/** Hot: writes a SYN without its checksum. */
export function writeTcpSyn(
  view: DataView,
  offset: number,
  sourcePort: number,
  destinationPort: number,
  sequenceNumber: number,
): void {
  view.setUint16(offset + TCP_SOURCE_PORT, sourcePort);
  view.setUint16(offset + TCP_DESTINATION_PORT, destinationPort);
  view.setUint32(offset + TCP_SEQUENCE, sequenceNumber);
  view.setUint32(offset + TCP_ACKNOWLEDGMENT, 0);
  view.setUint16(offset + TCP_OFFSET_AND_FLAGS, (HEADER_WORDS << 12) | SYN);
  view.setUint16(offset + TCP_WINDOW, WINDOW);
  view.setUint32(offset + TCP_CHECKSUM, 0);
}

/**
 * Hot: writes the checksum of a segment of `length` bytes over IPv4; `addresses` has source and destination, 4 bytes
 * each.
 */
export function checksumTcp4(
  view: DataView,
  offset: number,
  length: number,
  addresses: DataView,
  source: number,
  destination: number,
): void {
  view.setUint16(offset + TCP_CHECKSUM, 0);
  let sum = PROTOCOL_TCP + length;
  sum = addWords(sum, addresses, source, 4);
  sum = addWords(sum, addresses, destination, 4);
  view.setUint16(offset + TCP_CHECKSUM, foldChecksum(addWords(sum, view, offset, length)));
}

/** The content of an answer to a SYN. Allocated once and reused. */
export class TcpAnswer {
  sourcePort = 0;
  destinationPort = 0;
  ssid = 0;
  /** The lowest 16 bits of the probe's number. */
  sequence = 0;
  /** True: SYN+ACK, the port is open; false: RST. */
  open = false;
}

/** Hot: reads a segment that answers a SYN. False for other segments. */
export function readTcpAnswer(
  view: DataView,
  offset: number,
  length: number,
  mask: number,
  answer: TcpAnswer,
): boolean {
  if (length < TCP_BYTES) return false;
  const flags = view.getUint8(offset + TCP_OFFSET_AND_FLAGS + 1) & (FIN | SYN | RST | ACK);
  if (flags !== (SYN | ACK) && flags !== (RST | ACK)) return false;
  answer.open = flags === (SYN | ACK);
  answer.sourcePort = view.getUint16(offset + TCP_SOURCE_PORT);
  answer.destinationPort = view.getUint16(offset + TCP_DESTINATION_PORT);
  const name = ((view.getUint32(offset + TCP_ACKNOWLEDGMENT) - 1) ^ mask) >>> 0;
  answer.ssid = name >>> 16;
  answer.sequence = name & 0xffff;
  return true;
}

/**
 * The identity in a SYN of ours from a send stamp or an ICMP error: fills `ssid`, `sequence` and the source port. At
 * least 8 bytes.
 */
export function readSynName(view: DataView, offset: number, length: number, mask: number, answer: TcpAnswer): boolean {
  if (length < TCP_SEQUENCE + 4) return false;
  answer.sourcePort = view.getUint16(offset + TCP_SOURCE_PORT);
  answer.destinationPort = view.getUint16(offset + TCP_DESTINATION_PORT);
  const name = (view.getUint32(offset + TCP_SEQUENCE) ^ mask) >>> 0;
  answer.ssid = name >>> 16;
  answer.sequence = name & 0xffff;
  return true;
}
