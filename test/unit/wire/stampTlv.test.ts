import { createHmac } from 'node:crypto';
import { expect } from 'chai';
import { PacketSigner } from '../../../src/wire/hmac.js';
import {
  ClockSource,
  ReplyTlvs,
  readReplyTlvs,
  TLV_BYTES,
  writeClassOfService,
  writeDirectMeasurement,
  writeExtraPadding,
  writeHmacTlv,
  writeTimestampInformation,
} from '../../../src/wire/stampTlv.js';
import { ReflectedTlvs, reflectTlvs, signHmacTlv } from '../../../src/wire/stampTlvReflect.js';
import { seededRandom } from '../../support/harness/random.js';

const BASE = 44;
const KEY = Buffer.from('a key');
const signer = new PacketSigner([KEY]);
const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const octets = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'));
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** A packet with a sequence number and the given TLVs. */
function packet(tlvs: string): Uint8Array {
  const behind = octets(tlvs);
  const bytes = new Uint8Array(BASE + behind.length);
  bytes.set([1, 2, 3, 4]);
  bytes.set(behind, BASE);
  return bytes;
}

function context(values: Partial<ReflectedTlvs> = {}): ReflectedTlvs {
  return Object.assign(new ReflectedTlvs(), { dscp: 46, ecn: 3, received: 8, reflected: 7 }, values);
}

function reflected(tlvs: string, key: PacketSigner | null = null, known = context()): string {
  const bytes = packet(tlvs);
  reflectTlvs(viewOf(bytes), 0, BASE, bytes.length, key, known);
  return hex(bytes.subarray(BASE));
}

