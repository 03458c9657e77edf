import { expect } from 'chai';
import { addWords, foldChecksum } from '../../../src/wire/checksum.js';
import {
  checksumTcp4,
  readSynName,
  readTcpAnswer,
  synSequence,
  TCP_BYTES,
  TcpAnswer,
  writeTcpSyn,
} from '../../../src/wire/tcpSyn.js';
import { seededRandom } from '../../support/harness/random.js';

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const octets = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'));
const MASK = 0x5a5a_a5a5;

function syn(): Uint8Array {
  const bytes = new Uint8Array(TCP_BYTES);
  writeTcpSyn(viewOf(bytes), 0, 40_000, 443, synSequence(0xbeef, 0x0007_1234, MASK));
  return bytes;
}

/** A segment from port 443 with these flags that acknowledges the SYN. */
function answer(flags: number, acknowledged = (synSequence(0xbeef, 0x1234, MASK) + 1) >>> 0): Uint8Array {
  const bytes = new Uint8Array(TCP_BYTES);
  const view = viewOf(bytes);
  writeTcpSyn(view, 0, 443, 40_000, 99);
  view.setUint32(8, acknowledged);
  view.setUint8(13, flags);
  return bytes;
}

describe('TCP SYN probes', () => {
  it('have the octets of RFC 9293 figure 1', () => {
    expect(syn()).to.deep.equal(octets('9C40 01BB E4B5B791 00000000 5002 0400 0000 0000'));
  });

  it('make pseudo-header and segment sum to zero with their checksum', () => {
    const addresses = octets('0A010002 0A020002');
    const bytes = syn();
    checksumTcp4(viewOf(bytes), 0, bytes.length, viewOf(addresses), 0, 4);
    const pseudo = viewOf(octets('0A010002 0A020002 0006 0014'));
    expect(foldChecksum(addWords(addWords(0, pseudo, 0, 12), viewOf(bytes), 0, bytes.length))).to.equal(0);
  });

  it('are identified by SYN+ACK and RST+ACK alike', () => {
    for (const [flags, open] of [
      [0x12, true],
      [0x14, false],
    ] as const) {
      const bytes = answer(flags);
      const read = new TcpAnswer();
      expect(readTcpAnswer(viewOf(bytes), 0, bytes.length, MASK, read)).to.equal(true);
      expect({ ...read }).to.deep.equal({
        sourcePort: 443,
        destinationPort: 40_000,
        ssid: 0xbeef,
        sequence: 0x1234,
        open,
      });
    }
  });

  it('are identified by an acknowledgment that wraps around', () => {
    const mask = (0xffff_ffff ^ ((0xbeef << 16) | 0x1234)) >>> 0;
    expect(synSequence(0xbeef, 0x1234, mask)).to.equal(0xffff_ffff);
    const read = new TcpAnswer();
    expect(readTcpAnswer(viewOf(answer(0x12, 0)), 0, TCP_BYTES, mask, read)).to.equal(true);
    expect([read.ssid, read.sequence]).to.deep.equal([0xbeef, 0x1234]);
  });

  it('are not answered by a SYN, a bare ACK, a bare RST, a FIN or data', () => {
    for (const flags of [0x02, 0x10, 0x04, 0x11, 0x18 | 0x01, 0x16, 0x00])
      expect(readTcpAnswer(viewOf(answer(flags)), 0, TCP_BYTES, MASK, new TcpAnswer()), `${flags}`).to.equal(false);
  });

  it('are identified by their first 8 bytes, which every ICMP error quotes', () => {
    const read = new TcpAnswer();
    expect(readSynName(viewOf(syn().slice(0, 8)), 0, 8, MASK, read)).to.equal(true);
    expect([read.ssid, read.sequence, read.sourcePort]).to.deep.equal([0xbeef, 0x1234, 40_000]);
    expect(readSynName(viewOf(syn().slice(0, 7)), 0, 7, MASK, read)).to.equal(false);
  });

  it('are read within bounds from a million mutated and cut segments', () => {
    const { below, u32 } = seededRandom(8);
    const read = new TcpAnswer();
    const whole = answer(0x12);
    let count = 0;
    for (let i = 0; i < 1_000_000; i++) {
      const bytes = whole.slice();
      bytes[below(bytes.length)] = u32() & 0xff;
      const length = i % 2 === 0 ? bytes.length : below(bytes.length + 1);
      const view = new DataView(bytes.buffer, 0, length);
      readSynName(view, 0, length, MASK, read);
      if (readTcpAnswer(view, 0, length, MASK, read)) count++;
    }
    expect(count).to.be.within(300_000, 530_000);
  });
});
