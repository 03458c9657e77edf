/** How round-trip times are distributed, on a logarithmic scale, a row of bars for each class. */

import { formatCount, formatUs } from '../lib/format.js';
import { type Counts, logBins, percentileOf } from './hdr.js';

const BINS = 72;
const WIDTH = 720;
const HEIGHT = 54;
const NS_PER_US = 1000;

export function Distribution({ byClass, past }: { byClass: ReadonlyMap<string, Counts>; past: boolean }) {
  const all = [...byClass.values()].flatMap((counts) => [...counts.keys()]);
  if (all.length === 0)
    return (
      <p class="quiet">{past ? 'The histograms of then are not held any more.' : 'No replies in the last minutes.'}</p>
    );
  let [low, high] = [Number.POSITIVE_INFINITY, 0];
  for (const value of all) [low, high] = [Math.min(low, value), Math.max(high, value)];
  low *= 0.9;
  high *= 1.1;
  return (
    <div class="distribution">
      {[...byClass].map(([name, counts]) => {
        const bins = logBins(counts, low, high, BINS);
        const most = Math.max(...bins.map(({ count }) => count), 1);
        const total = bins.reduce((sum, { count }) => sum + count, 0);
        const p = (share: number): string => formatUs(percentileOf(counts, share) / NS_PER_US);
        const summary =
          total === 0 ? 'no replies' : `p50 ${p(0.5)} · p90 ${p(0.9)} · p99 ${p(0.99)} · p99.9 ${p(0.999)}`;
        return (
          <figure key={name}>
            <figcaption>
              <b>{name}</b> {summary} <small>{formatCount(total)} replies</small>
            </figcaption>
            <svg
              viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
              preserveAspectRatio="none"
              role="img"
              aria-label={`${name}: ${summary}`}
            >
              {bins.map(({ from, to, count }, i) => {
                if (count === 0) return null;
                // The square root keeps a few slow replies visible beside thousands of fast ones.
                const height = Math.max(2, Math.sqrt(count / most) * HEIGHT);
                return (
                  <rect
                    key={from}
                    x={(i * WIDTH) / BINS + 0.5}
                    y={HEIGHT - height}
                    width={WIDTH / BINS - 1}
                    height={height}
                  >
                    <title>{`${formatUs(from / NS_PER_US)} to ${formatUs(to / NS_PER_US)}: ${formatCount(count)}`}</title>
                  </rect>
                );
              })}
            </svg>
          </figure>
        );
      })}
      <div class="scale">
        {[0, 0.25, 0.5, 0.75, 1].map((share) => (
          <span key={share}>{formatUs((low * (high / low) ** share) / NS_PER_US)}</span>
        ))}
      </div>
      <small class="quiet">Time on a logarithmic scale; the height is the square root of the number of replies.</small>
    </div>
  );
}
