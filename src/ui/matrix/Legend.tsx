/** The meaning of the colours, and the number of cells of each. */

import { formatCount } from '../lib/format.js';
import { LEAST_EXCESS_US } from '../lib/palette.js';
import { GONE, type Grid, STALE, UNMEASURED, WELL } from '../worker/grid.js';

export function Legend({ grid, bounds, isLoss }: { grid: Grid; bounds: readonly number[]; isLoss: boolean }) {
  const unit = isLoss ? ' %' : ' × normal';
  const range = (level: number): string => {
    if (level === 0) return bounds[0] === 0 ? `0${unit}` : `≤ ${bounds[0]}${unit}`;
    return `> ${bounds[level - 1]}${unit}`;
  };
  return (
    <ul class="legend" aria-label="Colours">
      {[0, 1, 2, 3, 4].map((level) => (
        <li key={level}>
          <span class={`swatch level${level}`} />
          {range(level)} <small>{formatCount(grid.counts[level === 0 ? WELL : UNMEASURED + level] ?? 0)}</small>
        </li>
      ))}
      {!isLoss && <li class="quiet">and at least {LEAST_EXCESS_US} µs above it</li>}
      <li>
        <span class="swatch level4" /> ✕ no answer
      </li>
      <li>
        <span class="swatch unmeasured" /> ? not measured: nothing was sent{' '}
        <small>{formatCount(grid.counts[UNMEASURED] ?? 0)}</small>
      </li>
      <li>
        <span class="swatch stale" /> stale <small>{formatCount(grid.counts[STALE] ?? 0)}</small>
      </li>
      <li>
        <span class="swatch gone" /> no data <small>{formatCount(grid.counts[GONE] ?? 0)}</small>
      </li>
    </ul>
  );
}
