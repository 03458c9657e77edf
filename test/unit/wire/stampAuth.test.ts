import { createHmac } from 'node:crypto';
import { expect } from 'chai';
import { HMAC_BYTES, PacketSigner } from '../../../src/wire/hmac.js';
import { StampReply } from '../../../src/wire/stamp.js';
import {
  hasStampAuthLayout,
  isStampAuthReply,
  parseStampAuthReply,
  reflectStampAuth,
  STAMP_AUTH_BYTES,
  STAMP_AUTH_HMAC,
  signStampAuth,
  stampAuthKey,
  stampAuthT3,
  verifiesStampAuth,
  writeStampAuthRequest,
} from '../../../src/wire/stampAuth.js';
import { seededRandom } from '../../support/harness/random.js';

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const octets = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'));
const KEY = Buffer.from('0102030405060708090a0b0c0d0e0f10', 'hex');
const signer = new PacketSigner([KEY]);
const hmacOf = (key: Uint8Array, bytes: Uint8Array): Buffer =>
  createHmac('sha256', key).update(bytes).digest().subarray(0, HMAC_BYTES);

// RFC 8762 figure 3 with the SSID of RFC 8972 figure 3.
const REQUEST = octets(`
  01020304
  00000000 00000000 00000000
  6900000A 075BCD15
  4001 BEEF
  00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000
  00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000`);

// RFC 8762 figure 5 with the SSID of RFC 8972 figure 4.
const REPLY = octets(`
  00000007
  00000000 00000000 00000000
  6900000B 00000064
  4001 BEEF
  00000000
  6900000A 3B9AC9FF
  00000000 00000000
  01020304
  00000000 00000000 00000000
  6900000A 075BCD15
  4001 000000000000
  FE 000000 00000000 00000000 00000000`);

function request(): Uint8Array {
  const bytes = new Uint8Array(STAMP_AUTH_BYTES);
  writeStampAuthRequest(viewOf(bytes), 0, 0x01020304, 0x6900_000a, 123_456_789, 0xbeef);
  signStampAuth(signer, viewOf(bytes), 0);
  return bytes;
}

