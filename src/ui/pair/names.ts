/** Names of series on the page of a pair. Pure. */

import type { PathRow } from '../lib/types.js';

interface SeriesName extends Pick<PathRow, 'group' | 'port' | 'class'> {
  readonly collector?: string | null | undefined;
}

/** Name of a series on the page: its class, and the fields that tell it from another of the same class. */
export function nameOf(one: SeriesName, all: readonly SeriesName[]): string {
  const alike = all.filter((other) => other.class === one.class);
  const differs = (pick: (of: SeriesName) => unknown): boolean => alike.some((other) => pick(other) !== pick(one));
  const more = [
    ...(differs((of) => of.collector) ? [one.collector ?? ''] : []),
    ...(differs((of) => of.group) ? [one.group] : []),
    ...(differs((of) => of.port) ? [`port ${one.port}`] : []),
  ];
  return more.length === 0 ? one.class : `${one.class} (${more.join(', ')})`;
}
