/** Whether paths that were asked for are those of a moment in the past. Pure. */

import type { PathsAnswer } from './types.js';

/** What is held no longer is answered with an interval that began later: it is left out. */
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
