import { expect } from 'chai';
import { addWords, foldChecksum } from '../../../src/wire/checksum.js';
import {
  checksumEcho,
  Echo,
  ICMP_ECHO_BYTES,
  readEchoReply,
  readEchoRequest,
  writeEchoRequest,
} from '../../../src/wire/icmpEcho.js';
import { seededRandom } from '../../support/harness/random.js';

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const octets = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'));

describe('the Internet checksum', () => {
  it('is the complement in the example of RFC 1071 section 3', () => {
    expect(foldChecksum(addWords(0, viewOf(octets('0001 F203 F4F5 F6F7')), 0, 8))).to.equal(0xffff - 0xddf2);
  });

  it('counts an odd last byte as the first of its word', () => {
    expect(addWords(0, viewOf(octets('0102 03')), 0, 3)).to.equal(0x0102 + 0x0300);
  });
});

describe('ICMP echo', () => {
  const request = (family: 4 | 6): Uint8Array => {
    const bytes = new Uint8Array(ICMP_ECHO_BYTES);
    writeEchoRequest(viewOf(bytes), 0, family, 0x1234, 0x0001_0002, 0x6900_000a, 999_999_999, 0xbeef);
    return bytes;
  };

  it('writes a request with the octets of RFC 792 and a checksum that makes the sum zero', () => {
    const bytes = request(4);
    expect(bytes).to.deep.equal(octets('0800 0000 1234 0002 00010002 6900000A 3B9AC9FF BEEF 0000'));
    checksumEcho(viewOf(bytes), 0, bytes.length);
    expect(foldChecksum(addWords(0, viewOf(bytes), 0, bytes.length))).to.equal(0);
  });

  it('writes a request with the type of RFC 4443 over IPv6', () => {
    expect([...request(6).subarray(0, 2)]).to.deep.equal([128, 0]);
  });

  it('reads the identity from a reply, and refuses a request or another type', () => {
    for (const family of [4, 6] as const) {
      const bytes = request(family);
      const echo = new Echo();
      expect(readEchoReply(viewOf(bytes), 0, bytes.length, family, echo)).to.equal(false);
      expect(readEchoRequest(viewOf(bytes), 0, bytes.length, family, echo)).to.equal(true);
      bytes[0] = family === 4 ? 0 : 129;
      expect(readEchoReply(viewOf(bytes), 0, bytes.length, family, echo)).to.equal(true);
      expect({ ...echo }).to.deep.equal({
        identifier: 0x1234,
        sequence: 0x0001_0002,
        t1S: 0x6900_000a,
        t1Ns: 999_999_999,
        ssid: 0xbeef,
      });
      bytes[0] = 3;
      expect(readEchoReply(viewOf(bytes), 0, bytes.length, family, echo)).to.equal(false);
    }
  });

  it('reads a million mutated and cut messages within their bounds', () => {
    const { below, u32 } = seededRandom(7);
    const echo = new Echo();
    const whole = request(4);
    whole[0] = 0;
    let read = 0;
    for (let i = 0; i < 1_000_000; i++) {
      const bytes = whole.slice();
      bytes[below(bytes.length)] = u32() & 0xff;
      const length = i % 2 === 0 ? bytes.length : below(bytes.length + 1);
      if (readEchoReply(new DataView(bytes.buffer, 0, length), 0, length, 4, echo)) read++;
    }
    expect(read).to.be.within(300_000, 520_000);
  });
});
