/**
 * Reads a capture file of STAMP packets into typed columns. A reader of its own of some lines, so that hundreds of
 * thousands of packets can be compared one by one; tshark bears witness for it in its test.
 *
 * File: header of 24 bytes (magic, version, zone, accuracy, snap length, link type), then per packet a header of 16
 * bytes (seconds, fraction, bytes in the file, bytes on the wire; 32 bits each) and the packet. Byte order and unit of
 * the fraction by the magic.
 *
 * | magic, read little-endian | byte order | fraction |
 * | --- | --- | --- |
 * | a1b2c3d4 | little | µs |
 * | a1b23c4d | little | ns |
 */

const FILE_HEADER = 24;
const PACKET_HEADER = 16;
const MAGIC_US = 0xa1b2c3d4;
const MAGIC_NS = 0xa1b23c4d;
const LINK_ETHERNET = 1;

const ETHER_HEADER = 14;
const ETHER_IPV4 = 0x0800;
const ETHER_IPV6 = 0x86dd;
const IPV6_HEADER = 40;
const UDP = 17;
const UDP_HEADER = 8;

/** One row per UDP packet to or from the sender's address, in the order of the file. */
export interface StampPackets {
  readonly count: number;
  /** Packets of the file that are not UDP, or neither to nor from the sender. */
  readonly skipped: number;
  /** Capture stamp (CLOCK_REALTIME), in two columns: a double does not hold epoch nanoseconds. */
  readonly seconds: Uint32Array;
  readonly nanoseconds: Uint32Array;
  /** 0: from the sender, 1: to the sender. */
  readonly reply: Uint8Array;
  readonly senderPort: Uint16Array;
  readonly reflectorPort: Uint16Array;
  /** Index into `reflectors`. */
  readonly reflector: Uint16Array;
  /** Addresses as text; IPv6 in full, without leading zeros or `::`. */
  readonly reflectors: readonly string[];
  readonly dscp: Uint8Array;
  readonly ttl: Uint8Array;
  /** UDP payload as on the wire. */
  readonly payloadBytes: Uint16Array;
  /**
   * The sender's sequence number: bytes 0-3 of a request, 24-27 of a reply. Zero, as all that follow, where the packet
   * is too short.
   */
  readonly sequence: Uint32Array;
  readonly ssid: Uint16Array;
  /** Timestamps as in the packet (seconds and nanoseconds in PTP format). T2 and T3 are zero in a request. */
  readonly t1Seconds: Uint32Array;
  readonly t1Nanoseconds: Uint32Array;
  readonly t2Seconds: Uint32Array;
  readonly t2Nanoseconds: Uint32Array;
  readonly t3Seconds: Uint32Array;
  readonly t3Nanoseconds: Uint32Array;
}

/** Where a UDP datagram lies in a frame. */
interface Datagram {
  readonly source: string;
  readonly destination: string;
  readonly tos: number;
  readonly ttl: number;
  /** Offset of the UDP header. */
  readonly udp: number;
}

function columns(rows: number, reflectors: string[]) {
  const u32 = (): Uint32Array => new Uint32Array(rows);
  const u16 = (): Uint16Array => new Uint16Array(rows);
  const u8 = (): Uint8Array => new Uint8Array(rows);
  return {
    ...{ seconds: u32(), nanoseconds: u32(), reply: u8(), senderPort: u16(), reflectorPort: u16(), reflector: u16() },
    ...{ reflectors, dscp: u8(), ttl: u8(), payloadBytes: u16(), sequence: u32(), ssid: u16() },
    ...{ t1Seconds: u32(), t1Nanoseconds: u32(), t2Seconds: u32(), t2Nanoseconds: u32() },
    ...{ t3Seconds: u32(), t3Nanoseconds: u32() },
  };
}

