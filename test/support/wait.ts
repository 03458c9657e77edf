/** Waiting for a condition instead of sleeping for a guess. */

import { setTimeout as delay } from 'node:timers/promises';

/** Resolves as soon as `met` says so; rejects after `timeoutMs`, naming `what`. */
export async function waitFor(what: string, met: () => boolean | Promise<boolean>, timeoutMs = 5000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await met())) {
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain: ${what}`);
    await delay(2);
  }
}
