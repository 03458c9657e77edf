/** How the C library keeps memory that was freed. */

import koffi from 'koffi';

/** Of glibc's mallopt(3). */
const M_MMAP_THRESHOLD = -3;
const LARGE_BYTES = 128 * 2 ** 10;

/**
 * Blocks of 128 KiB and more go back to the system when they are freed. That is how glibc begins; but it raises the bound each time that such a
 * block is freed, up to 32 MiB, and keeps what is below it: a scraper whose matrix was merged once kept 90 MB that nobody used. A C
 * library without mallopt (musl) has no such bound, and nothing happens.
 */
export function giveBackLargeBlocks(): void {
  let mallopt: (parameter: number, value: number) => number;
  try {
    mallopt = koffi.load(null).func('int mallopt(int, int)');
  } catch {
    return;
  }
  mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
}
