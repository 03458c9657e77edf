/**
 * HMAC-SHA-256 truncated to 128 bits, as in STAMP (RFC 8762 section 4.4, RFC 4868), with several keys for rotation.
 *
 * It accepts any of the keys. Senders sign with the first one. A reflector signs its reply with the request's key, so
 * that senders with the old and with the new key are both served. The hashing is in hmacEngines.ts.
 */

import { type HmacEngine, openHmacEngine } from './hmacEngines.js';

export const HMAC_BYTES = 16;
/** Limit of concurrent keys: each is tried on a packet. */
export const MAX_KEYS = 16;
export const MAX_KEY_BYTES = 256;

export class PacketSigner {
  private readonly count: number;
  private readonly engine: HmacEngine;

  /** Needs at least one key; the first one signs. */
  constructor(keys: readonly Uint8Array[], open: (keys: readonly Uint8Array[]) => HmacEngine = openHmacEngine) {
    if (keys.length === 0) throw new RangeError('a signer needs at least one key');
    this.count = keys.length;
    this.engine = open(keys);
  }

  /** Hot: writes the HMAC of the `length` bytes at `offset` to `at`. */
  sign(view: DataView, offset: number, length: number, at: number, key = 0): void {
    this.signTwo(view, offset, length, 0, 0, at, key);
  }

  /** Hot: number of the key that made the HMAC at `at` of the `length` bytes at `offset`, or -1. */
  keyOf(view: DataView, offset: number, length: number, at: number): number {
    return this.keyOfTwo(view, offset, length, 0, 0, at);
  }

  /** As `sign`, over two ranges of the same packet. */
  signTwo(
    view: DataView,
    first: number,
    firstLength: number,
    second: number,
    secondLength: number,
    at: number,
    key = 0,
  ): void {
    const { engine } = this;
    this.take(view, first, firstLength, second, secondLength);
    engine.compute(key);
    for (let i = 0; i < HMAC_BYTES / 4; i++) view.setUint32(at + i * 4, engine.mac[i]);
  }

  /** As `keyOf`, over two ranges of the same packet. It always tries all keys, so the time reveals nothing. */
  keyOfTwo(
    view: DataView,
    first: number,
    firstLength: number,
    second: number,
    secondLength: number,
    at: number,
  ): number {
    this.take(view, first, firstLength, second, secondLength);
    let found = -1;
    for (let key = 0; key < this.count; key++) {
      this.engine.compute(key);
      if (this.equals(view, at)) found = key;
    }
    return found;
  }

  /** Copies both ranges into the engine's buffer. */
  private take(view: DataView, first: number, firstLength: number, second: number, secondLength: number): void {
    const { text } = this.engine;
    copy(view, first, firstLength, text, 0);
    if (secondLength > 0) copy(view, second, secondLength, text, firstLength);
    this.engine.seal(firstLength + secondLength);
  }

  /** In constant time. */
  private equals(view: DataView, at: number): boolean {
    const { mac } = this.engine;
    let different = 0;
    for (let i = 0; i < HMAC_BYTES / 4; i++) different |= view.getUint32(at + i * 4) ^ mac[i];
    return different === 0;
  }
}

/** By words: a third of the time of bytes, or of `set` with a temporary `subarray`. */
function copy(from: DataView, at: number, length: number, to: DataView, toAt: number): void {
  let done = 0;
  for (; done + 4 <= length; done += 4) to.setUint32(toAt + done, from.getUint32(at + done, true), true);
  for (; done < length; done++) to.setUint8(toAt + done, from.getUint8(at + done));
}
