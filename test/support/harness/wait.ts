/** Waiting for a condition, with an end to it: tests never sleep for a guess. */

import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 5;

/**
 * Asks again and again until the answer is neither undefined nor false, and resolves with it. Rejects after `timeoutMs`, saying `what` did
 * not come true, and with the last error of `condition` (a connection refused, say) as the cause.
 */
export async function waitFor<T>(
  what: string,
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs = 15_000,
  pollMs = POLL_MS,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    let cause: unknown;
    try {
      const answer = await condition();
      if (answer !== undefined && answer !== false) return answer;
    } catch (error) {
      cause = error;
    }
    if (performance.now() >= deadline) throw new Error(`waited ${timeoutMs} ms in vain: ${what}`, { cause });
    await sleep(pollMs);
  }
}
