/** Warnings about steps of the wall clock that affected the times of intervals in memory. */

import { CLOCK_NOISE_MS, offText, type SteadyClock } from '../../base/steadyClock.js';
import { MS_PER_S } from '../../base/units.js';
import { aheadOf, type StoredInterval } from './results.js';

/** Until the last of them is dropped: with the usual retention, for ten minutes after a step. */
export function clockWarnings(
  held: readonly Pick<StoredInterval, 'report'>[],
  clock: Pick<SteadyClock, 'aheadMs' | 'wallMs'>,
): string[] {
  const latestMs = clock.wallMs() + CLOCK_NOISE_MS;
  const wrong = held.map((interval) => aheadOf(interval, clock)).filter((ms) => ms !== 0);
  const future = held.filter(({ report }) => report.endMs > latestMs);
  if (wrong.length === 0 && future.length === 0) return [];
  const most = wrong.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a), 0);
  const upTo = wrong.some((ms) => Math.abs(ms - most) > MS_PER_S) ? 'up to ' : '';
  const lastMs = Math.max(...future.map(({ report }) => report.endMs));
  const texts = [
    ...(wrong.length === 0
      ? []
      : [
          `${wrong.length} of ${held.length} held intervals were measured while it was ${upTo}${offText(most)}${most < 0 ? '' : ' of'} what it is now`,
        ]),
    ...(future.length === 0
      ? []
      : [
          `${future.length} of ${held.length} held intervals end in the future, the last at ${new Date(lastMs).toISOString()}`,
        ]),
  ];
  return [
    `the wall clock was stepped: ${texts.join('; ')}; if the clock is right now, their times are wrong by their clockAheadMs, until they are no longer held`,
  ];
}
