/**
 * Streams and paths of a prober thread, in columns: by stream number, and by path within the thread (`stream * source
 * ports of the thread + index`). Addresses are stored as the kernel writes them, so that a reply's source is compared
 * word by word.
 */

import { column, grown } from '../../base/growable.js';
import { MAX_STREAMS, type StreamTable } from '../../threads/messages.js';
import type { ProbeSlots } from './slots.js';

const FIRST_CAPACITY = 64;
/** Buckets of targets, a power of two: about one a stream of the largest plan. */
const BUCKETS = 2 ** 16;
/**
 * Number 0 is skipped. So a reflector that counts replies from 0 is behind from the start, and differs from one that
 * copies numbers.
 */
const FIRST_SEQUENCE = 1;

export class Streams {
  /** Source ports of this thread. */
  readonly ports: number;
  /** 4 or 6; 0 for an unused stream number. */
  family = column(Uint8Array, FIRST_CAPACITY, MAX_STREAMS);
  tos = column(Uint8Array, FIRST_CAPACITY, MAX_STREAMS);
  port = column(Uint16Array, FIRST_CAPACITY, MAX_STREAMS);
  /** Four words a stream, in memory order; an IPv4 address is the first. */
  address = column(Uint32Array, FIRST_CAPACITY * 4, MAX_STREAMS * 4);
  /** IPv4: the local address to send from; IPv6: the interface, of a link-local address. See `StreamTable.locals`. */
  local = column(Uint32Array, FIRST_CAPACITY, MAX_STREAMS);
  /** The target's share of the IPv6 flow label, equal for all of its classes. */
  flow = column(Uint32Array, FIRST_CAPACITY, MAX_STREAMS);
  /** First slot of the stream's block, and slots a path minus 1. */
  slotBase = column(Uint32Array, FIRST_CAPACITY, MAX_STREAMS);
  slotMask = column(Uint32Array, FIRST_CAPACITY, MAX_STREAMS);
  /** Number of the probes' format (`Formats`). */
  format = column(Uint16Array, FIRST_CAPACITY, MAX_STREAMS);
  timeoutNs = column(Float64Array, FIRST_CAPACITY, MAX_STREAMS);
  /** Number of the set of source ports that send its probes. */
  set = column(Uint32Array, FIRST_CAPACITY, MAX_STREAMS);
  /** 0 while the stream is probed, otherwise the number of the change that retired it. */
  retiredBy = column(Uint32Array, FIRST_CAPACITY, MAX_STREAMS);
  /**
   * Next stream of the bucket (another class of the target, or another target), plus 1; 0 at the end. For replies
   * without a session identifier.
   */
  private nextInBucket = column(Uint32Array, FIRST_CAPACITY, MAX_STREAMS);
  /** First stream of each bucket, plus 1. A `Map` would rehash for milliseconds when thousands of targets are added. */
  private readonly buckets = column(Uint32Array, BUCKETS, BUCKETS);
  /** By path: sequence number of the next probe. */
  nextSequence: Uint32Array;
  /** By path: one more than the highest sequence number answered. */
  nextExpected: Uint32Array;
  private readonly slots: ProbeSlots;

  constructor(ports: number, slots: ProbeSlots) {
    this.ports = ports;
    this.slots = slots;
    this.nextSequence = column(Uint32Array, FIRST_CAPACITY * ports, MAX_STREAMS * ports);
    this.nextExpected = column(Uint32Array, FIRST_CAPACITY * ports, MAX_STREAMS * ports);
  }

  /**
   * Adds streams, rows `from` to before `to` of the table, with `slotsPerPath` (a power of two) slots for each path.
   */
  add(
    table: StreamTable,
    slotsPerPath: number,
    format: number,
    timeoutNs: number,
    from = 0,
    to = table.ids.length,
  ): void {
    const words = new Uint32Array(table.addresses.buffer, table.addresses.byteOffset, table.addresses.byteLength >> 2);
    for (let i = from; i < to; i++) {
      const stream = table.ids[i];
      if (stream >= this.family.length) this.grow(stream + 1);
      this.family[stream] = table.families[i];
      this.tos[stream] = table.tos[i];
      // As the kernel writes it: big-endian, on little-endian machines (x64, arm64).
      this.port[stream] = ((table.ports[i] & 0xff) << 8) | (table.ports[i] >> 8);
      for (let word = 0; word < 4; word++) this.address[stream * 4 + word] = words[i * 4 + word];
      this.local[stream] = table.locals[i];
      this.flow[stream] = targetHash(this.address, stream * 4, this.family[stream], this.port[stream]);
      this.slotMask[stream] = slotsPerPath - 1;
      this.slotBase[stream] = this.slots.allocate(this.slotsOf(stream));
      this.format[stream] = format;
      this.timeoutNs[stream] = timeoutNs;
      this.retiredBy[stream] = 0;
      this.nextSequence.fill(FIRST_SEQUENCE, stream * this.ports, (stream + 1) * this.ports);
      this.nextExpected.fill(FIRST_SEQUENCE, stream * this.ports, (stream + 1) * this.ports);
      this.link(stream);
    }
  }

