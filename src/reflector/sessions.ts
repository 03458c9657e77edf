/**
 * The sessions of a reflector: packets reflected (RFC 8762 section 4.3) and received (RFC 8972 section 4.5) in each.
 *
 * Bounded in number and age: the session with the longest silence is evicted first. A session that returns counts from
 * 0 again. Nothing is allocated after construction. One table per thread: the kernel keeps a flow on one socket of a
 * shared port.
 *
 * The cost of a packet here is its cache misses. So entry `e` (0 to capacity - 1) is 16 words, one line. It moves in
 * the age order only once in `orderMs`, instead of with every packet. The keys of a whole batch of packets can be given
 * at once (`fetch`), so that their misses overlap.
 *
 * | word | content |
 * | ---: | --- |
 * | 0 | see `SessionKey` |
 * | 10 | number of the next reply |
 * | 11 | packets received, including those above the limit of replies |
 * | 12 | time of the last reflected packet, ms modulo 2^32 |
 * | 13 | next entry of the same hash bucket, or of the free list; -1 ends it |
 * | 14, 15 | newer and older neighbour in the age order; -1 at the ends |
 */

import { NativeMemory } from '../net/memory.js';

/**
 * Words of a key: source address (an IPv4 address takes the first word), local address, source port and SSID, listening
 * socket.
 */
export const SessionKey = { source: 0, local: 4, portAndSsid: 8, socket: 9, words: 10 } as const;

const ENTRY_SHIFT = 4;
/** Cache line: entries are aligned to it. */
const LINE_BYTES = 64;
const COUNT = 10;
const RECEIPTS = 11;
const SEEN_MS = 12;
const CHAIN = 13;
const NEWER = 14;
const OLDER = 15;
const NONE = -1;

export class SessionTable {
  /** Sessions evicted because the table was full, and sessions expired by age. */
  evicted = 0;
  expired = 0;
  /**
   * The caller writes the key of packet `p` here, at `p * SessionKey.words`, then calls `prepare`, optionally `fetch`,
   * and `next` or `receivedOnly`.
   */
  readonly keys: Uint32Array;
  /** After `next`: packets received in that session, including this one; modulo 2^32. */
  received = 0;
  private readonly hashes: Int32Array;
  private readonly heads: Int32Array;
  /** Keeps the compiler from removing `fetch` as dead code. */
  fetched = 0;
  private readonly timeoutMs: number;
  private readonly orderMs: number;
  private readonly bucketMask: number;
  private readonly buckets: Int32Array;
  /** The entries, as unsigned and as signed words. */
  private readonly words: Uint32Array;
  private readonly links: Int32Array;
  private free = 0;
  private newest = NONE;
  private oldest = NONE;
  private used = 0;

  /** `orderMs`: resolution of the age order; 0: exact. `packets`: limit of concurrently prepared packets. */
  constructor(capacity: number, timeoutMs: number, orderMs = 0, packets = 1) {
    this.keys = new Uint32Array(packets * SessionKey.words);
    this.hashes = new Int32Array(packets);
    this.heads = new Int32Array(packets);
    this.timeoutMs = timeoutMs;
    this.orderMs = orderMs;
    const buckets = 2 ** Math.ceil(Math.log2(Math.max(2, capacity * 2)));
    this.bucketMask = buckets - 1;
    this.buckets = new Int32Array(buckets).fill(NONE);
    const memory = new NativeMemory((capacity << ENTRY_SHIFT) * 4 + LINE_BYTES);
    const from = (LINE_BYTES - (memory.address % LINE_BYTES)) % LINE_BYTES;
    this.words = new Uint32Array(memory.bytes.buffer, from, capacity << ENTRY_SHIFT);
    this.links = new Int32Array(memory.bytes.buffer, from, capacity << ENTRY_SHIFT);
    for (let entry = 0; entry < capacity; entry++)
      this.links[(entry << ENTRY_SHIFT) + CHAIN] = entry + 1 < capacity ? entry + 1 : NONE;
  }

  get size(): number {
    return this.used;
  }

  /** Hot: hashes the key of a packet. */
  prepare(packet = 0): void {
    this.hashes[packet] = this.hash(this.keys, packet * SessionKey.words);
  }

  /** Hot: prefetches the entries of `count` prepared packets, so that the cache misses overlap. Read-only. */
  fetch(packets: Uint8Array, count: number): void {
    const { heads, hashes, buckets, words } = this;
    for (let i = 0; i < count; i++) heads[i] = buckets[hashes[packets[i]] & this.bucketMask];
    let all = 0;
    for (let i = 0; i < count; i++) if (heads[i] !== NONE) all ^= words[(heads[i] << ENTRY_SHIFT) + COUNT];
    this.fetched = all;
  }

