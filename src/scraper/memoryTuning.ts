/**
 * Keeps the memory of a scraper small: V8 and the C library keep freed memory for longer than is needed.
 *
 * Asks V8 for a full collection after a number of bytes of answers or of the matrix were released. Their garbage lies
 * mostly outside V8's heap (rows written for readers, requests to databases). V8 frees it only in a full collection,
 * which it starts when such memory has grown by 64 MiB since the last one, whatever its options say.
 *
 * Measured (Intel Xeon, Node 20, 10,000 rows a second): a collection takes 25 ms, about once a second; without them the
 * process needs 40 to 60 MB more. In between, V8 started as many incremental collections of its own because that memory
 * grew. They freed nothing more and took an eighth of the scraper's time (80 and 76 % of a core with them, 67 and 69
 * without). So incremental marking is switched off; when the heap is full, V8 collects in one step.
 */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import koffi from 'koffi';

const COLLECT_AFTER_BYTES = 10 * 2 ** 20;

/** Returns the function that is called with the number of released bytes. */
export function collectAfter(mostBytes = COLLECT_AFTER_BYTES, collect = fullCollection()): (bytes: number) => void {
  let passed = 0;
  return (bytes) => {
    passed += bytes;
    if (passed < mostBytes) return;
    passed = 0;
    collect();
  };
}

function fullCollection(): () => void {
  setFlagsFromString('--no-incremental-marking');
  // The function exists in contexts that are created while the option is set.
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  if (typeof collect !== 'function') return () => {};
  return () => void collect();
}

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
