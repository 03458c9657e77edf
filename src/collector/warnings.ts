/** Is it the network or the tool? What went wrong on this host lately, in words. */

import type { WaitingGroup } from './held.js';
import type { Totals } from './service.js';

/** Adds `more` to `sum`, counter by counter. */
export function addTotals(sum: Totals, more: Totals): void {
  for (const name of Object.keys(sum) as (keyof Totals)[]) {
    if (name === 'latenessNsMax') sum[name] = Math.max(sum[name], more[name]);
    else sum[name] += more[name];
  }
}

/** Of the live groups that are kept and not in force, a line each. */
export function notInForce(waiting: readonly WaitingGroup[]): string[] {
  return waiting.map(({ name, reason }) => `group ${name}: not in force, nothing of it is measured: ${reason}`);
}
