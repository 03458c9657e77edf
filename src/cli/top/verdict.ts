/**
 * The state of the network in one line, with an example of each trouble below. It is good only where replies were
 * received, from data that are not stale: a stale pair counts neither way, and a pair that this host did not measure is
 * in no verdict on the network.
 */

import { normalOf, type SlowPair } from '../../history/slowness.js';
import { severalOf } from './lists.js';
import type { Style } from './text.js';
import type { Pair, Picture } from './types.js';
import { isStale, lossText, timeText } from './values.js';

interface Verdict {
  readonly text: string;
  /** An example for each trouble that needs one. */
  readonly examples: readonly string[];
  readonly style: Style;
}

/** Pairs that are named of each kind of trouble. */
const MOST_NAMED = 3;

/** A pair is named once for all its classes. Pairs with different reasons come before others with the same reason. */
function named(pairs: readonly Pair[], several: { readonly groups: boolean; readonly ports: boolean }): string[] {
  const reasons = new Set<string | null>();
  const seen = new Set<string>();
  const firsts: Pair[] = [];
  const others: Pair[] = [];
  for (const pair of pairs) {
    const key = JSON.stringify([pair.collector, pair.group, pair.source, pair.target, pair.port]);
    if (seen.has(key)) continue;
    seen.add(key);
    (reasons.has(pair.reason) ? others : firsts).push(pair);
    reasons.add(pair.reason);
  }
  const texts = [...firsts, ...others].slice(0, MOST_NAMED).map(({ group, source, target, port, reason }) => {
    const name = several.groups ? `${group}: ${source}` : source;
    return `${name} to ${target}${several.ports ? ` port ${port}` : ''}: ${reason ?? 'unknown'}`;
  });
  const more = seen.size - texts.length;
  return more === 0 ? texts : [...texts, `and ${more} more`];
}

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
  const tooBig = answering.filter((pair) => pair.tooBig > 0).length;
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
    ...(tooBig === 0 ? [] : [`some probes too big for the path on ${tooBig}`]),
    ...(which === null ? [] : [latency]),
  ];
  const several = severalOf(pairs);
  const examples = [
    ...named(silent, several),
    ...named(unmeasured, several),
    ...(isSlow ? slowness.worst.slice(0, 1).map(slowText) : []),
  ];
  return {
    text: parts.join('; '),
    examples,
    style: styleOf(silent.length + losing.length > 0, unmeasured.length + stale + tooBig > 0 || isSlow),
  };
}

const styleOf = (isBad: boolean, isWarned: boolean): Style => (isBad ? 'bad' : isWarned ? 'warn' : 'plain');

const slowText = ({ nowUs, normalUs, row, column }: SlowPair): string =>
  `${row[1]} to ${column[1]}: median ${timeText(nowUs)}, normal ${timeText(normalUs)}`;
