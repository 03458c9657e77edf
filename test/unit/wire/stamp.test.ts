import { expect } from 'chai';
import {
  checkStampRequest,
  LLAMA_ERROR_ESTIMATE,
  parseStampReply,
  reflectStamp,
  STAMP_BYTES,
  STAMP_MIN_BYTES,
  STAMP_SSID,
  StampFault,
  StampReply,
  stampSequence,
  stampT3,
  synchronisedErrorEstimate,
  writeStampRequest,
} from '../../../src/wire/stamp.js';
import { fractionOfNanoseconds, ntpSecondsOfUnix } from '../../../src/wire/timestamps.js';
import { seededRandom } from '../../support/harness/random.js';

const NOW_S = 0x6900_0000;

/** Octets as in the figures of RFC 8762: hexadecimal, spaces and line breaks only for the reader. */
const octets = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'));
const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

// RFC 8762 figure 2 with the SSID of RFC 8972 figure 1.
const REQUEST = octets(`
  01020304
  6900000A 075BCD15
  4001 BEEF
  00000000 00000000 00000000 00000000 00000000 00000000 00000000`);

// RFC 8762 figure 4 with the SSID of RFC 8972 figure 2.
const REPLY = octets(`
  01020304
  6900000B 00000064
  4001 BEEF
  6900000A 3B9AC9FF
  01020304
  6900000A 075BCD15
  4001 0000
  FE 000000`);

