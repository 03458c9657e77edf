/** Is it the network or the tool? What went wrong on this host lately, in words, from the counters. */

import type { WaitingGroup } from './held.js';
import type { Totals } from './service.js';

/** A share of slips below this is noise of the scheduler. */
const SLIP_SHARE = 0.001;
const FEW_SLIPS = 10;

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

/** Compares the counters with those at the end of the interval before the last. */
export class RecentWarnings {
  private before: Totals | undefined;
  private last: Totals | undefined;

  /** Call once an interval, with the counters of then. */
  intervalEnded(totals: Totals): void {
    this.before = this.last;
    this.last = totals;
  }

  warnings(totals: Totals): string[] {
    const { before } = this;
    const since = (name: keyof Totals): number => totals[name] - (before?.[name] ?? 0);
    const warnings: string[] = [];
    const say = (name: keyof Totals, text: string): void => {
      if (since(name) > 0) warnings.push(`${name}: ${since(name)} ${text}`);
    };
    say('ringOverflows', 'results were dropped between threads lately; the aggregator is too slow for this rate');
    say('receiveQueueDrops', 'packets were dropped by full receive queues of this host lately');
    say('threadLosses', 'probes were lost lately with a thread that died');
    say('clockSteps', 'steps of the wall clock were seen lately; RTTs around them were thrown away');
    const planned = since('sent') + since('scheduleSlips');
    if (since('scheduleSlips') > Math.max(FEW_SLIPS, planned * SLIP_SHARE))
      warnings.push(
        `scheduleSlips: ${since('scheduleSlips')} of ${planned} planned probes were not sent in time lately; this host is too busy`,
      );
    return warnings;
  }
}
