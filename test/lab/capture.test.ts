/** The capture and its reader, with tshark as an independent witness. */

import { access } from 'node:fs/promises';
import { expect } from 'chai';
import { needs } from '../support/harness/needs.js';
import { Capture } from './capture.js';
import { run } from './namespaces.js';
import { A_ADDRESS, A_ADDRESS6, B_ADDRESSES, B_ADDRESSES6, Network } from './network.js';
import { canonical, readPcap, type StampPackets } from './pcap.js';
import { respond, send } from './tools.js';

const PORT = 7_000;
const FIELDS = ['frame.time_epoch', 'ip.src', 'ipv6.src', 'udp.srcport', 'udp.dstport', 'udp.length', 'udp.payload'];

describe('lab: capture', () => {
  let network: Network;

  before(async function () {
    needs(this, 'root', 'ip', 'nft', 'tcpdump');
    network = await Network.create();
    await respond(network, 'B', { port: PORT, addresses: [B_ADDRESSES[0], B_ADDRESSES6[0]] });
  });
  after(async () => {
    await network?.destroy();
  });

  it('a burst that has just ended is in the file to the last packet, in both directions', async () => {
    const capture = await Capture.start(network, 'A');
    await send(network, { target: B_ADDRESSES[0], port: PORT, flows: 32, perFlow: 100 });
    const packets = await capture.stop(A_ADDRESS);
    await capture.dispose();
    const seen = new Set<string>();
    for (let i = 0; i < packets.count; i++) {
      seen.add(`${packets.reply[i]} ${packets.senderPort[i]} ${packets.ssid[i]} ${packets.sequence[i]}`);
    }
    expect([packets.count, packets.skipped, seen.size]).to.deep.equal([6_400, 0, 6_400]);
  });

  it('stamps are in order, T1 to T3 lie between the times of their packets', async () => {
    const capture = await Capture.start(network, 'A');
    await send(network, { target: B_ADDRESSES[0], port: PORT, flows: 1, perFlow: 20 });
    const packets = await capture.stop(A_ADDRESS);
    await capture.dispose();
    const base = packets.seconds[0];
    const at = (seconds: Uint32Array, nanoseconds: Uint32Array, i: number): number =>
      (seconds[i] - base) * 1e9 + nanoseconds[i];
    const captured = (i: number): number => at(packets.seconds, packets.nanoseconds, i);
    for (let i = 1; i < packets.count; i++) expect(captured(i)).to.be.at.least(captured(i - 1));
    const replies = [...packets.reply.keys()].filter((i) => i < packets.count && packets.reply[i] === 1);
    expect(replies).to.have.length(20);
    for (const i of replies) {
      const request = [...packets.reply.keys()].find(
        (j) => packets.reply[j] === 0 && packets.sequence[j] === packets.sequence[i],
      ) as number;
      // Node's clock is read in µs and starts a little off the kernel's: a millisecond of slack for T1 to T3.
      const t1 = at(packets.t1Seconds, packets.t1Nanoseconds, i);
      const t2 = at(packets.t2Seconds, packets.t2Nanoseconds, i);
      const t3 = at(packets.t3Seconds, packets.t3Nanoseconds, i);
      expect(t1).to.equal(at(packets.t1Seconds, packets.t1Nanoseconds, request));
      expect(captured(request)).to.be.below(captured(i));
      expect(t1 - captured(request)).to.be.below(1e6);
      expect(t3).to.be.at.least(t2);
      expect(t3 - captured(i)).to.be.below(1e6);
    }
  });

  for (const [family, source, target] of [
    [4, A_ADDRESS, B_ADDRESSES[0]],
    [6, A_ADDRESS6, B_ADDRESSES6[0]],
  ] as const) {
    it(`tshark reads the same from an IPv${family} capture, field by field`, async function () {
      needs(this, 'tshark');
      const capture = await Capture.start(network, 'A');
      await send(network, { target: target, port: PORT, flows: 3, perFlow: 2 });
      const packets = await capture.stop(source);
      const fields = FIELDS.flatMap((field) => ['-e', field]);
      const lines = await run('tshark', ['-r', capture.file, '-T', 'fields', '-E', 'separator=,', ...fields]);
      await capture.dispose();
      const witness = lines.trim().split('\n');
      expect(packets.count).to.equal(12);
      expect(witness).to.have.length(12);
      for (const [i, line] of witness.entries()) expect(ours(packets, i, source)).to.deep.equal(theirs(line, source));
    });
  }

  it('an unfinished capture leaves no file behind when it is disposed of', async () => {
    const capture = await Capture.start(network, 'A');
    await capture.dispose();
    const exists = await access(capture.file).then(
      () => true,
      () => false,
    );
    expect(exists).to.equal(false);
  });
});

describe('pcap reader', () => {
  it('refuses files other than a capture of an Ethernet device, and one that was cut', () => {
    const file = Buffer.alloc(24);
    expect(() => readPcap(file, A_ADDRESS)).to.throw('magic');
    file.writeUInt32LE(0xa1b23c4d, 0);
    expect(() => readPcap(file, A_ADDRESS)).to.throw('link type 0');
    file.writeUInt32LE(1, 20);
    expect(readPcap(file, A_ADDRESS).count).to.equal(0);
    expect(() => readPcap(Buffer.concat([file, Buffer.alloc(7)]), A_ADDRESS)).to.throw('within a packet');
  });

  it('writes IPv6 addresses out in full', () => {
    expect(canonical('fd00:2::2')).to.equal('fd00:2:0:0:0:0:0:2');
    expect(canonical('::1')).to.equal('0:0:0:0:0:0:0:1');
    expect(canonical('fd00:0002:3:4:5:6:7:8')).to.equal('fd00:2:3:4:5:6:7:8');
  });
});

/** One packet as the reader saw it. */
function ours(packets: StampPackets, i: number, source: string): Record<string, unknown> {
  const reply = packets.reply[i] === 1;
  return {
    stamp: `${packets.seconds[i]}.${String(packets.nanoseconds[i]).padStart(9, '0')}`,
    source: reply ? packets.reflectors[packets.reflector[i]] : canonical(source),
    ports: reply
      ? [packets.reflectorPort[i], packets.senderPort[i]]
      : [packets.senderPort[i], packets.reflectorPort[i]],
    payloadBytes: packets.payloadBytes[i],
    ssid: packets.ssid[i],
    sequence: packets.sequence[i],
    t1: [packets.t1Seconds[i], packets.t1Nanoseconds[i]],
    t2: [packets.t2Seconds[i], packets.t2Nanoseconds[i]],
    t3: [packets.t3Seconds[i], packets.t3Nanoseconds[i]],
  };
}

/** The same from a line of tshark's, cut out of its hexadecimal payload by text. */
function theirs(line: string, source: string): Record<string, unknown> {
  const [stamp, ip, ip6, from, to, length, payload] = line.split(',');
  const address = canonical(ip === '' ? ip6 : ip);
  const reply = address !== canonical(source);
  const u32 = (offset: number): number => Number.parseInt(payload.slice(offset * 2, offset * 2 + 8), 16);
  const pair = (offset: number): number[] => [u32(offset), u32(offset + 4)];
  return {
    stamp,
    source: address,
    ports: [Number(from), Number(to)],
    payloadBytes: Number(length) - 8,
    ssid: Number.parseInt(payload.slice(28, 32), 16),
    sequence: u32(reply ? 24 : 0),
    t1: pair(reply ? 28 : 4),
    t2: reply ? pair(16) : [0, 0],
    t3: reply ? pair(4) : [0, 0],
  };
}
