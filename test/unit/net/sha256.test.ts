import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { declareOptional } from '../../../src/net/libc.js';
import {
  type NativeSha256,
  openNativeSha256,
  SHA256_BLOCK_BYTES,
  SHA256_START,
  SHA256_WORDS,
  type Sha256Update,
} from '../../../src/net/sha256.js';
import { seededRandom } from '../../support/harness/random.js';

const ROOM_BLOCKS = 20;

function opened(): NativeSha256 {
  const native = openNativeSha256(ROOM_BLOCKS);
  if (native === null) throw new Error('this Node has no OpenSSL that could be called');
  return native;
}

describe('SHA-256 by the OpenSSL in Node’s binary', () => {
  it('agrees with node:crypto at any offset and for any number of blocks in a call', () => {
    const native = opened();
    const { below, fill } = seededRandom(11);
    for (let i = 0; i < 500; i++) {
      const blocks = 1 + below(10);
      const at = below(ROOM_BLOCKS - blocks) * SHA256_BLOCK_BYTES + below(SHA256_BLOCK_BYTES);
      const text = new Uint8Array((blocks - 1) * SHA256_BLOCK_BYTES + below(SHA256_BLOCK_BYTES - 9));
      fill(text);
      const padded = new Uint8Array(blocks * SHA256_BLOCK_BYTES);
      padded.set(text);
      padded[text.length] = 0x80;
      new DataView(padded.buffer).setUint32(padded.length - 4, text.length * 8);
      for (const [j, byte] of padded.entries()) native.blocks.setUint8(at + j, byte);
      native.state.set(SHA256_START);
      const first = below(blocks + 1);
      if (first > 0) native.compress(at, first);
      if (first < blocks) native.compress(at + first * SHA256_BLOCK_BYTES, blocks - first);
      const digest = Buffer.alloc(32);
      for (let word = 0; word < SHA256_WORDS; word++) digest.writeUInt32BE(native.state[word], word * 4);
      expect(digest.toString('hex')).to.equal(createHash('sha256').update(text).digest('hex'));
    }
  });

  it('refuses a library with wrong answers, without effect, or missing', () => {
    const native = opened();
    expect(native.isRight()).to.equal(true);
    const idle: Sha256Update = () => 1;
    expect(openNativeSha256(2, idle)).to.equal(null);
    expect(openNativeSha256(2, null)).to.equal(null);
    // As OpenSSL, but for all blocks behind the first.
    const real = declareOptional('SHA256_Update', 'int', 'uintptr_t', 'uintptr_t', 'size_t') as Sha256Update;
    expect(openNativeSha256(2, real)).not.to.equal(null);
    expect(openNativeSha256(2, (context, bytes) => real(context, bytes, SHA256_BLOCK_BYTES))).to.equal(null);
    // As OpenSSL, but it keeps bytes back for a block that it has not got.
    expect(
      openNativeSha256(2, (context, bytes, length) => real(context, bytes, length) && real(context, bytes, 1)),
    ).to.equal(null);
    expect(declareOptional('SHA256_of_no_library', 'int')).to.equal(null);
  });
});
