/**
 * The distribution of round-trip times on a logarithmic scale, a row of bars for each series. Its percentiles equal the
 * table's.
 */

import { formatCount, formatUs } from '../lib/format.js';
import type { PairSeries } from './data.js';
import { logBins } from './hdr.js';
import { nameOf } from './names.js';

const BINS = 72;
const WIDTH = 720;
const HEIGHT = 54;
const NS_PER_US = 1000;

export function Distribution({ series, past }: { series: readonly PairSeries[]; past: boolean }) {
  const all = series.flatMap(({ counts }) => [...(counts?.keys() ?? [])]);
  if (all.length === 0) return <p class="quiet">{past ? 'No histograms are kept of that time.' : 'No replies.'}</p>;
  let [low, high] = [Number.POSITIVE_INFINITY, 0];
  for (const value of all) [low, high] = [Math.min(low, value), Math.max(high, value)];
  low *= 0.9;
  high *= 1.1;
  return (
    <div class="distribution">
      {series.map((one) => {
        const { merged, counts = new Map<number, number>() } = one;
        const name = nameOf(one, series);
        const bins = logBins(counts, low, high, BINS);
        const most = Math.max(...bins.map(({ count }) => count), 1);
        const total = bins.reduce((sum, { count }) => sum + count, 0);
        const p = merged?.rttUs;
        const summary =
          p === undefined
            ? 'no replies'
            : `p50 ${formatUs(p.p50)} · p90 ${formatUs(p.p90)} · p99 ${formatUs(p.p99)} · p99.9 ${formatUs(p.p999)}`;
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
                // The square root keeps a few slow replies visible next to thousands of fast ones.
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
