/**
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
  // The function is there in contexts that are made while the option is set.
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  if (typeof collect !== 'function') return () => {};
  return () => void collect();
}
