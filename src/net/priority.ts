/** Scheduling priority of the calling thread. On Linux "process 0" of setpriority(2) is the calling thread alone. */

import { libc } from './libc.js';

const PRIO_PROCESS = 0;

/** Makes the calling thread yield to others: `nice` from 1 (a little) to 19 (to everybody). Needs no privilege. */
export function beNice(nice: number): void {
  libc.setpriority(PRIO_PROCESS, 0, nice);
}
