/**
 * What a prober thread knows of its streams and paths, in columns by stream number and by path within the thread
 * (`stream * source ports of the thread + index`). Addresses lie as the kernel writes them, so that a reply's source is compared word by word.
 */

import type { StreamTable } from '../messages.js';
import { grown, type ProbeSlots } from './slots.js';

const FIRST_CAPACITY = 64;

export class Streams {
  /** Source ports of this thread. */
  readonly ports: number;
  /** 4 or 6; 0: no such stream. */
  family = new Uint8Array(FIRST_CAPACITY);
  tos = new Uint8Array(FIRST_CAPACITY);
  port = new Uint16Array(FIRST_CAPACITY);
  /** Four words a stream, in memory order; an IPv4 address is the first. */
  address = new Uint32Array(FIRST_CAPACITY * 4);
  /** First slot of the stream's block, and slots a path minus 1. */
  slotBase = new Uint32Array(FIRST_CAPACITY);
  slotMask = new Uint32Array(FIRST_CAPACITY);
  /** UDP payload of its probes. */
  payloadBytes = new Uint16Array(FIRST_CAPACITY);
  timeoutNs = new Float64Array(FIRST_CAPACITY);
  /** Next stream of the same target (another class), plus 1; 0: none. For replies without a session identifier. */
  private sameTarget = new Uint32Array(FIRST_CAPACITY);
  private readonly firstOfTarget = new Map<number, number>();
  /** By path: sequence number of the next probe. */
  nextSequence: Uint32Array;
  /** By path: one more than the highest sequence number answered. */
  nextExpected: Uint32Array;
  private readonly slots: ProbeSlots;

  constructor(ports: number, slots: ProbeSlots) {
    this.ports = ports;
    this.slots = slots;
    this.nextSequence = new Uint32Array(FIRST_CAPACITY * ports);
    this.nextExpected = new Uint32Array(FIRST_CAPACITY * ports);
  }

  /** Makes room for new streams whose numbers are below `end`. */
  reserve(count: number, end: number, slotsPerPath: number): void {
    if (end > this.family.length) this.grow(end);
    this.slots.reserve(count, slotsPerPath * this.ports);
  }

  /** Takes new streams in, with `slotsPerPath` (a power of two) slots for each path. */
  add(table: StreamTable, slotsPerPath: number, payloadBytes: number, timeoutNs: number): void {
    const words = new Uint32Array(table.addresses.buffer, table.addresses.byteOffset, table.addresses.byteLength >> 2);
    for (let i = 0; i < table.ids.length; i++) {
      const stream = table.ids[i];
      if (stream >= this.family.length) this.grow(stream + 1);
      this.family[stream] = table.families[i];
      this.tos[stream] = table.tos[i];
      // As the kernel writes it: big-endian, on machines that are little-endian (x64, arm64).
      this.port[stream] = ((table.ports[i] & 0xff) << 8) | (table.ports[i] >> 8);
      for (let word = 0; word < 4; word++) this.address[stream * 4 + word] = words[i * 4 + word];
      this.slotMask[stream] = slotsPerPath - 1;
      this.slotBase[stream] = this.slots.allocate(slotsPerPath * this.ports);
      this.payloadBytes[stream] = payloadBytes;
      this.timeoutNs[stream] = timeoutNs;
      this.nextSequence.fill(0, stream * this.ports, (stream + 1) * this.ports);
      this.nextExpected.fill(0, stream * this.ports, (stream + 1) * this.ports);
      this.link(stream);
    }
  }

  has(stream: number): boolean {
    return stream < this.family.length && this.family[stream] !== 0;
  }

  /** Forgets a stream none of whose probes waits any more. */
  remove(stream: number): void {
    this.unlink(stream);
    this.slots.release(this.slotBase[stream], (this.slotMask[stream] + 1) * this.ports);
    this.family[stream] = 0;
  }

  /** Slot of sequence number `sequence` on source port `index` of `stream`. */
  slot(stream: number, index: number, sequence: number): number {
    const mask = this.slotMask[stream];
    return this.slotBase[stream] + index * (mask + 1) + (sequence & mask);
  }

  /** First stream of the target with this hash, or -1; `next` walks on. The caller compares the address. */
  first(hash: number): number {
    return this.firstOfTarget.get(hash) ?? -1;
  }

  next(stream: number): number {
    return this.sameTarget[stream] - 1;
  }

  private link(stream: number): void {
    const hash = targetHash(this.address, stream * 4, this.family[stream], this.port[stream]);
    this.sameTarget[stream] = (this.firstOfTarget.get(hash) ?? -1) + 1;
    this.firstOfTarget.set(hash, stream);
  }

  private unlink(stream: number): void {
    const hash = targetHash(this.address, stream * 4, this.family[stream], this.port[stream]);
    const next = this.sameTarget[stream] - 1;
    let before = this.first(hash);
    if (before === stream) {
      if (next < 0) this.firstOfTarget.delete(hash);
      else this.firstOfTarget.set(hash, next);
      return;
    }
    while (before >= 0 && this.next(before) !== stream) before = this.next(before);
    if (before >= 0) this.sameTarget[before] = next + 1;
  }

  private grow(least: number): void {
    const capacity = Math.max(least, Math.ceil(this.family.length * 1.5));
    this.family = grown(this.family, capacity);
    this.tos = grown(this.tos, capacity);
    this.port = grown(this.port, capacity);
    this.address = grown(this.address, capacity * 4);
    this.slotBase = grown(this.slotBase, capacity);
    this.slotMask = grown(this.slotMask, capacity);
    this.payloadBytes = grown(this.payloadBytes, capacity);
    this.timeoutNs = grown(this.timeoutNs, capacity);
    this.sameTarget = grown(this.sameTarget, capacity);
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