/** Throws when it is not a capture of an Ethernet device in little-endian order (as tcpdump writes here). */
export function readPcap(file: Buffer, senderAddress: string): StampPackets {
  const magic = file.readUInt32LE(0);
  if (magic !== MAGIC_US && magic !== MAGIC_NS)
    throw new Error(`pcap magic ${magic.toString(16)}: expected a1b2c3d4 or a1b23c4d`);
  const link = file.readUInt32LE(20);
  if (link !== LINK_ETHERNET) throw new Error(`pcap link type ${link}: expected 1 (Ethernet)`);
  const fractionNs = magic === MAGIC_NS ? 1 : 1000;
  const sender = canonical(senderAddress);

  const frames = frameOffsets(file);
  const out = columns(frames.length, []);
  const reflectorIndex = new Map<string, number>();
  let row = 0;
  for (const at of frames) {
    const frame = file.subarray(at + PACKET_HEADER, at + PACKET_HEADER + file.readUInt32LE(at + 8));
    const datagram = findUdp(frame);
    if (datagram === undefined) continue;
    const reply = datagram.destination === sender;
    if (!reply && datagram.source !== sender) continue;
    out.seconds[row] = file.readUInt32LE(at);
    out.nanoseconds[row] = file.readUInt32LE(at + 4) * fractionNs;
    out.reply[row] = reply ? 1 : 0;
    out.senderPort[row] = frame.readUInt16BE(datagram.udp + (reply ? 2 : 0));
    out.reflectorPort[row] = frame.readUInt16BE(datagram.udp + (reply ? 0 : 2));
    const other = reply ? datagram.source : datagram.destination;
    if (!reflectorIndex.has(other)) reflectorIndex.set(other, out.reflectors.push(other) - 1);
    out.reflector[row] = reflectorIndex.get(other) as number;
    out.dscp[row] = datagram.tos >> 2;
    out.ttl[row] = datagram.ttl;
    out.payloadBytes[row] = frame.readUInt16BE(datagram.udp + 4) - UDP_HEADER;
    readStamp(out, row, frame.subarray(datagram.udp + UDP_HEADER), reply);
    row++;
  }
  return { ...out, count: row, skipped: frames.length - row };
}

function frameOffsets(file: Buffer): number[] {
  const offsets: number[] = [];
  let at = FILE_HEADER;
  while (at + PACKET_HEADER <= file.length) {
    const next = at + PACKET_HEADER + file.readUInt32LE(at + 8);
    if (next > file.length) break;
    offsets.push(at);
    at = next;
  }
  if (at !== file.length) throw new Error(`pcap ends within a packet, at byte ${at} of ${file.length}`);
  return offsets;
}

/** Undefined for anything but a whole UDP header behind IPv4 (no fragment) or IPv6 (no extension header). */
function findUdp(frame: Buffer): Datagram | undefined {
  const type = frame.readUInt16BE(12);
  const ip = frame.subarray(ETHER_HEADER);
  if (type === ETHER_IPV4) {
    const udp = ETHER_HEADER + (ip[0] & 15) * 4;
    if (ip[9] !== UDP || (ip.readUInt16BE(6) & 0x3fff) !== 0 || frame.length < udp + UDP_HEADER) return undefined;
    return { source: ipv4(ip, 12), destination: ipv4(ip, 16), tos: ip[1], ttl: ip[8], udp };
  }
  if (type === ETHER_IPV6) {
    const udp = ETHER_HEADER + IPV6_HEADER;
    if (ip[6] !== UDP || frame.length < udp + UDP_HEADER) return undefined;
    const tos = (ip.readUInt16BE(0) >> 4) & 255;
    return { source: ipv6(ip, 8), destination: ipv6(ip, 24), tos, ttl: ip[7], udp };
  }
  return undefined;
}

function readStamp(out: ReturnType<typeof columns>, row: number, payload: Buffer, reply: boolean): void {
  if (payload.length < (reply ? 41 : 16)) return;
  const word = (offset: number): number => payload.readUInt32BE(offset);
  out.ssid[row] = payload.readUInt16BE(14);
  if (!reply) {
    out.sequence[row] = word(0);
    out.t1Seconds[row] = word(4);
    out.t1Nanoseconds[row] = word(8);
    return;
  }
  out.t3Seconds[row] = word(4);
  out.t3Nanoseconds[row] = word(8);
  out.t2Seconds[row] = word(16);
  out.t2Nanoseconds[row] = word(20);
  out.sequence[row] = word(24);
  out.t1Seconds[row] = word(28);
  out.t1Nanoseconds[row] = word(32);
}

function ipv4(bytes: Buffer, at: number): string {
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
}

function ipv6(bytes: Buffer, at: number): string {
  return Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(at + 2 * i).toString(16)).join(':');
}

/** The same text form as the columns have. */
export function canonical(address: string): string {
  if (!address.includes(':')) return address;
  const [head, tail] = address.split('::').map((part) => part.split(':').filter((word) => word !== ''));
  const middle = tail === undefined ? [] : new Array<string>(8 - head.length - tail.length).fill('0');
  return [...head, ...middle, ...(tail ?? [])].map((word) => Number.parseInt(word, 16).toString(16)).join(':');
}
