/**
 * Measures two things alternately, in short slices, so that a drift of the machine's speed affects both alike. The
 * result is the median of the ratios of neighbours.
 */

import { median, round } from './harness.js';

export interface Pairs {
  /** One for each pair, in the order of measuring. */
  readonly baselines: readonly number[];
  readonly values: readonly number[];
  /** value / baseline. */
  readonly ratios: readonly number[];
  readonly medianRatio: number;
}

/**
 * Measures `rounds` pairs. The order alternates from pair to pair: a drift in one direction then raises one ratio and
 * lowers the next. `found` is called with each pair as soon as it is measured.
 */
export async function measurePairs(
  rounds: number,
  baseline: () => Promise<number>,
  value: () => Promise<number>,
  found: (baseline: number, value: number, ratio: number) => void = () => {},
): Promise<Pairs> {
  const baselines: number[] = [];
  const values: number[] = [];
  const ratios: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const early = i % 2 === 0 ? await baseline() : undefined;
    const measured = await value();
    const base = early ?? (await baseline());
    baselines.push(round(base));
    values.push(round(measured));
    ratios.push(round(measured / base));
    found(base, measured, ratios[i]);
  }
  return { baselines, values, ratios, medianRatio: median(ratios) };
}
