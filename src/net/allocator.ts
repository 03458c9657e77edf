/** How the C library keeps freed memory. */

import koffi from 'koffi';

/** Parameter of glibc's mallopt(3). */
const M_MMAP_THRESHOLD = -3;
const LARGE_BYTES = 128 * 2 ** 10;

/**
 * Returns freed blocks of 128 KiB and more to the system. glibc begins with that threshold, but raises it with each
 * such block that is freed, up to 32 MiB, and keeps smaller blocks. A scraper whose matrix was merged once then kept 90
 * MB of unused memory. Without mallopt (musl) there is no such threshold, and this does nothing.
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
