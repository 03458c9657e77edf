import { expect } from 'chai';
import {
  isLlamaProbe,
  LLAMA_BYTES,
  LLAMA_SENT,
  LlamaReply,
  readLlamaReply,
  writeLlamaFrame,
  writeLlamaRequest,
} from '../../../src/wire/dropbox.js';
import { seededRandom } from '../../support/harness/random.js';

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const octets = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'));

/** The varint of protobuf, by the book. */
function varint(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return [...bytes, Number(rest)];
}

function request(sequence: number, t1S: number, t1Ns: number, ssid: number, tos: number): Uint8Array {
  const bytes = new Uint8Array(LLAMA_BYTES);
  writeLlamaFrame(viewOf(bytes), 0);
  writeLlamaRequest(viewOf(bytes), 0, sequence, t1S, t1Ns, ssid, tos);
  return bytes;
}

describe('probes of LLAMA in Go', () => {
  it('have its golden octets', () => {
    const bytes = request(0x01020304, 1_763_700_010, 123_456_789, 0xbeef, 184);
    const sent = Buffer.from(varint(1_763_700_010_123_456_789n)).toString('hex');
    expect(sent).to.have.lengthOf(18);
    const head = octets(`0A0A BEEF 01020304 075BCD15 1201B8 18 ${sent} 3AE807`);
    expect(bytes.subarray(0, head.length)).to.deep.equal(head);
    expect(bytes.subarray(head.length).every((byte) => byte === 0)).to.equal(true);
    expect(bytes).to.have.lengthOf(head.length + 1000);
  });

  it('return all written fields, for any time from 1972 to 2106', () => {
    const { next: random } = seededRandom(1);
    const reply = new LlamaReply();
    for (let i = 0; i < 20_000; i++) {
      const t1S = Math.floor(73_000_000 + random() * (2 ** 32 - 73_000_000));
      const t1Ns = [0, 999_999_999, Math.floor(random() * 1e9)][i % 3];
      const sequence = Math.floor(random() * 2 ** 32);
      const ssid = Math.floor(random() * 65_536);
      const bytes = request(sequence, t1S, t1Ns, ssid, i % 256);
      const expected = varint(BigInt(t1S) * 1_000_000_000n + BigInt(t1Ns));
      expect([...bytes.subarray(LLAMA_SENT, LLAMA_SENT + 9)], `${t1S} ${t1Ns}`).to.deep.equal(expected);
      expect(isLlamaProbe(viewOf(bytes), 0, bytes.length)).to.equal(true);
      expect(readLlamaReply(viewOf(bytes), 0, bytes.length, reply)).to.equal(true);
      expect({ ...reply }).to.deep.equal({ ssid, sequence, t1S, t1Ns, tos: i % 256 });
    }
  });

  it('are recognised among messages with other fields, including unknown ones', () => {
    const head = `0A0A 00112233445566778899 1201B8`;
    const is = (rest: string): boolean => {
      const bytes = octets(head + rest);
      return isLlamaProbe(viewOf(bytes), 0, bytes.length);
    };
    expect(is(''), 'no time').to.equal(true);
    expect(is('1805 2007 2809 3001'), 'received, RTT, lost').to.equal(true);
    expect(is('F8 07 01'), 'unknown varint 127').to.equal(true);
    expect(is('49 0000000000000000 55 00000000'), 'unknown fixed ones').to.equal(true);
    expect(is('3A 02 0000'), 'short padding').to.equal(true);
    expect(is('3A 03 0000'), 'cut padding').to.equal(false);
    expect(is('18'), 'cut varint').to.equal(false);
    expect(is('18 8080808080 8080808080 01'), 'varint of 11 bytes').to.equal(false);
    expect(is('00 01'), 'field 0').to.equal(false);
    expect(is('0B'), 'a group').to.equal(false);
    expect(is('3A FFFFFFFF FFFFFFFF 7F'), 'a length beyond everything').to.equal(false);
  });

  it('exclude a reply with another sender’s signature', () => {
    const bytes = request(1, 1_763_700_010, 5, 9, 0);
    bytes[11] ^= 1;
    expect(readLlamaReply(viewOf(bytes), 0, bytes.length, new LlamaReply())).to.equal(false);
  });

  it('are read within bounds, without an error, for a million mutations and cuts', function () {
    this.timeout(60_000);
    const { next: random } = seededRandom(2);
    const reply = new LlamaReply();
    // Short padding, so that mutations meet the fields.
    const whole = octets(`0A0A 00112233445566778899 1201B8 18 95DAF3E4C3AEF2BC18 3A 04 00000000`);
    let known = 0;
    for (let i = 0; i < 1_000_000; i++) {
      const bytes = whole.slice();
      for (let k = (i % 4) + 1; k > 0; k--) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
      const length = i % 3 === 0 ? Math.floor(random() * (bytes.length + 1)) : bytes.length;
      // A view that ends with the packet: a byte beyond would throw.
      const view = new DataView(bytes.buffer, 0, length);
      if (isLlamaProbe(view, 0, length)) known++;
      readLlamaReply(view, 0, length, reply);
    }
    expect(known).to.be.within(100_000, 950_000);
  });
});
