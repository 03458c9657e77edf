/**
 * The sessions of a reflector: how many packets of each it has reflected (RFC 8762 section 4.3) and received (RFC 8972 section 4.5).
 *
 * Bounded in number and age: the session that was silent longest goes first. A session that comes back counts from 0 again.
 * Nothing is allocated after construction. One thread's table: the kernel keeps a flow on one socket of a shared port.
 *
 * Entry `e` (0 to capacity - 1), in columns:
 *
 * | column | type | content |
 * | --- | --- | --- |
 * | keys | 10 x u32 | see `SessionKey` |
 * | counts | u32 | number of the next reply |
 * | receipts | u32 | packets received, also those that found the limit of replies reached |
 * | seenMs | f64 | when the last packet came |
 * | chain | i32 | next entry of the same hash bucket, or of the free list; -1 ends it |
 * | newer, older | i32 | neighbours in order of `seenMs`; -1 at the ends |
 */

/** Words of a key: source address (an IPv4 address takes the first word), local address, source port and SSID, listening socket. */
export const SessionKey = { source: 0, local: 4, portAndSsid: 8, socket: 9, words: 10 } as const;

const NONE = -1;

export class SessionTable {
  /** Sessions that were forgotten for want of room, and for age. */
  evicted = 0;
  expired = 0;
  /** The caller writes the key here, then calls `next`. */
  readonly key = new Uint32Array(SessionKey.words);
  /** After `next`: packets received in that session, this one included; modulo 2^32. */
  received = 0;
  private readonly timeoutMs: number;
  private readonly bucketMask: number;
  private readonly buckets: Int32Array;
  private readonly keys: Uint32Array;
  private readonly counts: Uint32Array;
  private readonly receipts: Uint32Array;
  private readonly seenMs: Float64Array;
  private readonly chain: Int32Array;
  private readonly newer: Int32Array;
  private readonly older: Int32Array;
  private free = 0;
  private newest = NONE;
  private oldest = NONE;
  private used = 0;

  constructor(capacity: number, timeoutMs: number) {
    this.timeoutMs = timeoutMs;
    const buckets = 2 ** Math.ceil(Math.log2(Math.max(2, capacity * 2)));
    this.bucketMask = buckets - 1;
    this.buckets = new Int32Array(buckets).fill(NONE);
    this.keys = new Uint32Array(capacity * SessionKey.words);
    this.counts = new Uint32Array(capacity);
    this.receipts = new Uint32Array(capacity);
    this.seenMs = new Float64Array(capacity);
    this.chain = Int32Array.from({ length: capacity }, (_, entry) => (entry + 1 < capacity ? entry + 1 : NONE));
    this.newer = new Int32Array(capacity).fill(NONE);
    this.older = new Int32Array(capacity).fill(NONE);
  }

  get size(): number {
    return this.used;
  }

  /** Hot: the number, from 0 and modulo 2^32, of this reply in the session of `key`. */
  next(nowMs: number): number {
    const bucket = this.hash() & this.bucketMask;
    let entry = this.find(bucket);
    if (entry === NONE) {
      entry = this.take(nowMs);
      this.keys.set(this.key, entry * SessionKey.words);
      this.counts[entry] = 0;
      this.receipts[entry] = 0;
      this.chain[entry] = this.buckets[bucket];
      this.buckets[bucket] = entry;
    } else {
      if (nowMs - this.seenMs[entry] > this.timeoutMs) {
        this.expired++;
        this.counts[entry] = 0;
        this.receipts[entry] = 0;
      }
      this.unlinkAge(entry);
    }
    this.linkNewest(entry, nowMs);
    const number = this.counts[entry];
    this.counts[entry] = number + 1;
    this.receipts[entry]++;
    this.received = this.receipts[entry];
    return number;
  }

  /** A packet of the session of `key` that is not reflected: it counts as received. One of a session that is not held leaves no trace. */
  receivedOnly(): void {
    const entry = this.find(this.hash() & this.bucketMask);
    if (entry !== NONE) this.receipts[entry]++;
  }

  private find(bucket: number): number {
    let entry = this.buckets[bucket];
    while (entry !== NONE && !this.matches(entry)) entry = this.chain[entry];
    return entry;
  }

  /** Forgets sessions that were silent too long: at most `limit` of them, so that a call is short. */
  expire(nowMs: number, limit: number): void {
    for (let i = 0; i < limit; i++) {
      const entry = this.oldest;
      if (entry === NONE || nowMs - this.seenMs[entry] <= this.timeoutMs) return;
      this.forget(entry);
      this.expired++;
    }
  }

  /** A free entry; makes one where none is. */
  private take(nowMs: number): number {
    if (this.free === NONE) {
      const entry = this.oldest;
      if (nowMs - this.seenMs[entry] > this.timeoutMs) this.expired++;
      else this.evicted++;
      this.forget(entry);
    }
    const entry = this.free;
    this.free = this.chain[entry];
    this.used++;
    return entry;
  }

  /** Takes an entry out of its bucket and of the order of age, and puts it on the free list. */
  private forget(entry: number): void {
    const bucket = this.hashAt(this.keys, entry * SessionKey.words) & this.bucketMask;
    let before = NONE;
    for (let at = this.buckets[bucket]; at !== entry; at = this.chain[at]) before = at;
    if (before === NONE) this.buckets[bucket] = this.chain[entry];
    else this.chain[before] = this.chain[entry];
    this.unlinkAge(entry);
    this.chain[entry] = this.free;
    this.free = entry;
    this.used--;
  }

  private linkNewest(entry: number, nowMs: number): void {
    this.seenMs[entry] = nowMs;
    this.newer[entry] = NONE;
    this.older[entry] = this.newest;
    if (this.newest === NONE) this.oldest = entry;
    else this.newer[this.newest] = entry;
    this.newest = entry;
  }

  private unlinkAge(entry: number): void {
    const newer = this.newer[entry];
    const older = this.older[entry];
    if (newer === NONE) this.newest = older;
    else this.older[newer] = older;
    if (older === NONE) this.oldest = newer;
    else this.newer[older] = newer;
  }

  private matches(entry: number): boolean {
    const { keys, key } = this;
    const at = entry * SessionKey.words;
    for (let i = 0; i < SessionKey.words; i++) if (keys[at + i] !== key[i]) return false;
    return true;
  }

  private hash(): number {
    return this.hashAt(this.key, 0);
  }

  /** MurmurHash3's mixing over the words. The seed is fixed: a forger gains a longer chain, bounded by the table, never more memory. */
  private hashAt(words: Uint32Array, at: number): number {
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
    return (h ^ (h >>> 16)) >>> 0;
  }
}
