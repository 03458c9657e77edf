/** The Internet checksum (RFC 1071) over big-endian 16-bit words. Pure, without allocation. */

/** Adds `length` bytes at `offset` to an unfolded sum; an odd last byte counts as its word's first. */
export function addWords(sum: number, view: DataView, offset: number, length: number): number {
  let total = sum;
  const end = offset + (length & ~1);
  for (let at = offset; at < end; at += 2) total += view.getUint16(at);
  return (length & 1) === 0 ? total : total + view.getUint8(end) * 256;
}

/** The checksum of a sum: the complement of its fold to 16 bits. */
export function foldChecksum(sum: number): number {
  let rest = sum;
  while (rest > 0xffff) rest = (rest % 65_536) + Math.floor(rest / 65_536);
  return 0xffff - rest;
}
