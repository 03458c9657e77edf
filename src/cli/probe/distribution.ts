/** A histogram of round-trip times, drawn with text. */

import { decodeFromCompressedBase64, type JsHistogram } from 'hdr-histogram-js';
import { nsToUs } from '../../base/units.js';
import { formatUs } from '../shared/rows.js';

const BAR = 40;
/** Lines per doubling of the round-trip time. */
const STEPS_PER_DOUBLING = 4;

/** A line per step of a quarter power of two, from the smallest to the greatest: where it begins, how many, a bar. `text` is an HdrHistogram. */
export function distribution(title: string, text: string): string {
  const histogram = decodeFromCompressedBase64(text) as JsHistogram;
  const counts = new Map<number, number>();
  const levels = histogram.recordedValuesIterator;
  for (levels.reset(); levels.hasNext(); ) {
    const { valueIteratedTo, countAtValueIteratedTo } = levels.next();
    const step = Math.floor(Math.log2(Math.max(1, valueIteratedTo)) * STEPS_PER_DOUBLING);
    counts.set(step, (counts.get(step) ?? 0) + countAtValueIteratedTo);
  }
  const steps = [...counts.keys()];
  const [first, last] = [Math.min(...steps), Math.max(...steps)];
  const most = Math.max(...counts.values());
  const lines: string[][] = [];
  for (let step = first; step <= last; step++) {
    const count = counts.get(step) ?? 0;
    const bar = count === 0 ? '' : '#'.repeat(Math.max(1, Math.round((count / most) * BAR)));
    lines.push([formatUs(nsToUs(2 ** (step / STEPS_PER_DOUBLING))), String(count), bar]);
  }
  const width = Math.max(...lines.map(([value]) => value.length));
  const digits = Math.max(...lines.map(([, count]) => count.length));
  return `${title}, round-trip time from:\n${lines
    .map(([value, count, bar]) => `${`  ${value.padStart(width)}  ${count.padStart(digits)}  ${bar}`.trimEnd()}\n`)
    .join('')}`;
}
