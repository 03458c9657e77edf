/**
 * The ring between one prober thread and the aggregator: single producer, single consumer, over a SharedArrayBuffer.
 *
 * It never blocks and never overwrites: when it is full, `push` drops the record and the producer counts it.
 *
 * Header (bytes):
 *
 * | offset | type | field | written by |
 * | ---: | --- | --- | --- |
 * | 0 | u32 | head: records ever written, modulo 2^32 | producer |
 * | 64 | u32 | tail: records ever read, modulo 2^32 | consumer |
 * | 72 | f64 | records of a final outcome ever read | consumer |
 * | 80 | f64 | probes ever reported as lost with a dead producer | consumer |
 * | 128 | | the records, 48 bytes each | producer |
 *
 * Record:
 *
 * | offset | type | field |
 * | ---: | --- | --- |
 * | 0 | u32 | path: stream * source ports + source port index |
 * | 4 | u8 | outcome (`Outcome`) |
 * | 5 | u8 | flags (`RecordFlag`) |
 * | 6 | u8 | TOS or traffic class of the received reply; unreachable: the ICMP type; too big: the IP version (4, 6) of the ICMP error, 0: refused by this host's kernel |
 * | 7 | u8 | TTL or hop limit of the received reply; unreachable: the ICMP code |
 * | 8 | f64 | sent, ns on the collector's time line (`src/net/clock.ts`) |
 * | 16 | f64 | received, ns on the same line; 0 without a reply |
 * | 24 | u32 | residence in the reflector, ns, at most 2^32 - 1; `detail` for the other outcomes, see below |
 * | 28 | u32 | sequence number of the probe on its path |
 * | 32 | f64 | received: T2 - T1, ns, by two clocks; only with the flag `timed` |
 * | 40 | u8 | received: DSCP as the reflector received it; 255: unknown |
 * | 41 | u8 | received: TTL or hop limit as the reflector received it; 0: unknown |
 * | 32 | 16 bytes | unreachable, or too big for a router: the address that sent the ICMP error, an IPv4 address in the first 4; zeros: unknown |
 * | 42 | | unused otherwise |
 *
 * `detail` is the MTU for a probe that was too big (0: unknown), the errno for a send error, the IP version (4, 6) of
 * the ICMP error for an unreachable probe.
 *
 * The consumer's two totals are stored here, because a new consumer on a used ring must know them.
 *
 * Head and tail have their own cache lines, so that the two threads do not contend for one.
 *
 * A record of outcome `watermark` means: every probe sent before `sent` is decided, and its record precedes this one.
 * It travels in the ring, so its order among the records is certain.
 */

export const RECORD_BYTES = 48;
const RECORD_WORDS = RECORD_BYTES / 4;
const RECORD_DOUBLES = RECORD_BYTES / 8;
/** First word of the origin of an ICMP error, and the number of words. */
const ORIGIN_WORD = 8;
export const ORIGIN_WORDS = 4;
/** Value of an unknown byte of a record. */
export const UNKNOWN_BYTE = 0xff;
const HEAD_INDEX = 0;
const TAIL_INDEX = 16;
const TOTALS_OFFSET = 72;
const FINALS_TOTAL = 0;
const LOSSES_TOTAL = 1;
const HEADER_BYTES = 128;

/** The outcome of a probe. The first five are final: each sent probe gets exactly one of them. */
export const Outcome = {
  received: 0,
  lost: 1,
  unreachable: 2,
  localDrop: 3,
  /** Larger than the MTU of a link, as reported by this host's kernel at sending, or by a router. Not a loss. */
  tooBig: 4,
  /** A reply after the timeout. The probe was counted lost before; this record is additional. */
  late: 5,
  /** A further reply to a probe that has one. */
  duplicate: 6,
  /** The kernel refused to send, so there was no probe. */
  sendError: 7,
  /**
   * The direction of a lost probe. It was counted lost before; this record is additional, and counts only in the
   * probe's interval.
   */
  lostForward: 8,
  lostReverse: 9,
  watermark: 10,
} as const;
export type Outcome = (typeof Outcome)[keyof typeof Outcome];

/** Outcomes up to this one are final. */
export const LAST_FINAL_OUTCOME = Outcome.tooBig;

