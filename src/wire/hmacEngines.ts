/**
 * Engines that compute HMAC-SHA-256 (RFC 2104) for packets: the OpenSSL inside Node's binary, or JavaScript where that
 * is missing. Both hash a key once and copy its state, so that a packet costs no allocation. In one run 96 bytes took
 * 0.4 us by OpenSSL and 2.7 us in JavaScript. `createHmac` of `node:crypto` takes nearly as long as the latter, and
 * allocates (Intel Xeon with SHA instructions, Node 20).
 *
 * All engines of a thread share one buffer for texts: a text is written and hashed before anything else runs.
 */

import { createHash } from 'node:crypto';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { type NativeSha256, openNativeSha256, SHA256_BLOCK_BYTES, SHA256_START, SHA256_WORDS } from '../net/sha256.js';

export interface HmacEngine {
  /** Buffer of the text, up to `MAX_TEXT_BYTES`. */
  readonly text: DataView;
  /** The result: the words of the HMAC, in order, as numbers. */
  readonly mac: Uint32Array;
  /** Completes the text at the start of `text`, with this length. */
  seal(length: number): void;
  /** Computes `mac` of the sealed text with this key; may be called for several keys. */
  compute(key: number): void;
}

/** Maximum size of a UDP datagram. */
const MAX_TEXT_BYTES = 65_536;
const DIGEST_BYTES = 32;
const INNER_PAD = 0x36;
const OUTER_PAD = 0x5c;

/** Blocks of a text with its padding: a byte of 0x80, zeros, its length in 8 bytes. */
const blocksOf = (length: number): number => (length + 9 + SHA256_BLOCK_BYTES - 1) >>> 6;
/**
 * The outer block, which hashes the text's digest, comes first. The text follows, so that an overlong text ends at the
 * end of the buffer, without overwriting anything.
 */
const OUTER_AT = 0;
const TEXT_AT = SHA256_BLOCK_BYTES;
const ROOM_BLOCKS = 1 + blocksOf(MAX_TEXT_BYTES);

let native: NativeSha256 | null | undefined;
let portableText: Uint8Array<ArrayBuffer> | undefined;

function nativeSha256(): NativeSha256 | null {
  if (native === undefined) native = openNativeSha256(ROOM_BLOCKS);
  return native;
}

/** The engine of this process. */
export function hmacEngineName(): 'openssl' | 'javascript' {
  return nativeSha256() === null ? 'javascript' : 'openssl';
}

/** The fastest available engine. */
export function openHmacEngine(keys: readonly Uint8Array[]): HmacEngine {
  const sha = nativeSha256();
  return sha === null ? new PortableHmac(keys) : new NativeHmac(sha, keys);
}

/** Two calls per HMAC of any length: the text after the key's inner state, then that digest after the outer one. */
class NativeHmac implements HmacEngine {
  readonly text: DataView;
  readonly mac: Uint32Array;
  private readonly sha: NativeSha256;
  private readonly outerBlock: DataView;
  /** States after the block of the padded key, `SHA256_WORDS` for each key. */
  private readonly inner: Uint32Array;
  private readonly outer: Uint32Array;
  private blocks = 0;

  constructor(sha: NativeSha256, keys: readonly Uint8Array[]) {
    this.sha = sha;
    this.outerBlock = sha.blocks;
    this.text = new DataView(sha.blocks.buffer, sha.blocks.byteOffset + TEXT_AT);
    this.mac = sha.state;
    this.inner = keyStates(sha, keys, INNER_PAD);
    this.outer = keyStates(sha, keys, OUTER_PAD);
    pad(this.outerBlock, DIGEST_BYTES);
  }

  seal(length: number): void {
    this.blocks = pad(this.text, length);
  }

  compute(key: number): void {
    const { sha, outerBlock, mac, inner, outer } = this;
    const from = key * SHA256_WORDS;
    for (let i = 0; i < SHA256_WORDS; i++) mac[i] = inner[from + i];
    sha.compress(TEXT_AT, this.blocks);
    for (let i = 0; i < SHA256_WORDS; i++) {
      outerBlock.setUint32(OUTER_AT + i * 4, mac[i]);
      mac[i] = outer[from + i];
    }
    sha.compress(OUTER_AT, 1);
  }
}

/**
 * Pads the text of `length` bytes at the start as the second part of a hash, after the key's block. Returns its blocks.
 */
function pad(view: DataView, length: number): number {
  const blocks = blocksOf(length);
  const end = blocks * SHA256_BLOCK_BYTES;
  let zero = length;
  view.setUint8(zero++, 0x80);
  for (; (zero & 3) !== 0; zero++) view.setUint8(zero, 0);
  for (; zero < end - 4; zero += 4) view.setUint32(zero, 0);
  view.setUint32(end - 4, (SHA256_BLOCK_BYTES + length) * 8);
  return blocks;
}

function keyStates(sha: NativeSha256, keys: readonly Uint8Array[], padding: number): Uint32Array {
  const states = new Uint32Array(keys.length * SHA256_WORDS);
  for (const [i, key] of keys.entries()) {
    const short = key.length > SHA256_BLOCK_BYTES ? createHash('sha256').update(key).digest() : key;
    for (let at = 0; at < SHA256_BLOCK_BYTES; at++) sha.blocks.setUint8(at, (short[at] ?? 0) ^ padding);
    sha.state.set(SHA256_START);
    sha.compress(0, 1);
    states.set(sha.state, i * SHA256_WORDS);
  }
  return states;
}

/** The used part of the library's keyed hash. */
interface KeyedHash {
  clone(): KeyedHash;
  /** Copies the state into another one, without allocating. */
  _cloneInto(to: KeyedHash): KeyedHash;
  update(bytes: Uint8Array): unknown;
  digestInto(out: Uint8Array): unknown;
}

export class PortableHmac implements HmacEngine {
  readonly text: DataView;
  readonly mac = new Uint32Array(SHA256_WORDS);
  private readonly keyed: readonly KeyedHash[];
  private readonly working: KeyedHash;
  private readonly digest = new Uint8Array(DIGEST_BYTES);
  private readonly digestView = new DataView(this.digest.buffer);
  private sealed: Uint8Array;

  constructor(keys: readonly Uint8Array[]) {
    portableText ??= new Uint8Array(MAX_TEXT_BYTES);
    this.sealed = portableText;
    this.text = new DataView(portableText.buffer);
    this.keyed = keys.map((key) => hmac.create(sha256, key) as unknown as KeyedHash);
    this.working = this.keyed[0].clone();
  }

  seal(length: number): void {
    // A new view only for a new length: packets of one kind have the same length.
    if (this.sealed.length !== length) this.sealed = new Uint8Array(this.text.buffer as ArrayBuffer, 0, length);
  }

  compute(key: number): void {
    const working = this.keyed[key]._cloneInto(this.working);
    working.update(this.sealed);
    working.digestInto(this.digest);
    for (let i = 0; i < SHA256_WORDS; i++) this.mac[i] = this.digestView.getUint32(i * 4);
  }
}
