/** The comparison with a capture, on made-up packets whose errors are known. */

import { expect } from 'chai';
import { readPcap } from './pcap.js';
import { compareWithCapture, type ProbeColumns, quantile } from './witness.js';

const SENDER = '10.1.0.2';
const REFLECTOR_PORT = 8_100;
const START_S = 1_700_000_000;
/** All times below are ns from `START_S`. */
const TIMES = { wireNs: 30_000, residenceNs: 4_000 };

interface Made {
  readonly port: number;
  readonly ssid: number;
  readonly sequence: number;
  readonly sentNs: number;
  readonly receivedNs: number;
}

describe('comparison of RTTs with a capture', () => {
  it('finds the error of each probe, its quantiles and its bias', () => {
    const made = makeProbes(1_000);
    // Errors of -500 to 499 ns, each once.
    const comparison = compareWithCapture(
      capture(made, 1),
      probes(made, (i) => i - 500),
    );
    expect(comparison.unmatched).to.equal(0);
    expect(comparison.errorsNs).to.have.length(1_000);
    expect(comparison.medianNs).to.equal(250);
    expect(comparison.p99Ns).to.equal(495);
    expect(comparison.maxNs).to.equal(500);
    expect(comparison.biasNs).to.be.closeTo(-0.5, 1e-9);
  });

  it('reads a capture with microseconds, and is off by no more than that', () => {
    const made = makeProbes(100);
    const comparison = compareWithCapture(
      capture(made, 1_000),
      probes(made, () => 0),
    );
    expect(comparison.maxNs).to.be.at.most(1_000);
  });

  it('leaves out probes with a missing packet, and counts them', () => {
    const made = makeProbes(10);
    const comparison = compareWithCapture(
      capture(made.slice(0, 7), 1),
      probes(made, () => 3),
    );
    expect(comparison.unmatched).to.equal(3);
    expect([...comparison.errorsNs]).to.deep.equal(new Array(7).fill(3));
  });

  it('refuses a packet that is there twice', () => {
    const made = makeProbes(2);
    expect(() =>
      compareWithCapture(
        capture([...made, made[0]], 1),
        probes(made, () => 0),
      ),
    ).to.throw('captured twice');
  });

  it('a quantile of nothing is no number', () => {
    expect(quantile(new Float64Array(0), 0.5)).to.be.NaN;
    expect(quantile(Float64Array.of(1, 2, 3), 0.5)).to.equal(2);
    expect(quantile(Float64Array.of(1, 2, 3), 1)).to.equal(3);
  });
});

/** Flows with several ports and SSIDs; the stamps run over the change of a second. */
function makeProbes(count: number): Made[] {
  return Array.from({ length: count }, (_, i) => {
    const sentNs = 999_000_000 + i * 10_007;
    const receivedNs = sentNs + TIMES.wireNs + TIMES.residenceNs + (i % 97) * 11;
    return { port: 40_000 + (i % 5), ssid: 1 + (i % 3), sequence: i, sentNs, receivedNs };
  });
}

function probes(made: readonly Made[], errorNs: (i: number) => number): ProbeColumns {
  return {
    count: made.length,
    senderPort: Uint16Array.from(made, ({ port }) => port),
    ssid: Uint16Array.from(made, ({ ssid }) => ssid),
    sequence: Uint32Array.from(made, ({ sequence }) => sequence),
    rttNs: Float64Array.from(made, ({ sentNs, receivedNs }, i) => receivedNs - sentNs - TIMES.residenceNs + errorNs(i)),
  };
}

/** A capture file with a request and a reply of each probe, stamped in units of so many ns, as the reader has it. */
function capture(made: readonly Made[], unitNs: 1 | 1_000): ReturnType<typeof readPcap> {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(unitNs === 1 ? 0xa1b23c4d : 0xa1b2c3d4, 0);
  header.writeUInt32LE(1, 20);
  const packets = made.flatMap((probe) => [packet(probe, false, unitNs), packet(probe, true, unitNs)]);
  return readPcap(Buffer.concat([header, ...packets]), SENDER);
}

function packet(probe: Made, reply: boolean, unitNs: number): Buffer {
  const bytes = Buffer.alloc(16 + 14 + 20 + 8 + 44);
  const stampNs = reply ? probe.receivedNs : probe.sentNs;
  bytes.writeUInt32LE(START_S + Math.floor(stampNs / 1e9), 0);
  bytes.writeUInt32LE(Math.floor((stampNs % 1e9) / unitNs), 4);
  bytes.writeUInt32LE(bytes.length - 16, 8);
  bytes.writeUInt32LE(bytes.length - 16, 12);
  const frame = bytes.subarray(16);
  frame.writeUInt16BE(0x0800, 12);
  const ip = frame.subarray(14);
  ip[0] = 0x45;
  ip[9] = 17;
  Buffer.from([10, 1, 0, 2]).copy(ip, reply ? 16 : 12);
  Buffer.from([10, 2, 0, 2]).copy(ip, reply ? 12 : 16);
  const udp = ip.subarray(20);
  udp.writeUInt16BE(probe.port, reply ? 2 : 0);
  udp.writeUInt16BE(REFLECTOR_PORT, reply ? 0 : 2);
  udp.writeUInt16BE(8 + 44, 4);
  const stamp = udp.subarray(8);
  stamp.writeUInt16BE(probe.ssid, 14);
  stamp.writeUInt32BE(probe.sequence, reply ? 24 : 0);
  if (reply) {
    // T2 just before the change of a second, T3 behind it.
    stamp.writeUInt32BE(START_S, 16);
    stamp.writeUInt32BE(999_999_000, 20);
    stamp.writeUInt32BE(START_S + 1, 4);
    stamp.writeUInt32BE(TIMES.residenceNs - 1_000, 8);
  }
  return bytes;
}