describe('STAMP packets', () => {
  it('writes a request with the octets of RFC 8762 figure 2', () => {
    const bytes = new Uint8Array(STAMP_BYTES);
    writeStampRequest(viewOf(bytes), 0, 0x01020304, 0x6900_000a, 123_456_789, 0xbeef);
    expect(bytes).to.deep.equal(REQUEST);
    expect(stampSequence(viewOf(bytes), 0)).to.equal(0x01020304);
    expect(viewOf(bytes).getUint16(STAMP_SSID)).to.equal(0xbeef);
  });

  it('turns a request in place into the octets of RFC 8762 figure 4', () => {
    const bytes = REQUEST.slice();
    reflectStamp(viewOf(bytes), 0, bytes.length, 0x01020304, 0x6900_000a, 999_999_999, 254);
    stampT3(viewOf(bytes), 0, 0x6900_000b, 100);
    expect(bytes).to.deep.equal(REPLY);
  });

  it('encodes a synchronised clock with S, Z and its maximum error, at most 1 % more', () => {
    for (const errorS of [0, 1e-9, 2.4e-10, 1e-6, 0.0005, 0.001234, 0.1, 1, 16, 3600]) {
      const estimate = synchronisedErrorEstimate(errorS);
      expect(estimate >> 14).to.equal(3);
      const written = (estimate & 0xff) * 2 ** (((estimate >> 8) & 0x3f) - 32);
      expect(estimate & 0xff).to.be.greaterThan(0);
      expect(written).to.be.at.least(errorS);
      expect(written).to.be.at.most(errorS * 1.01 + 2 ** -32);
    }
    expect(synchronisedErrorEstimate(1).toString(16), '128 * 2^-7').to.equal('d980');
    expect(synchronisedErrorEstimate(1e300) & 0x3fff).to.equal(0x3fff);
  });

  it('numbers a stateful reply separately from the sender’s number', () => {
    const bytes = REQUEST.slice();
    reflectStamp(viewOf(bytes), 0, bytes.length, 7, NOW_S, 0, 64);
    const reply = new StampReply();
    expect(parseStampReply(viewOf(bytes), 0, bytes.length, reply)).to.equal(true);
    expect(reply.sequence).to.equal(7);
    expect(reply.senderSequence).to.equal(0x01020304);
  });

  it('reads every field of a reply', () => {
    const reply = new StampReply();
    expect(parseStampReply(viewOf(REPLY), 0, REPLY.length, reply)).to.equal(true);
    expect({ ...reply }).to.deep.equal({
      ok: true,
      sequence: 0x01020304,
      t3S: 0x6900_000b,
      t3Ns: 100,
      errorEstimate: LLAMA_ERROR_ESTIMATE,
      ssid: 0xbeef,
      t2S: 0x6900_000a,
      t2Ns: 999_999_999,
      senderSequence: 0x01020304,
      t1S: 0x6900_000a,
      t1Ns: 123_456_789,
      senderErrorEstimate: LLAMA_ERROR_ESTIMATE,
      senderTtl: 254,
    });
  });

  it('reads a TWAMP-Light reply of 41 bytes with NTP time, and leaves T1 raw', () => {
    const bytes = octets(`
      00000005
      ED000000 80000000
      0001 0000
      ECFFFFFF 40000000
      00000005
      6900000A 075BCD15
      4001 0000
      40`);
    expect(bytes.length).to.equal(STAMP_MIN_BYTES);
    const reply = new StampReply();
    expect(parseStampReply(viewOf(bytes), 0, bytes.length, reply)).to.equal(true);
    expect([reply.t3S, reply.t3Ns]).to.deep.equal([0xed00_0000 - 2_208_988_800, 500_000_000]);
    expect([reply.t2S, reply.t2Ns]).to.deep.equal([0xecff_ffff - 2_208_988_800, 250_000_000]);
    expect([reply.t1S, reply.t1Ns]).to.deep.equal([0x6900_000a, 123_456_789]);
    expect(reply.senderTtl).to.equal(0x40);
    expect(reply.ssid).to.equal(0);
  });

  it('reads all except the TTL from a reply of 38 to 40 bytes', () => {
    for (const length of [38, 39, 40]) {
      const reply = new StampReply();
      expect(parseStampReply(viewOf(REPLY), 0, length, reply)).to.equal(true);
      expect(reply).to.include({ senderTtl: 0, senderSequence: 0x01020304, senderErrorEstimate: LLAMA_ERROR_ESTIMATE });
    }
  });

  it('answers a request with NTP time in NTP time, and recognises its returned reply', () => {
    const bytes = REQUEST.slice();
    viewOf(bytes).setUint16(12, 0x0001);
    reflectStamp(viewOf(bytes), 0, bytes.length, 7, NOW_S, 250_000_000, 64);
    stampT3(viewOf(bytes), 0, NOW_S, 500_000_000);
    const reply = new StampReply();
    expect(parseStampReply(viewOf(bytes), 0, bytes.length, reply)).to.equal(true);
    expect(reply).to.include({ t2S: NOW_S, t2Ns: 250_000_000, t3S: NOW_S, t3Ns: 500_000_000, errorEstimate: 1 });
    expect(viewOf(bytes).getUint32(4)).to.equal((NOW_S + 2_208_988_800) >>> 0);
    reflectStamp(viewOf(bytes), 0, bytes.length, 7, NOW_S, 0, 64);
    expect(checkStampRequest(viewOf(bytes), 0, bytes.length, NOW_S)).to.equal(StampFault.reply);
  });

  it('answers a request of 41 to 43 bytes with the same length, without touching later bytes', () => {
    for (let length = STAMP_MIN_BYTES; length < STAMP_BYTES; length++) {
      const bytes = new Uint8Array(STAMP_BYTES).fill(0xaa);
      bytes.set(REQUEST.subarray(0, length));
      reflectStamp(viewOf(bytes), 0, length, 0x01020304, 0x6900_000a, 999_999_999, 254);
      stampT3(viewOf(bytes), 0, 0x6900_000b, 100);
      expect(bytes.subarray(0, length)).to.deep.equal(REPLY.subarray(0, length));
      expect([...bytes.subarray(length)].every((byte) => byte === 0xaa)).to.equal(true);
    }
  });

  it('zeroes random padding inside the base packet, and keeps the bytes after it', () => {
    const bytes = new Uint8Array(60).fill(0x55);
    bytes.set(REQUEST.subarray(0, 16));
    reflectStamp(viewOf(bytes), 0, bytes.length, 1, NOW_S, 1, 9);
    expect([...bytes.subarray(38, 44)]).to.deep.equal([0, 0, 9, 0, 0, 0]);
    expect([...bytes.subarray(44)].every((byte) => byte === 0x55)).to.equal(true);
  });

  it('refuses a reply below 38 bytes, or with nanoseconds of a second or more', () => {
    const reply = new StampReply();
    expect(parseStampReply(viewOf(REPLY), 0, 37, reply)).to.equal(false);
    expect(reply.ok).to.equal(false);
    for (const at of [8, 20]) {
      const bytes = REPLY.slice();
      viewOf(bytes).setUint32(at, 1_000_000_000);
      expect(parseStampReply(viewOf(bytes), 0, bytes.length, reply), `octet ${at}`).to.equal(false);
    }
  });

  it('distinguishes requests from too short packets and from answers to our own reply', () => {
    const check = (bytes: Uint8Array, length = bytes.length) => checkStampRequest(viewOf(bytes), 0, length, NOW_S);
    expect(check(REQUEST)).to.equal(StampFault.none);
    expect(check(REQUEST, 41)).to.equal(StampFault.none);
    expect(check(REQUEST, 40)).to.equal(StampFault.tooShort);
    expect(check(new Uint8Array(44))).to.equal(StampFault.none);
    expect(check(REPLY)).to.equal(StampFault.reply);
  });

  it('keeps every field in round trips of random values, in both time formats', () => {
    const random = seededRandom(3);
    const bytes = new Uint8Array(64);
    const view = viewOf(bytes);
    const reply = new StampReply();
    for (let i = 0; i < 20_000; i++) {
      const [sequence, number, t1S, t2S, t3S] = [random.u32(), random.u32(), random.u32(), random.u32(), random.u32()];
      const [t1Ns, t2Ns, t3Ns] = [random.below(1e9), random.below(1e9), random.below(1e9)];
      const [ssid, ttl, offset] = [random.below(65_536), random.below(256), random.below(20)];
      writeStampRequest(view, offset, sequence, t1S, t1Ns, ssid);
      reflectStamp(view, offset, 44, number, t2S, t2Ns, ttl);
      stampT3(view, offset, t3S, t3Ns);
      if (random.below(2) === 0) {
        view.setUint16(offset + 12, 0x0001);
        view.setUint32(offset + 4, ntpSecondsOfUnix(t3S));
        view.setUint32(offset + 8, fractionOfNanoseconds(t3Ns));
        view.setUint32(offset + 16, ntpSecondsOfUnix(t2S));
        view.setUint32(offset + 20, fractionOfNanoseconds(t2Ns));
      }
      if (!parseStampReply(view, offset, 44, reply)) expect.fail(`round ${i} was refused`);
      const got = [reply.sequence, reply.senderSequence, reply.t1S, reply.t1Ns, reply.t2S, reply.t2Ns];
      expect([...got, reply.t3S, reply.t3Ns, reply.ssid, reply.senderTtl]).to.deep.equal([
        ...[number, sequence, t1S, t1Ns, t2S, t2Ns],
        ...[t3S, t3Ns, ssid, ttl],
      ]);
    }
  });

  it('stays within the packet, without throwing, for a million random and mutated packets', () => {
    const random = seededRandom(4);
    const bytes = new Uint8Array(160);
    const reply = new StampReply();
    for (let i = 0; i < 1_000_000; i++) {
      const length = random.below(100);
      const offset = random.below(30);
      random.fill(bytes.subarray(offset, offset + length));
      if (i % 2 === 1) {
        bytes.set((i % 4 === 1 ? REPLY : REQUEST).subarray(0, length), offset);
        for (let k = random.below(4); k > 0; k--) bytes[offset + random.below(44)] = random.below(256);
      }
      bytes.fill(0xc3, 0, offset);
      bytes.fill(0xc3, offset + length);
      // A view that ends with the packet: reading behind it would throw.
      const view = new DataView(bytes.buffer, 0, offset + length);
      parseStampReply(view, offset, length, reply);
      if (checkStampRequest(view, offset, length, random.u32()) === StampFault.none) {
        reflectStamp(view, offset, length, random.u32(), random.u32(), random.below(1e9), random.below(256));
        stampT3(view, offset, random.u32(), random.below(1e9));
      }
      for (let at = 0; at < bytes.length; at++)
        if ((at < offset || at >= offset + length) && bytes[at] !== 0xc3) expect.fail(`round ${i} wrote octet ${at}`);
    }
  });
});
