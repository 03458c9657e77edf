/**
 * SHA-256 over whole blocks, by the OpenSSL inside Node's binary. It uses the processor's SHA instructions. A call
 * takes 0.1 us and allocates no object, unlike the hashes of `node:crypto`. The caller provides the initial state and
 * the padding.
 *
 * `SHA256_CTX`, the same in every OpenSSL (112 bytes):
 *
 * | offset | field |
 * | ---: | --- |
 * | 0 | state: 8 words u32, in the processor's byte order |
 * | 32 | bits hashed so far, 64 bits; only `SHA256_Final` reads it |
 * | 40 | buffer for an incomplete block, 64 bytes |
 * | 104 | bytes in that buffer u32: 0, because only whole blocks are hashed |
 * | 108 | length of the digest u32 |
 */

import { declareOptional } from './libc.js';
import { NativeMemory } from './memory.js';

export const SHA256_BLOCK_BYTES = 64;
export const SHA256_WORDS = 8;
/** The initial state of every hash (FIPS 180-4 section 5.3.3). */
export const SHA256_START: readonly number[] = [
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
];

const WAITING_WORD = 104 / 4;
/** The context, rounded up to whole blocks. */
const BLOCKS_AT = 128;

/** `SHA256_Update` of OpenSSL: returns 1 on success. */
export type Sha256Update = (context: number, bytes: number, length: number) => number;

/** Two messages of FIPS 180-4's examples, padded to one block and to two, and their digests. */
const KNOWN: readonly { readonly text: string; readonly digest: readonly number[] }[] = [
  {
    text: 'abc',
    digest: [0xba7816bf, 0x8f01cfea, 0x414140de, 0x5dae2223, 0xb00361a3, 0x96177a9c, 0xb410ff61, 0xf20015ad],
  },
  {
    text: 'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
    digest: [0x248d6a61, 0xd20638b8, 0xe5c02693, 0x0c3e6039, 0xa33ce459, 0x64ff2167, 0xf6ecedd4, 0x19db06c1],
  },
];

export class NativeSha256 {
  /** Input state of the next `compress`, and then its result. */
  readonly state: Uint32Array;
  /** Input blocks. */
  readonly blocks: DataView;
  private readonly memory: NativeMemory;
  private readonly update: Sha256Update;
  private readonly blocksAddress: number;

  constructor(update: Sha256Update, blocks: number) {
    this.memory = new NativeMemory(BLOCKS_AT + blocks * SHA256_BLOCK_BYTES);
    this.state = this.memory.u32.subarray(0, SHA256_WORDS);
    this.blocks = new DataView(this.memory.bytes.buffer, BLOCKS_AT);
    this.blocksAddress = this.memory.address + BLOCKS_AT;
    this.update = update;
  }

  /** Hot: hashes the `count` blocks that begin at byte `at` of `blocks` into the state. */
  compress(at: number, count: number): void {
    this.update(this.memory.address, this.blocksAddress + at, count * SHA256_BLOCK_BYTES);
  }

  /** Whether this is SHA-256, by known answers: nothing else confirms that the library has the layout above. */
  isRight(): boolean {
    return KNOWN.every(({ text, digest }) => {
      const blocks = padSha256(this.blocks, Buffer.from(text));
      this.state.set(SHA256_START);
      this.compress(0, blocks);
      return digest.every((word, i) => this.state[i] === word) && this.memory.u32[WAITING_WORD] === 0;
    });
  }
}

/** Writes a text with its padding. Returns the number of blocks. */
function padSha256(view: DataView, text: Uint8Array): number {
  const blocks = Math.ceil((text.length + 9) / SHA256_BLOCK_BYTES);
  for (let at = 0; at < blocks * SHA256_BLOCK_BYTES; at++) view.setUint8(at, text[at] ?? 0);
  view.setUint8(text.length, 0x80);
  view.setUint32(blocks * SHA256_BLOCK_BYTES - 4, text.length * 8);
  return blocks;
}

/**
 * With capacity for `blocks` blocks, at least two. Null where this Node exports no OpenSSL (built without, or with its
 * names hidden), or another hash under that name.
 */
export function openNativeSha256(
  blocks: number,
  update: Sha256Update | null = declareOptional('SHA256_Update', 'int', 'uintptr_t', 'uintptr_t', 'size_t'),
): NativeSha256 | null {
  if (update === null) return null;
  const native = new NativeSha256(update, blocks);
  return native.isRight() ? native : null;
}