export const RecordFlag = {
  /** RFC 4737: a probe with a higher sequence number was answered earlier. */
  reordered: 1,
  /** Received, but without a trustworthy RTT (a clock step, or a residence longer than the round trip). */
  noRtt: 2,
  /** `sent` is the kernel's send stamp, not the time before the system call. */
  kernelSent: 4,
  /** The record has the reflector's times: `forwardNs`. */
  timed: 8,
  /** Both hosts report that a time service keeps their clock synchronised. */
  clocksKept: 16,
  /** The probe or its reply arrived with another DSCP than the class has. */
  remarked: 32,
  /** The probe or its reply arrived with a mark of congestion (ECN's CE). */
  ceMarked: 64,
  /** The kernel did not deliver the reply's marking: the record's TOS is meaningless. */
  tosUnknown: 128,
} as const;

/** Bytes of a ring of `capacity` records (a power of two). */
export function ringBytes(capacity: number): number {
  if (capacity < 2 || (capacity & (capacity - 1)) !== 0)
    throw new RangeError(`ring capacity ${capacity} is not a power of two`);
  return HEADER_BYTES + capacity * RECORD_BYTES;
}

export function createRing(capacity: number): SharedArrayBuffer {
  return new SharedArrayBuffer(ringBytes(capacity));
}

/** The fields shared by both ends. */
class RingView {
  readonly capacity: number;
  protected readonly mask: number;
  protected readonly header: Int32Array;
  protected readonly u32: Uint32Array;
  protected readonly u8: Uint8Array;
  protected readonly f64: Float64Array;

  constructor(memory: SharedArrayBuffer) {
    this.capacity = (memory.byteLength - HEADER_BYTES) / RECORD_BYTES;
    ringBytes(this.capacity);
    this.mask = this.capacity - 1;
    this.header = new Int32Array(memory, 0, HEADER_BYTES / 4);
    this.u32 = new Uint32Array(memory, HEADER_BYTES);
    this.u8 = new Uint8Array(memory, HEADER_BYTES);
    this.f64 = new Float64Array(memory, HEADER_BYTES);
  }

  /** Records written and not yet read, from this thread's view. */
  get size(): number {
    return (Atomics.load(this.header, HEAD_INDEX) - Atomics.load(this.header, TAIL_INDEX)) >>> 0;
  }
}

/** The prober's end. Records become visible with `publish`, a batch at a time. */
export class RingProducer extends RingView {
  private head: number;
  private tailSeen: number;

  /** A new producer on a used ring continues after the last published record. */
  constructor(memory: SharedArrayBuffer) {
    super(memory);
    this.head = Atomics.load(this.header, HEAD_INDEX);
    this.tailSeen = Atomics.load(this.header, TAIL_INDEX);
  }

  /** Hot: writes one record, not yet visible. False, without effect, when the ring is full. */
  push(
    path: number,
    outcome: number,
    flags: number,
    tos: number,
    ttl: number,
    sentNs: number,
    receivedNs: number,
    residenceNs: number,
    sequence: number,
  ): boolean {
    if ((this.head - this.tailSeen) >>> 0 >= this.capacity) {
      this.tailSeen = Atomics.load(this.header, TAIL_INDEX);
      if ((this.head - this.tailSeen) >>> 0 >= this.capacity) return false;
    }
    const slot = this.head & this.mask;
    const word = slot * RECORD_WORDS;
    const byte = slot * RECORD_BYTES;
    const double = slot * RECORD_DOUBLES;
    this.u32[word] = path;
    this.u8[byte + 4] = outcome;
    this.u8[byte + 5] = flags;
    this.u8[byte + 6] = tos;
    this.u8[byte + 7] = ttl;
    this.f64[double + 1] = sentNs;
    this.f64[double + 2] = receivedNs;
    this.u32[word + 6] = residenceNs;
    this.u32[word + 7] = sequence;
    this.head = (this.head + 1) | 0;
    return true;
  }

  /**
   * Hot: completes the last pushed record, of a received probe. `forwardNs[0]`: a number as an argument would be
   * allocated.
   */
  detail(forwardNs: Float64Array, dscp: number, ttl: number): void {
    const slot = (this.head - 1) & this.mask;
    this.f64[slot * RECORD_DOUBLES + 4] = forwardNs[0];
    this.u8[slot * RECORD_BYTES + 40] = dscp;
    this.u8[slot * RECORD_BYTES + 41] = ttl;
  }

