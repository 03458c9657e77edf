/**
 * Ends loops of packets that are returned unchanged: the probes of LLAMA. A packet with a forged source starts a loop
 * between two reflectors, because a probe and its reply have the same bytes. Two probes always differ, by their time
 * and a random signature. So a packet that repeats from the same sender runs in a loop, and dropping it once ends the
 * loop.
 *
 * It must answer packets that the network duplicated, because the sender counts them: the first copies are answered.
 *
 * Slot `s`, by hash of source address, source port and the first 36 bytes:
 *
 * | column | type | content |
 * | --- | --- | --- |
 * | tags | u32 | a second hash of the same; two packets are confused once in four billion |
 * | counts | u8 | copies so far |
 * | sinceMs | f64 | time of the first copy |
 *
 * A slot is overwritten by the next packet with the same index. A loop is fast, so its slot survives long enough.
 */

import { LLAMA_LEGACY_BYTES } from '../wire/dropboxLegacy.js';

const SLOTS = 8192;
/** Copies that are answered. */
export const COPIES = 3;
/** After this time the count restarts: a probe in transit is younger. */
const FORGET_MS = 10_000;

export class RepeatGuard {
  private readonly tags = new Uint32Array(SLOTS);
  private readonly counts = new Uint8Array(SLOTS);
  private readonly sinceMs = new Float64Array(SLOTS);
  private a = 0;
  private b = 0;

  /**
   * Hot: whether the packet at `offset` (at least 15 bytes) has repeated too often. Its source is at `name`,
   * `nameBytes` long, in whole words.
   */
  repeats(view: DataView, name: number, nameBytes: number, offset: number, length: number, nowMs: number): boolean {
    this.a = 0x9747b28c;
    this.b = length;
    for (let at = name; at < name + nameBytes; at += 4) this.mix(view.getUint32(at));
    const words = Math.min(length, LLAMA_LEGACY_BYTES) >> 2;
    for (let word = 0; word < words; word++) this.mix(view.getUint32(offset + word * 4));
    const slot = (this.a ^ (this.a >>> 15)) & (SLOTS - 1);
    const tag = (this.b ^ (this.b >>> 13)) >>> 0;
    if (this.tags[slot] !== tag || this.counts[slot] === 0 || nowMs - this.sinceMs[slot] > FORGET_MS) {
      this.tags[slot] = tag;
      this.counts[slot] = 1;
      this.sinceMs[slot] = nowMs;
      return false;
    }
    if (this.counts[slot] === COPIES) return true;
    this.counts[slot]++;
    return false;
  }

  private mix(word: number): void {
    const k = Math.imul(word, 0xcc9e2d51);
    this.a = Math.imul(this.a ^ ((k << 15) | (k >>> 17)), 0x1b873593) + 0xe6546b64;
    this.a = (this.a << 13) | (this.a >>> 19);
    this.b = Math.imul(this.b ^ word, 0x85ebca6b) + 0x27d4eb2f;
    this.b ^= this.b >>> 11;
  }
}
