/** Warnings about collectors whose clock disagrees with this host's, and about stored results with wrong times. */

import { offText, type SteadyClock } from '../base/steadyClock.js';
import type { CollectorState } from '../contract/scraperStatus.js';
import { CLOCKS_AGREE_MS } from './polling/collectorClock.js';
import type { RecentResults } from './recent/recent.js';

const MOST_NAMED = 5;

/**
 * A single difference does not show which clock is wrong; when all collectors differ by the same amount, it is this
 * host's.
 */
export function clocksApart(collectors: readonly Pick<CollectorState, 'name' | 'url' | 'clockAheadMs'>[]): string[] {
  const apart = collectors.flatMap(({ name, url, clockAheadMs }) =>
    clockAheadMs === null || Math.abs(clockAheadMs) <= CLOCKS_AGREE_MS
      ? []
      : [{ name: name ?? url, aheadMs: clockAheadMs }],
  );
  if (apart.length === 0) return [];
  const named = someOf(apart.map(({ name, aheadMs }) => `${name} ${offText(aheadMs)}`));
  const whose =
    apart.length > 1 && apart.length === collectors.length ? '; this host may be the one that is wrong' : '';
  return [
    `the clocks of ${apart.length} of ${collectors.length} collectors differ from the clock of this host: ${named}; their results reach databases under their own times${whose}`,
  ];
}

/** Until the last of them leaves the memory. */
export function heldClockWarnings(
  recent: Pick<RecentResults, 'all' | 'clockAheadMs'>,
  clock: Pick<SteadyClock, 'wallMs'>,
): string[] {
  const held = recent.all();
  const latestMs = clock.wallMs() + CLOCKS_AGREE_MS;
  const wrong = held.filter((interval) => recent.clockAheadMs(interval) !== 0);
  const future = held.filter(({ report }) => report.endMs > latestMs);
  const named = (intervals: typeof held): string => someOf([...new Set(intervals.map(({ collector }) => collector))]);
  return [
    ...(wrong.length === 0
      ? []
      : [
          `${wrong.length} of ${held.length} held intervals were measured before the clock of their collector was stepped (${named(wrong)}); their times differ from its present clock by their clockAheadMs`,
        ]),
    ...(future.length === 0
      ? []
      : [
          `${future.length} of ${held.length} held intervals end in the future by the clock of this host (${named(future)}); until they are no longer held, check the clocks of both`,
        ]),
  ];
}

function someOf(texts: readonly string[]): string {
  const more = texts.length > MOST_NAMED ? ` and ${texts.length - MOST_NAMED} more` : '';
  return texts.slice(0, MOST_NAMED).join(', ') + more;
}
