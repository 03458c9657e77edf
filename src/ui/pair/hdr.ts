/**
 * Decodes the standard compressed text of an HdrHistogram (V2: base64 of cookie, length and a zlib stream; big-endian).
 * The widths of buckets follow from the histogram's own significant digits.
 */

const COMPRESSED_COOKIE = 0x1c849304;
const COOKIE = 0x1c849303;
/** The bits in which writers note the width of words. */
const WORD_BITS = 0xf0;
const ENVELOPE_BYTES = 8;
const DIGITS_OFFSET = 12;
const LOWEST_LOW_OFFSET = 20;
const COUNTS_OFFSET = 40;

/** Counts by the middle of their bucket, in the unit of the histogram. */
export type Counts = Map<number, number>;

async function inflate(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** The middle of bucket `index`, HdrHistogram's `valueFromIndex` and half of the bucket's width. */
function middleOf(index: number, halfCount: number, unitMagnitude: number): number {
  let bucket = Math.floor(index / halfCount) - 1;
  let sub = (index % halfCount) + halfCount;
  if (bucket < 0) {
    sub -= halfCount;
    bucket = 0;
  }
  const width = 2 ** (bucket + unitMagnitude);
  return sub * width + width / 2;
}

/** Adds the counts of `text` to `to`. Throws when it is no such histogram. */
export async function addHdr(text: string, to: Counts): Promise<void> {
  const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  const head = new DataView(bytes.buffer);
  if ((head.getInt32(0) & ~WORD_BITS) !== (COMPRESSED_COOKIE & ~WORD_BITS))
    throw new Error('no compressed HdrHistogram V2');
  const plain = await inflate(bytes.subarray(ENVELOPE_BYTES, ENVELOPE_BYTES + head.getInt32(4)));
  const view = new DataView(plain.buffer);
  if ((view.getInt32(0) & ~WORD_BITS) !== (COOKIE & ~WORD_BITS)) throw new Error('no HdrHistogram V2');
  const halfCount = 2 ** Math.ceil(Math.log2(2 * 10 ** view.getInt32(DIGITS_OFFSET))) / 2;
  const unitMagnitude = Math.floor(Math.log2(Math.max(1, view.getUint32(LOWEST_LOW_OFFSET))));
  const end = COUNTS_OFFSET + view.getInt32(4);
  let index = 0;
  for (let at = COUNTS_OFFSET; at < end; ) {
    let zigzag = 0;
    let scale = 1;
    let byte: number;
    do {
      byte = view.getUint8(at++);
      zigzag += (byte & 0x7f) * scale;
      scale *= 128;
    } while (byte > 127);
    if (zigzag % 2 === 1) index += (zigzag + 1) / 2;
    else {
      const count = zigzag / 2;
      const value = middleOf(index++, halfCount, unitMagnitude);
      if (count > 0) to.set(value, (to.get(value) ?? 0) + count);
    }
  }
}

interface Bin {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** Bins of equal width on a logarithmic scale, from the least to the greatest bucket that has something. */
export function logBins(counts: Counts, low: number, high: number, bins: number): Bin[] {
  const step = Math.log(high / low) / bins;
  const sums = new Array<number>(bins).fill(0);
  for (const [value, count] of counts) {
    const bin = Math.min(bins - 1, Math.max(0, Math.floor(Math.log(value / low) / step)));
    sums[bin] = (sums[bin] ?? 0) + count;
  }
  return sums.map((count, i) => ({ from: low * Math.exp(i * step), to: low * Math.exp((i + 1) * step), count }));
}