  has(stream: number): boolean {
    return stream < this.family.length && this.family[stream] !== 0;
  }

  /** Forgets a stream whose probes are all decided. */
  remove(stream: number): void {
    this.unlink(stream);
    this.slots.release(this.slotBase[stream], this.slotsOf(stream));
    this.family[stream] = 0;
    this.retiredBy[stream] = 0;
  }

  /**
   * Slots of all paths of a stream, plus one. Consecutive probes belong to adjacent streams. With blocks of a power of
   * two their slots would share a few sets of the cache.
   */
  slotsOf(stream: number): number {
    return (this.slotMask[stream] + 1) * this.ports + 1;
  }

  /** Slot of sequence number `sequence` on source port `index` of `stream`. */
  slot(stream: number, index: number, sequence: number): number {
    const mask = this.slotMask[stream];
    return this.slotBase[stream] + index * (mask + 1) + (sequence & mask);
  }

  /** First stream in the bucket of a target's hash, or -1; `next` continues. The caller compares the address. */
  first(hash: number): number {
    return this.buckets[bucketOf(hash)] - 1;
  }

  next(stream: number): number {
    return this.nextInBucket[stream] - 1;
  }

  /** Whether two streams have the same source ports and the same target (address and port). */
  sameFlows(one: number, other: number): boolean {
    const { address, family, port, set } = this;
    if (family[one] !== family[other] || port[one] !== port[other] || set[one] !== set[other]) return false;
    for (let word = 0; word < 4; word++) if (address[one * 4 + word] !== address[other * 4 + word]) return false;
    return true;
  }

  private link(stream: number): void {
    const bucket = this.bucket(stream);
    this.nextInBucket[stream] = this.buckets[bucket];
    this.buckets[bucket] = stream + 1;
  }

  private unlink(stream: number): void {
    const bucket = this.bucket(stream);
    const after = this.nextInBucket[stream];
    let before = this.buckets[bucket] - 1;
    if (before === stream) {
      this.buckets[bucket] = after;
      return;
    }
    while (before >= 0 && this.next(before) !== stream) before = this.next(before);
    if (before >= 0) this.nextInBucket[before] = after;
  }

  private bucket(stream: number): number {
    return bucketOf(targetHash(this.address, stream * 4, this.family[stream], this.port[stream]));
  }

  private grow(least: number): void {
    const capacity = Math.max(least, Math.ceil(this.family.length * 1.5));
    this.family = grown(this.family, capacity);
    this.tos = grown(this.tos, capacity);
    this.port = grown(this.port, capacity);
    this.address = grown(this.address, capacity * 4);
    this.local = grown(this.local, capacity);
    this.flow = grown(this.flow, capacity);
    this.slotBase = grown(this.slotBase, capacity);
    this.slotMask = grown(this.slotMask, capacity);
    this.format = grown(this.format, capacity);
    this.timeoutNs = grown(this.timeoutNs, capacity);
    this.set = grown(this.set, capacity);
    this.retiredBy = grown(this.retiredBy, capacity);
    this.nextInBucket = grown(this.nextInBucket, capacity);
    this.nextSequence = grown(this.nextSequence, capacity * this.ports);
    this.nextExpected = grown(this.nextExpected, capacity * this.ports);
  }
}

/** A 31-bit hash of an address (as memory words) and a port. */
export function targetHash(words: Uint32Array, at: number, family: number, port: number): number {
  let hash = Math.imul(words[at] ^ port, 0x9e3779b1);
  if (family === 6)
    for (let word = 1; word < 4; word++) hash = Math.imul(hash ^ words[at + word], 0x85ebca6b) ^ (hash >>> 15);
  return (hash ^ (hash >>> 13)) & 0x7fffffff;
}

/** The upper bits of the hash depend on every bit of the address. */
const bucketOf = (hash: number): number => hash >>> 15;