  /** Hot: number of this reply in the session of a prepared packet, from 0, modulo 2^32. */
  next(nowMs: number, packet = 0): number {
    const { words } = this;
    const bucket = this.hashes[packet] & this.bucketMask;
    const from = packet * SessionKey.words;
    let entry = this.find(bucket, from);
    let at = entry << ENTRY_SHIFT;
    if (entry === NONE) {
      entry = this.take(nowMs);
      at = entry << ENTRY_SHIFT;
      for (let i = 0; i < SessionKey.words; i++) words[at + i] = this.keys[from + i];
      words[at + COUNT] = 0;
      words[at + RECEIPTS] = 0;
      this.links[at + CHAIN] = this.buckets[bucket];
      this.buckets[bucket] = entry;
      this.linkNewest(entry);
    } else {
      if (this.isOver(at, nowMs)) {
        this.expired++;
        words[at + COUNT] = 0;
        words[at + RECEIPTS] = 0;
      }
      if (this.orderMs === 0 || Math.floor(nowMs / this.orderMs) !== Math.floor(words[at + SEEN_MS] / this.orderMs)) {
        this.unlinkAge(entry);
        this.linkNewest(entry);
      }
    }
    words[at + SEEN_MS] = nowMs;
    this.received = ++words[at + RECEIPTS];
    return words[at + COUNT]++;
  }

  /** Counts a prepared packet without a reply as received. An unknown session is not created. */
  receivedOnly(packet = 0): void {
    const entry = this.find(this.hashes[packet] & this.bucketMask, packet * SessionKey.words);
    if (entry !== NONE) this.words[(entry << ENTRY_SHIFT) + RECEIPTS]++;
  }

  /** Forgets sessions that were silent too long, at most `limit` of them, to bound the call. */
  expire(nowMs: number, limit: number): void {
    for (let i = 0; i < limit; i++) {
      const entry = this.oldest;
      if (entry === NONE || !this.isOver(entry << ENTRY_SHIFT, nowMs)) return;
      this.forget(entry);
      this.expired++;
    }
  }

  /** Whether the entry at word `at` was silent too long. */
  private isOver(at: number, nowMs: number): boolean {
    return (Math.floor(nowMs) - this.words[at + SEEN_MS]) >>> 0 > this.timeoutMs;
  }

  /** The entry of the key at word `from` of `keys`. */
  private find(bucket: number, from: number): number {
    let entry = this.buckets[bucket];
    while (entry !== NONE && !this.matches(entry << ENTRY_SHIFT, from))
      entry = this.links[(entry << ENTRY_SHIFT) + CHAIN];
    return entry;
  }

  /** Takes a free entry; frees the oldest one when the table is full. */
  private take(nowMs: number): number {
    if (this.free === NONE) {
      const entry = this.oldest;
      if (this.isOver(entry << ENTRY_SHIFT, nowMs)) this.expired++;
      else this.evicted++;
      this.forget(entry);
    }
    const entry = this.free;
    this.free = this.links[(entry << ENTRY_SHIFT) + CHAIN];
    this.used++;
    return entry;
  }

  /** Removes an entry from its bucket and from the age order, and adds it to the free list. */
  private forget(entry: number): void {
    const { links } = this;
    const at = entry << ENTRY_SHIFT;
    const bucket = this.hash(this.words, at) & this.bucketMask;
    let before = NONE;
    for (let other = this.buckets[bucket]; other !== entry; other = links[(other << ENTRY_SHIFT) + CHAIN])
      before = other;
    if (before === NONE) this.buckets[bucket] = links[at + CHAIN];
    else links[(before << ENTRY_SHIFT) + CHAIN] = links[at + CHAIN];
    this.unlinkAge(entry);
    links[at + CHAIN] = this.free;
    this.free = entry;
    this.used--;
  }

  private linkNewest(entry: number): void {
    const { links } = this;
    const at = entry << ENTRY_SHIFT;
    links[at + NEWER] = NONE;
    links[at + OLDER] = this.newest;
    if (this.newest === NONE) this.oldest = entry;
    else links[(this.newest << ENTRY_SHIFT) + NEWER] = entry;
    this.newest = entry;
  }

  private unlinkAge(entry: number): void {
    const { links } = this;
    const at = entry << ENTRY_SHIFT;
    const newer = links[at + NEWER];
    const older = links[at + OLDER];
    if (newer === NONE) this.newest = older;
    else links[(newer << ENTRY_SHIFT) + OLDER] = older;
    if (older === NONE) this.oldest = newer;
    else links[(older << ENTRY_SHIFT) + NEWER] = newer;
  }

  private matches(at: number, from: number): boolean {
    const { words, keys } = this;
    for (let i = 0; i < SessionKey.words; i++) if (words[at + i] !== keys[from + i]) return false;
    return true;
  }

  /**
   * MurmurHash3's mixing over the words, with a fixed seed: an attacker can cause a longer chain, bounded by the table,
   * but no more memory.
   */
  private hash(words: Uint32Array, at: number): number {
    let h = 0x9747b28c;
    for (let i = 0; i < SessionKey.words; i++) {
      let k = Math.imul(words[at + i], 0xcc9e2d51);
      k = (k << 15) | (k >>> 17);
      h ^= Math.imul(k, 0x1b873593);
      h = (h << 13) | (h >>> 19);
      h = (Math.imul(h, 5) + 0xe6546b64) | 0;
    }
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    // Signed: V8 would allocate a number above 2^31.
    return h ^ (h >>> 16);
  }
}
