/** What a step of the wall clock did to the times of the intervals that are held, in words. */

import type { SteadyClock } from '../stats/steadyClock.js';
import { formatDuration, MS_PER_S, msToNs } from '../stats/units.js';
import { aheadOf, type StoredInterval } from './results.js';

/** Until the last of them is let go: with the usual retention, for ten minutes after a step. */
export function clockWarnings(
  held: readonly Pick<StoredInterval, 'report'>[],
  clock: Pick<SteadyClock, 'aheadMs' | 'wallMs'>,
): string[] {
  const wallMs = clock.wallMs();
  const ahead = held.map((interval) => aheadOf(interval, clock));
  const wrong = ahead.filter((ms) => ms !== 0);
  const future = held.filter(({ report }) => report.endMs > wallMs);
  if (wrong.length === 0 && future.length === 0) return [];
  const most = wrong.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a), 0);
  const texts = [
    ...(wrong.length === 0
      ? []
      : [`${wrong.length} of ${held.length} held intervals were measured while the wall clock was ${offText(most)}`]),
    ...(future.length === 0
      ? []
      : [
          `${future.length} of ${held.length} held intervals end in the future, the last at ${new Date(Math.max(...future.map(({ report }) => report.endMs))).toISOString()}`,
        ]),
  ];
  return [`the wall clock was stepped: ${texts.join('; ')}; their times are wrong (clockAheadMs)`];
}

/** `2h ahead`, `1m30s behind`. */
export function offText(aheadMs: number): string {
  const ms = Math.abs(aheadMs);
  // Of a step of seconds its milliseconds say nothing.
  const shownMs = ms < MS_PER_S ? ms : Math.round(ms / MS_PER_S) * MS_PER_S;
  return `${formatDuration(msToNs(shownMs))} ${aheadMs < 0 ? 'behind' : 'ahead'}`;
}
