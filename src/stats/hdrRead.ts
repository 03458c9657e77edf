/**
 * Reads the text that `hdrText.ts` writes, as pairs of index and count. An interval uses at most some hundred of the
 * 23,552 indexes. A histogram object of 13 KB for each row would cost more than the rest of the reading.
 *
 * The text comes from another host and is untrusted: reading always ends, within fixed memory, and reports any error.
 *
 * Collectors store short histograms without compression (`hdrText.ts`). These are read here; zlib reads all others,
 * because its setup alone takes longer.
 */

import { inflateSync } from 'node:zlib';
import {
  adler32,
  CHECKSUM_BYTES,
  COMPRESSED_COOKIE,
  COOKIE,
  COUNTS_OFFSET,
  ENVELOPE_BYTES,
  MAX_COUNT_BYTES,
  STORED_HEAD,
  STORED_HEAD_BYTES,
} from './hdrText.js';
import { INDEXES, SIGNIFICANT_DIGITS } from './histogram.js';

/** Every index with the longest count; a text that unpacks to more is refused before its memory is allocated. */
const MAX_PLAIN_BYTES = COUNTS_OFFSET + INDEXES * MAX_COUNT_BYTES;
/** Worst-case length after zlib and base64. */
const MAX_TEXT_LENGTH = Math.ceil(((MAX_PLAIN_BYTES + 1024) * 4) / 3);
const MAX_COUNT = 2 ** 32 - 1;
/**
 * A row's histogram usually unpacks to some hundred bytes. With zlib's default output of 16 KB, reading took a quarter
 * longer.
 */
const INFLATE_OPTIONS = { maxOutputLength: MAX_PLAIN_BYTES, chunkSize: 2048 } as const;

export class HdrTextReader {
  /** Result of the last text: the indexes with counts, ascending, and their counts; `length` entries. */
  readonly indexes = new Uint16Array(INDEXES);
  readonly counts = new Float64Array(INDEXES);
  length = 0;
  /** Sum of the counts. */
  total = 0;

  private readonly envelope = Buffer.alloc(Math.ceil((MAX_TEXT_LENGTH * 3) / 4) + 4);

  /** Returns the error of the text, or null after filling the fields. After an error they are empty. */
  read(text: string): string | null {
    this.length = 0;
    this.total = 0;
    const problem = this.unpack(text);
    if (problem !== null) {
      this.length = 0;
      this.total = 0;
    }
    return problem;
  }

  private unpack(text: string): string | null {
    if (text.length > MAX_TEXT_LENGTH) return `${text.length} characters, expected at most ${MAX_TEXT_LENGTH}`;
    const { envelope } = this;
    const bytes = envelope.write(text, 0, 'base64');
    if (bytes < ENVELOPE_BYTES || envelope.readInt32BE(0) !== COMPRESSED_COOKIE)
      return 'no compressed HdrHistogram V2 in base64';
    if (envelope.readInt32BE(4) !== bytes - ENVELOPE_BYTES) return 'its length is not the one that it says';
    let plain: Buffer;
    try {
      plain = storedIn(envelope, bytes) ?? inflateSync(envelope.subarray(ENVELOPE_BYTES, bytes), INFLATE_OPTIONS);
    } catch {
      return 'its zlib stream is damaged or unpacks to more than a histogram has';
    }
    if (plain.length < COUNTS_OFFSET || plain.readInt32BE(0) !== COOKIE) return 'no HdrHistogram V2 in the zlib stream';
    if (plain.readInt32BE(4) !== plain.length - COUNTS_OFFSET) return 'its counts are not as long as it says';
    if (plain.readInt32BE(8) !== 0) return 'a normalizing index offset, expected 0';
    if (plain.readInt32BE(12) !== SIGNIFICANT_DIGITS)
      return `${plain.readInt32BE(12)} significant digits, expected ${SIGNIFICANT_DIGITS}`;
    if (plain.readInt32BE(16) !== 0 || plain.readInt32BE(20) !== 1)
      return 'another lowest discernible value than 1 nanosecond';
    if (plain.readDoubleBE(32) !== 1) return 'a conversion ratio, expected 1';
    return this.readCounts(plain);
  }

  private readCounts(plain: Buffer): string | null {
    const { indexes, counts } = this;
    const end = plain.length;
    let index = 0;
    let length = 0;
    let total = 0;
    let at = COUNTS_OFFSET;
    while (at < end) {
      let byte = plain[at++];
      let zigzag = byte & 0x7f;
      let scale = 0x80;
      for (let more = 1; byte >= 0x80; more++) {
        if (at === end) return 'its last count is cut off';
        if (more === MAX_COUNT_BYTES) return 'a count of more than 32 bits';
        byte = plain[at++];
        zigzag += (byte & 0x7f) * scale;
        scale *= 0x80;
      }
      const odd = zigzag % 2;
      if (odd === 1) {
        index += (zigzag + 1) / 2;
      } else if (zigzag === 0) {
        index += 1;
      } else {
        const count = zigzag / 2;
        if (index >= INDEXES) return 'times of more than 4.29 s';
        if (count > MAX_COUNT) return 'a count of more than 32 bits';
        indexes[length] = index++;
        counts[length++] = count;
        total += count;
      }
      if (index > INDEXES) return 'times of more than 4.29 s';
    }
    this.length = length;
    this.total = total;
    return null;
  }
}

/**
 * Content of the zlib stream from the envelope's head to `end`, when it is one complete stored block; otherwise
 * undefined, and zlib decides.
 */
function storedIn(envelope: Buffer, end: number): Buffer | undefined {
  const from = ENVELOPE_BYTES + STORED_HEAD_BYTES;
  const length = end - CHECKSUM_BYTES - from;
  if (length < 0) return undefined;
  for (let i = 0; i < STORED_HEAD.length; i++) if (envelope[ENVELOPE_BYTES + i] !== STORED_HEAD[i]) return undefined;
  const told = ENVELOPE_BYTES + STORED_HEAD.length;
  if (envelope.readUInt16LE(told) !== length || envelope.readUInt16LE(told + 2) !== (~length & 0xffff))
    return undefined;
  if (envelope.readUInt32BE(end - CHECKSUM_BYTES) !== adler32(envelope, from, end - CHECKSUM_BYTES)) return undefined;
  return envelope.subarray(from, end - CHECKSUM_BYTES);
}
