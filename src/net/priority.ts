/** Scheduling priority of the calling thread. */

import { libc } from './libc.js';

/** On Linux "process 0" of setpriority(2) is the calling thread alone. */
const PRIO_PROCESS = 0;
const URGENT_NICE = -10;

/**
 * Lets the calling thread go before ordinary ones: a prober that waits for a core sends late, a reflector's queue overflows meanwhile.
 * Needs CAP_SYS_NICE; without it everything works, with more `scheduleSlips` on a busy host. (The aggregator stays ordinary: made to
 * yield, it starved on a busy host, and rings overflowed.)
 */
export function goBeforeOthers(): void {
  libc.setpriority(PRIO_PROCESS, 0, URGENT_NICE);
}
