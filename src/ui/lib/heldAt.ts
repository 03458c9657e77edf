/** Checks whether paths belong to a requested moment in the past. Pure. */

import type { PathsAnswer } from './types.js';

/** For an interval that is gone the service answers with a later one: it is left out. */
export function heldAt(answer: PathsAnswer, atMs: number): PathsAnswer {
  const isOf = ({ start, clockAheadMs }: Pick<PathsAnswer, 'start' | 'clockAheadMs'>): boolean =>
    typeof start === 'string' && Date.parse(start) - (clockAheadMs ?? 0) < atMs;
  if (answer.collectors === undefined)
    return isOf(answer) ? answer : { ...answer, end: null, endMs: null, total: 0, paths: [] };
  const collectors = answer.collectors.filter(isOf);
  const names = new Set(collectors.map(({ collector }) => collector));
  const paths = answer.paths.filter(({ collector = null }) => names.has(collector));
  return { ...answer, collectors, paths, total: collectors.reduce((sum, { total }) => sum + total, 0) };
}
