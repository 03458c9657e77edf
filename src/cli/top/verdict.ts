/**
 * How the network is, in one line, with an example of each trouble below. It is well only where something was received, of data that are not stale: a stale pair counts neither way,
 * and one that this host did not measure is in no verdict on the network.
 */

import { normalOf, type SlowPair } from '../../matrix/slowness.js';
import type { Style } from './text.js';
import type { Pair, Picture } from './types.js';
import { isStale, lossText, timeText } from './values.js';

export interface Verdict {
  readonly text: string;
  /** An example for each trouble that needs one. */
  readonly examples: readonly string[];
  readonly style: Style;
}

const where = ({ source, target, reason }: Pair): string => `${source} to ${target}: ${reason ?? 'unknown'}`;

export function networkOf({ pairs, slowness, tool }: Picture, sinceMs: number): Verdict {
  const current = pairs.filter(({ stale, ageMs }) => !isStale(stale, ageMs, sinceMs, tool.intervalMs));
  const of = (state: Pair['state']): readonly Pair[] => current.filter((pair) => pair.state === state);
  const [answering, silent, unmeasured] = [of('answers'), of('silent'), of('unmeasured')];
  const losing = answering.filter(({ lossPct }) => (lossPct ?? 0) > 0);
  const stale = pairs.length - current.length;
  const worst = losing.reduce((most, { lossPct }) => Math.max(most, lossPct ?? 0), 0);
  const counts = [
    ...(silent.length === 0 ? [] : [`no answer from ${silent.length}`]),
    ...(losing.length === 0 ? [] : [`loss on ${losing.length} (worst ${lossText(worst)} %)`]),
    ...(unmeasured.length === 0 ? [] : [`not measured: ${unmeasured.length}`]),
    ...(answering.length === losing.length ? [] : [`no loss on ${answering.length - losing.length}`]),
  ];
  const which = slowness.compared > 0 ? normalOf(slowness.compared, answering.length, pairs.length) : null;
  const isSlow = which !== null && slowness.slow > 0;
  const latency = isSlow ? `slow: ${slowness.slow} of ${slowness.compared}` : `latency normal${which}`;
  const parts = [
    current.length > 0
      ? `${current.length} ${current.length === 1 ? 'pair' : 'pairs'}: ${counts.join(', ')}`
      : pairs.length > 0
        ? 'unknown'
        : 'no data yet',
    ...(stale === 0 ? [] : [`${stale} stale`]),
    ...(which === null ? [] : [latency]),
  ];
  const examples = [
    ...silent.slice(0, 1).map(where),
    ...unmeasured.slice(0, 1).map(where),
    ...(isSlow ? slowness.worst.slice(0, 1).map(slowText) : []),
  ];
  return {
    text: parts.join('; '),
    examples,
    style: styleOf(silent.length + losing.length > 0, unmeasured.length + stale > 0 || isSlow),
  };
}

const styleOf = (isBad: boolean, isWarned: boolean): Style => (isBad ? 'bad' : isWarned ? 'warn' : 'plain');

const slowText = ({ nowUs, normalUs, row, column }: SlowPair): string =>
  `${row[1]} to ${column[1]}: median ${timeText(nowUs)}, normal ${timeText(normalUs)}`;
