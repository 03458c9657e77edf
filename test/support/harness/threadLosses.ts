/** `threadLosses` is what the results lack of `sent`, so the two can't contradict each other; the prober's other counters can. */

import { expect } from 'chai';

/** Records that a prober has written and not yet made visible to the aggregator: what it reads of one socket in a turn. */
export const RING_BATCH = 512;
const FINAL = ['received', 'lost', 'unreachable', 'localDrops', 'tooBig', 'undecided'] as const;

/**
 * All probing has ended, and `kills` prober threads had died before: their probes without an outcome were in flight, and so many more
 * may have had one in records that the aggregator never saw.
 */
export function expectBoundedLosses(totals: Readonly<Record<string, number>>, kills: number): void {
  const inFlight = FINAL.reduce((left, outcome) => left - totals[outcome], totals.sent);
  expect(inFlight, 'probes that never had an outcome').to.be.at.least(0);
  if (kills === 0) expect(inFlight, 'probes without an outcome, though no thread died').to.equal(0);
  const { threadLosses } = totals;
  expect(threadLosses, `thread losses, ${inFlight} in flight`).to.be.within(inFlight, inFlight + kills * RING_BATCH);
}