  /**
   * Adds the origin to the last pushed record, of a probe with an ICMP error. `words`: `ORIGIN_WORDS`, in memory order.
   */
  origin(words: Uint32Array): void {
    const word = ((this.head - 1) & this.mask) * RECORD_WORDS + ORIGIN_WORD;
    for (let i = 0; i < ORIGIN_WORDS; i++) this.u32[word + i] = words[i];
  }

  /** Makes all pushed records visible to the consumer. */
  publish(): void {
    Atomics.store(this.header, HEAD_INDEX, this.head);
  }
}

/**
 * The aggregator's end. Read with
 * `const n = ring.begin(); for (let i = 0; i < n; i++) { ring.select(i); … ring.path … } ring.release(n, finals);`
 */
export class RingConsumer extends RingView {
  private readonly totals: Float64Array;
  private tail: number;
  private slot = 0;

  /** A new consumer on a used ring continues after the last released record. */
  constructor(memory: SharedArrayBuffer) {
    super(memory);
    this.totals = new Float64Array(memory, TOTALS_OFFSET, 2);
    this.tail = Atomics.load(this.header, TAIL_INDEX);
  }

  /** Records that can be read now. */
  begin(): number {
    return (Atomics.load(this.header, HEAD_INDEX) - this.tail) >>> 0;
  }

  /** Points the field getters at the record `index` places after the tail. */
  select(index: number): void {
    this.slot = (this.tail + index) & this.mask;
  }

  get path(): number {
    return this.u32[this.slot * RECORD_WORDS];
  }
  get outcome(): number {
    return this.u8[this.slot * RECORD_BYTES + 4];
  }
  get flags(): number {
    return this.u8[this.slot * RECORD_BYTES + 5];
  }
  get tos(): number {
    return this.u8[this.slot * RECORD_BYTES + 6];
  }
  get ttl(): number {
    return this.u8[this.slot * RECORD_BYTES + 7];
  }
  get sentNs(): number {
    return this.f64[this.slot * RECORD_DOUBLES + 1];
  }
  get receivedNs(): number {
    return this.f64[this.slot * RECORD_DOUBLES + 2];
  }
  get residenceNs(): number {
    return this.u32[this.slot * RECORD_WORDS + 6];
  }
  /** Same word as `residenceNs`: MTU, errno or IP version, by outcome. */
  get detail(): number {
    return this.u32[this.slot * RECORD_WORDS + 6];
  }
  /** Word `i` of the origin of a probe's ICMP error, in memory order. */
  originWord(i: number): number {
    return this.u32[this.slot * RECORD_WORDS + ORIGIN_WORD + i];
  }
  get sequence(): number {
    return this.u32[this.slot * RECORD_WORDS + 7];
  }
  get forwardNs(): number {
    return this.f64[this.slot * RECORD_DOUBLES + 4];
  }
  get forwardDscp(): number {
    return this.u8[this.slot * RECORD_BYTES + 40];
  }
  get forwardTtl(): number {
    return this.u8[this.slot * RECORD_BYTES + 41];
  }

  /**
   * Returns the space of `count` records to the producer, `finals` of them with a final outcome. The total and the tail
   * are written consecutively, without a call or a loop in between, the only places where a thread can be terminated.
   * So the next consumer never rereads a record that is already in the total.
   */
  release(count: number, finals: number): void {
    const tail = (this.tail + count) | 0;
    this.tail = tail;
    this.totals[FINALS_TOTAL] += finals;
    Atomics.store(this.header, TAIL_INDEX, tail);
  }

  /** Records of a final outcome released since the ring was created, by this consumer and earlier ones. */
  get finalsReleased(): number {
    return this.totals[FINALS_TOTAL];
  }

  /** Probes reported as lost with a dead producer since the ring was created. */
  get lossesReported(): number {
    return this.totals[LOSSES_TOTAL];
  }
  set lossesReported(probes: number) {
    this.totals[LOSSES_TOTAL] = probes;
  }
}
