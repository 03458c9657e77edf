/** The troubles of the tool itself. Pure. */

import { isScraper, type Status } from '../lib/types.js';

/** Counters about the tool and not about the network, with their meaning. */
const OWN_COUNTERS: Readonly<Record<string, string>> = {
  scheduleSlips: 'probes skipped: this host was too busy to send them',
  ringOverflows: 'outcomes dropped between threads',
  threadLosses: 'outcomes lost with a thread that died',
  localDrops: 'replies dropped by this host',
  sendErrors: 'probes the kernel refused to send',
  clockSteps: 'steps of the clock',
};

export interface OwnTrouble {
  readonly text: string;
  /** It is so now, and not only since the start. */
  readonly now: boolean;
}

/** Pure: the troubles that the tool reports of itself; `before` is an earlier answer. */
export function ownTroubles(status: Status, before: Status | undefined): OwnTrouble[] {
  const troubles: OwnTrouble[] = status.warnings.map((text) => ({ text, now: true }));
  if (isScraper(status)) {
    for (const { name, url, state, lastError } of status.collectors)
      if (state === 'down' || state === 'behind')
        troubles.push({ text: `${name ?? url} is ${state}${lastError === null ? '' : `: ${lastError}`}`, now: true });
    for (const { name, url, troubles: own } of status.collectors)
      for (const text of own ?? []) troubles.push({ text: `${name ?? url}: ${text}`, now: true });
    for (const { name, up, lastError } of status.writers)
      if (!up && lastError !== null) troubles.push({ text: `the writer ${name} fails: ${lastError}`, now: true });
    return troubles;
  }
  for (const { thread, state, restarts, lastError } of [...status.workers, status.aggregator]) {
    if (state !== 'running')
      troubles.push({ text: `thread ${thread} is ${state}${lastError === null ? '' : `: ${lastError}`}`, now: true });
    else if (restarts > 0)
      troubles.push({ text: `thread ${thread} was started again ${restarts} times: ${lastError ?? ''}`, now: false });
  }
  for (const [name, meaning] of Object.entries(OWN_COUNTERS)) {
    // A warning says it already, with a cause.
    if (status.warnings.some((text) => text.startsWith(`${name}: `))) continue;
    const count = status.totals[name] ?? 0;
    const was = before === undefined || isScraper(before) ? count : (before.totals[name] ?? 0);
    if (count > 0)
      troubles.push({ text: `${name} ${count.toLocaleString('en')} since the start: ${meaning}`, now: count > was });
  }
  return troubles;
}
