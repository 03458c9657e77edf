/** The other thread of the ring's stress test: pushes records whose residence is a checksum of all other fields. */

import { isMainThread, workerData } from 'node:worker_threads';
import { RingProducer } from '../../../src/ring/ring.js';

export interface StressTask {
  readonly memory: SharedArrayBuffer;
  readonly records: number;
  /** Records between two calls of `publish`. */
  readonly batch: number;
}

export function recordChecksum(
  path: number,
  outcome: number,
  flags: number,
  tos: number,
  ttl: number,
  sentNs: number,
  receivedNs: number,
): number {
  let sum = path;
  for (const value of [outcome, flags, tos, ttl, sentNs, receivedNs])
    sum = (Math.imul(sum, 31) + (value % 2 ** 32)) >>> 0;
  return sum;
}

function produce({ memory, records, batch }: StressTask): void {
  const ring = new RingProducer(memory);
  for (let i = 0; i < records; ) {
    const path = Math.imul(i, 2_654_435_761) >>> 0;
    const sentNs = i * 1000 + 0.5;
    const receivedNs = i * 1001;
    const checksum = recordChecksum(path, i & 7, i & 255, (i >> 3) & 255, (i >> 5) & 255, sentNs, receivedNs);
    if (ring.push(path, i & 7, i & 255, (i >> 3) & 255, (i >> 5) & 255, sentNs, receivedNs, checksum, i)) i++;
    else ring.publish();
    if (i % batch === 0) ring.publish();
  }
  ring.publish();
}

if (!isMainThread) produce(workerData as StressTask);