describe('TLVs of STAMP', () => {
  it('have the octets of RFC 8972', () => {
    const bytes = new Uint8Array(100);
    const view = viewOf(bytes);
    let end = writeTimestampInformation(view, 0);
    expect(end).to.equal(TLV_BYTES.timestampInformation);
    end = writeClassOfService(view, end, 46);
    end = writeDirectMeasurement(view, end, 0x01020304);
    end = writeExtraPadding(view, end, 6);
    expect(hex(bytes.subarray(0, end))).to.equal(
      hex(octets('80030004 00000000  80040004 B8000000  8005000C 01020304 00000000 00000000  80010002 0000')),
    );
  });

  it('are filled in by a reflector that understands them, with U cleared', () => {
    const known = context({ clockSource: ClockSource.ntp });
    expect(reflected('80030004 00000000', null, known)).to.equal(hex(octets('00030004 01020102')));
    // DSCP1 10, DSCP2 46, ECN 3, RP 0.
    expect(reflected('80040004 28000000', null, known)).to.equal(hex(octets('00040004 2AEC0000')));
    expect(known.replyDscp).to.equal(10);
    expect(reflected('8005000C 00000009 00000000 00000000')).to.equal(
      hex(octets('0005000C 00000009 00000008 00000007')),
    );
    expect(reflected('80010003 ABCDEF')).to.equal(hex(octets('00010003 ABCDEF')));
  });

  it('keep U when not understood, while the others are answered', () => {
    expect(reflected('80F00002 BEEF 80010000')).to.equal(hex(octets('80F00002 BEEF 00010000')));
    expect(reflected('80020004 00000000'), 'location').to.equal('8002000400000000');
    expect(
      reflected('8005000C 00000009 00000000 00000000', null, context({ received: -1 })),
      'counting, asked of a stateless reflector',
    ).to.equal(hex(octets('8005000C 00000009 00000000 00000000')));
  });

  it('return with M set when malformed, with all following bytes unchanged', () => {
    expect(reflected('80010000 80040003 280000 80010000 8004')).to.equal(
      hex(octets('00010000 40040003 280000 80010000 8004')),
    );
    const known = context();
    reflected('80040004 28000000 8005000B 00000009 00000000 000000 80040004 B8000000', null, known);
    expect(known).to.include({ malformed: true, forged: false, replyDscp: 10 });
    // Neither understood nor whole.
    expect(reflected('80F0FFFF BEEF')).to.equal(hex(octets('C0F0FFFF BEEF')));
    expect(reflected('80010000 80040005 28000000')).to.equal(hex(octets('00010000 40040005 28000000')));
    expect(reflected('8001FFFF 00')).to.equal(hex(octets('4001FFFF 00')));
    expect(reflected('80010000 8004')).to.equal(hex(octets('00010000 8004')));
  });

  it('exclude the padding of a sender without TLVs, which returns unchanged', () => {
    // The last two: no sender sets M or I.
    for (const padding of ['00000000 00000000', '12345678 9ABCDEF0', '00', '8001', 'C0010000', 'FFFFFFFF'])
      expect(reflected(padding)).to.equal(hex(octets(padding)));
  });

  it('are covered by an HMAC together with the sequence number', () => {
    const bytes = packet(`80040004 B8000000 ${'00'.repeat(20)}`);
    const end = writeHmacTlv(signer, viewOf(bytes), 0, BASE, BASE + 8);
    expect(end).to.equal(bytes.length);
    const covered = Buffer.concat([bytes.subarray(0, 4), bytes.subarray(BASE, BASE + 8)]);
    const hmac = createHmac('sha256', KEY).update(covered).digest().subarray(0, 16);
    expect(hex(bytes.subarray(BASE + 8))).to.equal(`80080010${hmac.toString('hex')}`);
    const known = context();
    reflectTlvs(viewOf(bytes), 0, BASE, bytes.length, signer, known);
    expect(known.forged).to.equal(false);
    expect(known.hmacAt).to.equal(BASE + 8);
    expect(known.replyDscp).to.equal(46);
    expect(hex(bytes.subarray(BASE, BASE + 12))).to.equal(hex(octets('00040004 BAEC0000 00080010')));
  });

  it('return flagged I, without effect, when a key is given and their HMAC is missing, misplaced or wrong', () => {
    const forged = (tlvs: string, key: PacketSigner | null = signer): string => {
      const known = context();
      const result = reflected(tlvs, key, known);
      expect(known.forged, tlvs).to.equal(true);
      expect(known.replyDscp, tlvs).to.equal(-1);
      return result;
    };
    const wrong = `80080010 ${'00'.repeat(16)}`;
    expect(forged('80040004 B8000000')).to.equal(hex(octets('20040004 B8000000')));
    expect(forged(`80040004 B8000000 ${wrong}`).slice(0, 18)).to.equal('20040004b800000020');
    expect(forged(`${wrong} 80040004 B8000000`)).to.match(/^2008.*20040004b8000000$/);
    expect(forged('8001FFFF'), 'malformed too').to.equal('6001ffff');
    expect(forged(`80F00000 ${wrong}`), 'not understood too').to.match(/^a0f0000020080010/);
    expect(forged(`80040004 B8000000 ${wrong}`, null), 'no key to verify it with').to.match(/^20040004b800000020/);
  });

  it('need no HMAC for extra padding alone, with a key', () => {
    const known = context();
    expect(reflected('80010003 ABCDEF', signer, known)).to.equal('00010003abcdef');
    expect(known).to.include({ forged: false, hmacAt: -1 });
    expect(reflected('80010000 80010000', signer)).to.equal('2001000020010000');
  });

  it('need an HMAC of the base packet’s key, which also signs the reply', () => {
    const both = new PacketSigner([Buffer.from('the new key'), KEY]);
    const bytes = packet(`80040004 B8000000 ${'00'.repeat(20)}`);
    writeHmacTlv(signer, viewOf(bytes), 0, BASE, BASE + 8);
    const known = context({ key: 0 });
    reflectTlvs(viewOf(bytes), 0, BASE, bytes.length, both, known);
    expect(known.forged).to.equal(true);
    writeClassOfService(viewOf(bytes), BASE, 46);
    writeHmacTlv(signer, viewOf(bytes), 0, BASE, BASE + 8);
    known.key = 1;
    reflectTlvs(viewOf(bytes), 0, BASE, bytes.length, both, known);
    expect(known.forged).to.equal(false);
    bytes.set([9, 9, 9, 9]);
    signHmacTlv(both, viewOf(bytes), 0, BASE, known);
    const covered = Buffer.concat([bytes.subarray(0, 4), bytes.subarray(BASE, BASE + 8)]);
    const hmac = createHmac('sha256', KEY).update(covered).digest().subarray(0, 16);
    expect(hex(bytes.subarray(BASE + 12))).to.equal(hmac.toString('hex'));
  });

  it('permit only extra padding after the HMAC', () => {
    const bytes = packet(`80040004 B8000000 ${'00'.repeat(20)} 80010002 FFFF`);
    writeHmacTlv(signer, viewOf(bytes), 0, BASE, BASE + 8);
    const known = context();
    const more = Buffer.concat([bytes, octets('80050000')]);
    reflectTlvs(viewOf(bytes), 0, BASE, bytes.length, signer, known);
    expect(known.forged).to.equal(false);
    reflectTlvs(viewOf(more), 0, BASE, more.length, signer, known);
    expect(known.forged).to.equal(true);
  });

  it('are read by a sender unless they are flagged', () => {
    const read = (tlvs: string): ReplyTlvs => {
      const bytes = packet(tlvs);
      const reply = new ReplyTlvs();
      expect(readReplyTlvs(viewOf(bytes), 0, BASE, bytes.length, null, reply)).to.equal(true);
      return reply;
    };
    const none = { dscpReceived: -1, ecnReceived: -1, received: -1, reflected: -1, clockSource: -1, flags: 0 };
    expect({ ...read('00040004 2AEC0000 0005000C 00000009 00000008 00000007 00030004 01020102') }).to.deep.equal({
      dscpReceived: 46,
      ecnReceived: 3,
      received: 8,
      reflected: 7,
      clockSource: 1,
      flags: 0,
    });
    expect({ ...read('80040004 2AEC0000') }).to.deep.equal({ ...none, flags: 0x80 });
    expect({ ...read('') }).to.deep.equal(none);
    const cos = '00040004 2AEC0000';
    expect({ ...read(`${cos} 40050001 00 00030004 01020102`) }, 'nothing behind M').to.deep.equal({
      ...none,
      dscpReceived: 46,
      ecnReceived: 3,
      flags: 0x40,
    });
    expect({ ...read(`${cos} 20010000`) }, 'nothing at all with I').to.deep.equal({ ...none, flags: 0x20 });
  });

  it('are trusted by a sender with a key only where the HMAC covers them', () => {
    const bytes = packet(`00040004 2AEC0000 ${'00'.repeat(20)}`);
    const reply = new ReplyTlvs();
    expect(readReplyTlvs(viewOf(bytes), 0, BASE, bytes.length, signer, reply)).to.equal(false);
    expect(reply.dscpReceived).to.equal(-1);
    writeHmacTlv(signer, viewOf(bytes), 0, BASE, BASE + 8);
    bytes[BASE + 8] = 0;
    expect(readReplyTlvs(viewOf(bytes), 0, BASE, bytes.length, signer, reply)).to.equal(true);
    expect(reply.dscpReceived).to.equal(46);
  });

  it('are walked within bounds for a million mutated packets', function () {
    this.timeout(120_000);
    const { below, u32 } = seededRandom(6);
    const whole = packet('80030004 00000000 80040004 B8000000 8005000C 01020304 00000000 00000000 80010002 0000');
    const known = context();
    const reply = new ReplyTlvs();
    for (let i = 0; i < 1_000_000; i++) {
      const length = i % 3 === 0 ? BASE + below(whole.length - BASE) : whole.length;
      const bytes = whole.slice(0, length);
      for (let k = (i % 4) + 1; k > 0; k--) bytes[below(length)] = u32() & 0xff;
      const before = hex(bytes.subarray(0, BASE));
      const view = viewOf(bytes);
      const key = i % 50 === 0 ? signer : null;
      reflectTlvs(view, 0, BASE, length, key, known);
      readReplyTlvs(view, 0, BASE, length, key, reply);
      if (hex(bytes.subarray(0, BASE)) !== before) expect.fail(`the base packet was touched: ${hex(bytes)}`);
    }
  });
});
