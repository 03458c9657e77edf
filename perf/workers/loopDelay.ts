/**
 * Preloaded into a process of the product (`node --import`): measures how long its main thread is blocked at a stretch.
 * SIGUSR2 writes the longest stretch since the last SIGUSR2, in milliseconds, into the file LOOP_DELAY_FILE, and starts
 * again.
 */

import { renameSync, writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

const file = process.env.LOOP_DELAY_FILE;
// A timer of one millisecond: the excess is the wait for the main thread, including its processor.
const RESOLUTION_MS = 1;

if (isMainThread && file !== undefined) {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  process.on('SIGUSR2', () => {
    writeFileSync(`${file}.new`, String(Math.max(0, delay.max / 1e6 - RESOLUTION_MS)));
    renameSync(`${file}.new`, file);
    delay.reset();
  });
}