describe('STAMP packets in authenticated mode', () => {
  it('writes a request with the octets of RFC 8762 figure 3 and the HMAC of all bytes before it', () => {
    const bytes = request();
    expect(bytes.subarray(0, STAMP_AUTH_HMAC)).to.deep.equal(REQUEST);
    expect(Buffer.from(bytes.subarray(STAMP_AUTH_HMAC))).to.deep.equal(hmacOf(KEY, REQUEST));
    expect(hasStampAuthLayout(viewOf(bytes), 0, bytes.length)).to.equal(true);
  });

  it('turns a request in place into the octets of RFC 8762 figure 5', () => {
    const bytes = request();
    reflectStampAuth(viewOf(bytes), 0, 7, 0x6900_000a, 999_999_999, 254);
    stampAuthT3(viewOf(bytes), 0, 0x6900_000b, 100);
    signStampAuth(signer, viewOf(bytes), 0);
    expect(bytes.subarray(0, STAMP_AUTH_HMAC)).to.deep.equal(REPLY);
    const reply = new StampReply();
    expect(verifiesStampAuth(signer, viewOf(bytes), 0, bytes.length)).to.equal(true);
    expect(parseStampAuthReply(viewOf(bytes), 0, bytes.length, reply)).to.equal(true);
    expect({ ...reply }).to.deep.equal({
      ok: true,
      sequence: 7,
      t3S: 0x6900_000b,
      t3Ns: 100,
      errorEstimate: 0x4001,
      ssid: 0xbeef,
      t2S: 0x6900_000a,
      t2Ns: 999_999_999,
      senderSequence: 0x01020304,
      t1S: 0x6900_000a,
      t1Ns: 123_456_789,
      senderErrorEstimate: 0x4001,
      senderTtl: 254,
    });
    expect(isStampAuthReply(viewOf(bytes), 0, 0x6900_000b)).to.equal(true);
    expect(isStampAuthReply(viewOf(request()), 0, 0x6900_000b)).to.equal(false);
  });

  it('keeps garbage in the request’s zeros out of the reply', () => {
    const bytes = request();
    bytes.fill(0xaa, 28, STAMP_AUTH_HMAC);
    bytes.fill(0xaa, 4, 16);
    reflectStampAuth(viewOf(bytes), 0, 7, 0x6900_000a, 999_999_999, 254);
    const zeros = [...bytes.subarray(4, 16), ...bytes.subarray(28, 32), ...bytes.subarray(40, 48)];
    zeros.push(...bytes.subarray(52, 64), ...bytes.subarray(74, 80), ...bytes.subarray(81, STAMP_AUTH_HMAC));
    expect(zeros.every((byte) => byte === 0)).to.equal(true);
  });

  it('accepts any of several keys, and signs with the first one', () => {
    const rotated = new PacketSigner([Buffer.from('new key of some length'), KEY]);
    const bytes = request();
    expect(verifiesStampAuth(rotated, viewOf(bytes), 0, bytes.length)).to.equal(true);
    signStampAuth(rotated, viewOf(bytes), 0);
    expect(verifiesStampAuth(signer, viewOf(bytes), 0, bytes.length)).to.equal(false);
    expect(verifiesStampAuth(rotated, viewOf(bytes), 0, bytes.length)).to.equal(true);
  });

  it('finds the key of a packet, and signs the answer with it', () => {
    const keys = ['new', 'old', 'older'].map((text) => Buffer.from(text));
    const all = new PacketSigner(keys);
    for (const [i, key] of keys.entries()) {
      const bytes = request();
      signStampAuth(new PacketSigner([key]), viewOf(bytes), 0);
      expect(stampAuthKey(all, viewOf(bytes), 0, bytes.length)).to.equal(i);
      signStampAuth(all, viewOf(bytes), 0, i);
      expect(Buffer.from(bytes.subarray(STAMP_AUTH_HMAC))).to.deep.equal(hmacOf(key, REQUEST));
    }
    expect(stampAuthKey(all, viewOf(request()), 0, STAMP_AUTH_BYTES)).to.equal(-1);
  });

  it('refuses a single changed bit or a cut', () => {
    for (let bit = 0; bit < STAMP_AUTH_BYTES * 8; bit++) {
      const bytes = request();
      bytes[bit >> 3] ^= 1 << (bit & 7);
      expect(verifiesStampAuth(signer, viewOf(bytes), 0, bytes.length), `bit ${bit}`).to.equal(false);
    }
    for (let length = 0; length < STAMP_AUTH_BYTES; length++)
      expect(verifiesStampAuth(signer, viewOf(request().subarray(0, length)), 0, length)).to.equal(false);
  });

  it('parses or refuses a million mutated replies within bounds', () => {
    const { below, u32 } = seededRandom(5);
    const whole = new Uint8Array(STAMP_AUTH_BYTES);
    whole.set(REPLY);
    const reply = new StampReply();
    let parsed = 0;
    for (let i = 0; i < 1_000_000; i++) {
      const bytes = whole.slice();
      bytes[below(bytes.length)] = u32() & 0xff;
      bytes[below(bytes.length)] = u32() & 0xff;
      const length = i % 2 === 0 ? bytes.length : below(bytes.length);
      const view = new DataView(bytes.buffer, 0, length);
      hasStampAuthLayout(view, 0, length);
      if (!parseStampAuthReply(view, 0, length, reply)) continue;
      parsed++;
      if (reply.t2Ns >= 1e9 || reply.t3Ns >= 1e9 || reply.t2Ns < 0) expect.fail(`${reply.t2Ns} ${reply.t3Ns}`);
    }
    expect(parsed).to.be.within(300_000, 600_000);
  });
});
