/** Clocks of collectors that disagree with this host's, and times of held results that are wrong, in words. */

import { offText } from '../collector/clockWarnings.js';
import type { SteadyClock } from '../stats/steadyClock.js';
import { CLOCKS_AGREE_MS } from './collectorClock.js';
import type { RecentResults } from './recent.js';
import type { CollectorState } from './service.js';

const MOST_NAMED = 5;

/** Which of the two is wrong is not known here: when all are off by the same, it is this host's. */
export function clocksApart(collectors: readonly Pick<CollectorState, 'name' | 'url' | 'clockAheadMs'>[]): string[] {
  const apart = collectors.flatMap(({ name, url, clockAheadMs }) =>
    clockAheadMs === null || Math.abs(clockAheadMs) <= CLOCKS_AGREE_MS
      ? []
      : [{ name: name ?? url, aheadMs: clockAheadMs }],
  );
  if (apart.length === 0) return [];
  const named = apart.slice(0, MOST_NAMED).map(({ name, aheadMs }) => `${name} ${offText(aheadMs)}`);
  const more = apart.length > MOST_NAMED ? ` and ${apart.length - MOST_NAMED} more` : '';
  const whose =
    apart.length > 1 && apart.length === collectors.length ? '; this host may be the one that is wrong' : '';
  return [
    `the clocks of ${apart.length} of ${collectors.length} collectors are not that of this host: ${named.join(', ')}${more}; their results reach databases under their own times${whose}`,
  ];
}

/** Until the last of them is let go. */
export function heldClockWarnings(recent: RecentResults, clock: Pick<SteadyClock, 'wallMs'>): string[] {
  const held = recent.all();
  const wallMs = clock.wallMs();
  const wrong = held.filter((interval) => recent.clockAheadMs(interval) !== 0).length;
  const future = held.filter(({ report }) => report.endMs > wallMs + CLOCKS_AGREE_MS).length;
  return [
    ...(wrong === 0
      ? []
      : [
          `${wrong} of ${held.length} held intervals were measured before the clock of their collector was stepped; their times are wrong (clockAheadMs)`,
        ]),
    ...(future === 0 ? [] : [`${future} of ${held.length} held intervals end in the future`]),
  ];
}
