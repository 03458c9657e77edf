import { createHmac } from 'node:crypto';
import { expect } from 'chai';
import { HMAC_BYTES, MAX_KEY_BYTES, PacketSigner } from '../../../src/wire/hmac.js';
import { type HmacEngine, hmacEngineName, openHmacEngine, PortableHmac } from '../../../src/wire/hmacEngines.js';
import { seededRandom } from '../../support/harness/random.js';

const ENGINES: Record<string, (keys: readonly Uint8Array[]) => HmacEngine> = {
  [hmacEngineName()]: openHmacEngine,
  javascript: (keys) => new PortableHmac(keys),
};

const hmacOf = (key: Uint8Array, ...texts: readonly Uint8Array[]): string => {
  const hmac = createHmac('sha256', key);
  for (const text of texts) hmac.update(text);
  return hmac.digest('hex').slice(0, HMAC_BYTES * 2);
};
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('HMACs of packets', () => {
  it('uses this Node’s OpenSSL', () => {
    expect(hmacEngineName()).to.equal('openssl');
  });

  for (const [name, open] of Object.entries(ENGINES))
    describe(`by ${name}`, () => {
      const { below, fill } = seededRandom(4);
      const random = (length: number): Uint8Array => {
        const bytes = new Uint8Array(length);
        fill(bytes);
        return bytes;
      };

      it('computes RFC 4231’s cases 1, 2, 3, 4, 6 and 7, truncated as its case 5', () => {
        const cases: readonly (readonly [Buffer, Buffer, string])[] = [
          [Buffer.alloc(20, 0x0b), Buffer.from('Hi There'), 'b0344c61d8db38535ca8afceaf0bf12b'],
          [Buffer.from('Jefe'), Buffer.from('what do ya want for nothing?'), '5bdcc146bf60754e6a042426089575c7'],
          [Buffer.alloc(20, 0xaa), Buffer.alloc(50, 0xdd), '773ea91e36800e46854db8ebd09181a7'],
          [
            Buffer.from(Array.from({ length: 25 }, (_, i) => i + 1)),
            Buffer.alloc(50, 0xcd),
            '82558a389a443c0ea4cc819899f2083a',
          ],
          [Buffer.alloc(20, 0x0c), Buffer.from('Test With Truncation'), 'a3b6167473100ee06e0c796c2955552b'],
          [
            Buffer.alloc(131, 0xaa),
            Buffer.from('Test Using Larger Than Block-Size Key - Hash Key First'),
            '60e431591ee0b67f0d8a26aacbf5b77f',
          ],
          [
            Buffer.alloc(131, 0xaa),
            Buffer.from(
              'This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.',
            ),
            '9b09ffa71b942fcb27635fbcd5b0e944',
          ],
        ];
        for (const [key, text, expected] of cases) {
          const bytes = new Uint8Array(text.length + HMAC_BYTES);
          bytes.set(text);
          new PacketSigner([key], open).sign(new DataView(bytes.buffer), 0, text.length, text.length);
          expect(hex(bytes.subarray(text.length)), text.toString()).to.equal(expected);
        }
      });

      it('agrees with node:crypto for keys and texts of any length, anywhere in the packet, in one or two ranges', () => {
        for (let i = 0; i < 2000; i++) {
          const keys = Array.from({ length: 1 + below(3) }, () => random(1 + below(MAX_KEY_BYTES)));
          const signer = new PacketSigner(keys, open);
          const bytes = random(700);
          const view = new DataView(bytes.buffer);
          const first = below(100);
          const firstLength = below(200);
          const second = 300 + below(100);
          const secondLength = i % 2 === 0 ? 0 : below(200);
          const key = below(keys.length);
          const expected = hmacOf(
            keys[key],
            bytes.subarray(first, first + firstLength),
            bytes.subarray(second, second + secondLength),
          );
          signer.signTwo(view, first, firstLength, second, secondLength, 650, key);
          expect(hex(bytes.subarray(650, 650 + HMAC_BYTES))).to.equal(expected);
          expect(signer.keyOfTwo(view, first, firstLength, second, secondLength, 650)).to.equal(key);
          bytes[650 + below(HMAC_BYTES)] ^= 1 << below(8);
          expect(signer.keyOfTwo(view, first, firstLength, second, secondLength, 650)).to.equal(-1);
        }
      });

      it('separates signers with alternating calls and texts of different length', () => {
        const keys = [random(16), random(80)];
        const signers = keys.map((key) => new PacketSigner([key], open));
        for (let i = 0; i < 500; i++) {
          const length = below(9000);
          const bytes = random(9016);
          signers[i & 1].sign(new DataView(bytes.buffer), 0, length, 9000);
          expect(hex(bytes.subarray(9000))).to.equal(hmacOf(keys[i & 1], bytes.subarray(0, length)));
        }
      });

      it('hashes the longest datagram, and refuses a longer text', () => {
        const bytes = random(70_000);
        const key = random(16);
        const signer = new PacketSigner([key], open);
        signer.sign(new DataView(bytes.buffer), 0, 65_507, 69_000);
        expect(hex(bytes.subarray(69_000, 69_000 + HMAC_BYTES))).to.equal(hmacOf(key, bytes.subarray(0, 65_507)));
        expect(() => signer.sign(new DataView(bytes.buffer), 0, 69_900, 0)).to.throw(RangeError);
      });
    });
});
