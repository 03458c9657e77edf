/** What a program that is not ours reads in our packets: Debian's tshark, with its decoder for TWAMP-Test, whose layout STAMP keeps. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { parseStampReply, StampReply, writeStampRequest } from '../../../src/wire/stamp.js';
import { run } from '../../lab/namespaces.js';
import { stampPacket } from '../../support/fakes/packets.js';
import { needs } from '../../support/harness/needs.js';
import { Fixture } from '../../support/harness/reflector.js';

const PORT = 8862;
const LINKTYPE_RAW = 101;
const fixture = new Fixture();
const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** A capture of the payloads as IPv4 and UDP packets, in the format of libpcap. */
function capture(payloads: readonly Uint8Array[]): Buffer {
  const file = Buffer.alloc(24);
  file.writeUInt32LE(0xa1b2c3d4, 0);
  file.writeUInt16LE(2, 4);
  file.writeUInt16LE(4, 6);
  file.writeUInt32LE(65_535, 16);
  file.writeUInt32LE(LINKTYPE_RAW, 20);
  const records = payloads.map((payload) => {
    const packet = Buffer.alloc(16 + 28);
    const length = 28 + payload.length;
    packet.writeUInt32LE(length, 8);
    packet.writeUInt32LE(length, 12);
    packet.set([0x45, 0, length >> 8, length & 255, 0, 1, 0, 0, 64, 17], 16);
    packet.set([127, 0, 0, 1, 127, 0, 0, 1], 28);
    packet.writeUInt16BE(PORT, 36);
    packet.writeUInt16BE(PORT, 38);
    packet.writeUInt16BE(8 + payload.length, 40);
    return Buffer.concat([packet, payload]);
  });
  return Buffer.concat([file, ...records]);
}

/** By packet: the fields that tshark finds in it. */
async function decode(payloads: readonly Uint8Array[], fields: readonly string[]): Promise<Record<string, string>[]> {
  const dir = mkdtempSync(join(tmpdir(), 'llama-tshark-'));
  try {
    const file = join(dir, 'packets.pcap');
    writeFileSync(file, capture(payloads));
    const asked = fields.flatMap((field) => ['-e', `twamp.test.${field}`]);
    const as = ['-d', `udp.port==${PORT},twamp.test`];
    const out = await run('tshark', ['-r', file, ...as, '-T', 'fields', '-E', 'separator=|', ...asked]);
    return out
      .trim()
      .split('\n')
      .map((line) => Object.fromEntries(line.split('|').map((value, i) => [fields[i], value])));
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** The Z bit stands there twice: the sender's too. */
const FIELDS = [
  'seq_number',
  'timestamp',
  'error_estimate.z',
  'mbz1',
  'receive_timestamp',
  'sender_seq_number',
  'sender_timestamp',
  'sender_error_estimate',
  'mbz2',
  'sender_ttl',
  'padding',
];
/** As tshark writes a time in UTC. */
const shown = (s: number, ns: number): RegExp => {
  const at = new Date(s * 1000);
  const month = at.toLocaleString('en-US', { month: 'short', timeZone: 'UTC' });
  const time = at.toISOString().slice(11, 19);
  return new RegExp(
    `^${month} +${at.getUTCDate()}, ${at.getUTCFullYear()} ${time}\\.${String(ns).padStart(9, '0')} UTC$`,
  );
};

describe('tshark reads our STAMP packets as TWAMP-Test', () => {
  before(function () {
    needs(this, 'tshark');
  });
  afterEach(() => fixture.closeAll());

  it('a request of ours', async () => {
    const bytes = new Uint8Array(44);
    writeStampRequest(viewOf(bytes), 0, 77, 1_763_700_000, 123_456_789, 0xbeef);
    const [request] = await decode([bytes], FIELDS);
    expect(request).to.include({
      seq_number: '77',
      'error_estimate.z': '1,0',
      mbz1: String(0xbeef),
      sender_seq_number: '0',
    });
    expect(request.timestamp).to.match(shown(1_763_700_000, 123_456_789));
  });

  it('a reply of our reflector: both numbers, all three times, the sender’s error estimate and TTL, the TLVs as padding', async () => {
    const { port } = await fixture.reflector({ stateful: { maxSessions: 10, timeoutMs: 60_000 } });
    const peer = await fixture.peer();
    // T1 as NTP: this tshark reads the sender's time as that, whatever the sender's Z says.
    const request = stampPacket(5, '80040004 B8000000', 0x1234);
    request.writeUInt32BE(1_763_700_000 + 2_208_988_800, 4);
    request.writeUInt32BE(0x8000_0000, 8);
    request.writeUInt16BE(0x8a01, 12);
    await peer.ask(stampPacket(4, '', 0x1234), port);
    const { bytes } = await peer.ask(request, port);
    const [reply] = await decode([bytes], FIELDS);
    expect(reply).to.include({
      seq_number: '1',
      sender_seq_number: '5',
      // The reply has the time format of the request.
      'error_estimate.z': '0,0',
      mbz1: String(0x1234),
      sender_error_estimate: String(0x8a01),
      mbz2: '0',
      sender_ttl: '64',
      padding: '00000000040004b8000000',
    });
    const times = new StampReply();
    expect(parseStampReply(viewOf(bytes), 0, bytes.length, times)).to.equal(true);
    expect(reply.receive_timestamp).to.match(shown(times.t2S, times.t2Ns));
    expect(reply.timestamp).to.match(shown(times.t3S, times.t3Ns));
    expect(reply.sender_timestamp).to.match(shown(1_763_700_000, 500_000_000));
  });
});
