/** The paths of a moment in the past, as far as they are still held: collectors keep those of their last intervals. */

import { get, type Query } from './api.js';
import type { PathsAnswer } from './types.js';

export async function askPathsThen(query: Query, atMs: number, signal: AbortSignal): Promise<PathsAnswer> {
  return heldAt(await get<PathsAnswer>('/v1/paths', { ...query, after: String(atMs - 1) }, signal), atMs);
}

/** Pure: what is held no longer is answered with an interval that began later: it is left out. */
export function heldAt(answer: PathsAnswer, atMs: number): PathsAnswer {
  const isOf = (start: string | null | undefined): boolean => typeof start === 'string' && Date.parse(start) < atMs;
  if (answer.collectors === undefined)
    return isOf(answer.start) ? answer : { ...answer, end: null, endMs: null, total: 0, paths: [] };
  const collectors = answer.collectors.filter(({ start }) => isOf(start));
  const names = new Set(collectors.map(({ collector }) => collector));
  const paths = answer.paths.filter(({ collector = null }) => names.has(collector));
  return { ...answer, collectors, paths, total: collectors.reduce((sum, { total }) => sum + total, 0) };
}
