/**
 * The standard compressed text of an HdrHistogram (V2, zlib, base64: `HISTFAAA…`), in nanoseconds, that any HdrHistogram reads.
 *
 * It must never say anything else than the histogram's counts; a histogram that is read back has the same percentiles.
 *
 * Before compression (big-endian):
 *
 * | offset | type | field |
 * | ---: | --- | --- |
 * | 0 | i32 | cookie 0x1c849313 |
 * | 4 | i32 | bytes of counts, from offset 40 |
 * | 8 | i32 | normalizing index offset: 0 |
 * | 12 | i32 | significant digits: 3 |
 * | 16 | i64 | lowest discernible value: 1 |
 * | 24 | i64 | highest trackable value |
 * | 32 | f64 | integer-to-double conversion ratio: 1 |
 * | 40 | | counts up to the greatest value, each ZigZag LEB128; -n stands for n > 1 zeros |
 *
 * Around it: i32 cookie 0x1c849314, i32 bytes of what follows, the zlib stream; all of that in base64.
 *
 * Why not the library's `encodeIntoCompressedBase64`: it writes 1 as the index offset and the integer 1 in place of the ratio,
 * where HdrHistogram itself has 0 and 1.0; and for 160 samples it takes 32 µs of CPU where this takes 17 µs (AMD EPYC, Node
 * 20), 10 of them in zlib.
 */

import { deflateSync } from 'node:zlib';
import { type RttHistogram, SIGNIFICANT_DIGITS } from './histogram.js';
import { writeEntry } from './histogramSum.js';

export const COOKIE = 0x1c849313;
export const COMPRESSED_COOKIE = 0x1c849314;
export const COUNTS_OFFSET = 40;
export const ENVELOPE_BYTES = 8;
/** A 32-bit count takes 33 bits as ZigZag. */
export const MAX_COUNT_BYTES = 5;

/** Small windows: to set up and clear zlib's usual 256 KB would cost more than to compress the few hundred bytes of a row. */
const DEFLATE_OPTIONS = { level: 6, memLevel: 4, windowBits: 12, chunkSize: 4096 } as const;

export class HdrTextEncoder {
  private plain = Buffer.alloc(4096);
  private envelope = Buffer.alloc(4096);
  private sparseBytes = Buffer.alloc(4096);
  private sparseLength = 0;

  /** The sparse form (`histogramSum.ts`) of the histogram that was encoded last: it falls off. Copy it before the next. */
  get sparse(): Uint8Array {
    return this.sparseBytes.subarray(0, this.sparseLength);
  }

  encode(histogram: RttHistogram): string {
    const length = this.writePlain(histogram);
    const compressed = deflateSync(this.plain.subarray(0, length), DEFLATE_OPTIONS);
    const total = ENVELOPE_BYTES + compressed.length;
    if (this.envelope.length < total) this.envelope = Buffer.alloc(total * 2);
    this.envelope.writeInt32BE(COMPRESSED_COOKIE, 0);
    this.envelope.writeInt32BE(compressed.length, 4);
    this.envelope.set(compressed, ENVELOPE_BYTES);
    return this.envelope.toString('base64', 0, total);
  }

  private writePlain(histogram: RttHistogram): number {
    const { hdr, firstIndex, lastIndex } = histogram;
    const most = COUNTS_OFFSET + (lastIndex - firstIndex + 2) * MAX_COUNT_BYTES;
    if (this.plain.length < most) this.plain = Buffer.alloc(most * 2);
    if (this.sparseBytes.length < most * 2) this.sparseBytes = Buffer.alloc(most * 2);
    const { plain, sparseBytes } = this;
    let sparse = 0;
    let before = -1;
    let offset = writeZeros(plain, COUNTS_OFFSET, firstIndex);
    let zeros = 0;
    for (let index = firstIndex; index <= lastIndex; index++) {
      const count = hdr.getCountAtIndex(index);
      if (count === 0) {
        zeros++;
        continue;
      }
      offset = writeZeros(plain, offset, zeros);
      zeros = 0;
      offset = writeLeb128(plain, offset, count * 2);
      sparse = writeEntry(sparseBytes, sparse, index - before, count);
      before = index;
    }
    sparseBytes[sparse++] = 0;
    this.sparseLength = sparse;
    // Only an empty histogram ends in a zero.
    offset = writeZeros(plain, offset, zeros);
    plain.writeInt32BE(COOKIE, 0);
    plain.writeInt32BE(offset - COUNTS_OFFSET, 4);
    plain.writeInt32BE(0, 8);
    plain.writeInt32BE(SIGNIFICANT_DIGITS, 12);
    writeInt64BE(plain, 1, 16);
    writeInt64BE(plain, hdr.highestTrackableValue, 24);
    plain.writeDoubleBE(1, 32);
    return offset;
  }
}

/** A run of zero counts: nothing, the count 0, or its negative length. */
function writeZeros(bytes: Buffer, offset: number, zeros: number): number {
  if (zeros === 0) return offset;
  return writeLeb128(bytes, offset, zeros === 1 ? 0 : zeros * 2 - 1);
}

/** LEB128 of a number that is ZigZag already; up to 2^35, so the format's 64-bit variant does not differ. */
function writeLeb128(bytes: Buffer, offset: number, zigzag: number): number {
  let rest = zigzag;
  let at = offset;
  while (rest >= 0x80) {
    bytes[at++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  bytes[at++] = rest;
  return at;
}

/** A non-negative integer up to 2^53. */
function writeInt64BE(bytes: Buffer, value: number, offset: number): void {
  bytes.writeUInt32BE(Math.floor(value / 2 ** 32), offset);
  bytes.writeUInt32BE(value % 2 ** 32, offset + 4);
}
