/** The paths of a moment in the past, while they are available: collectors keep the paths of their last intervals. */

import { get, type Query } from './api.js';
import { heldAt } from './heldAt.js';
import type { PathsAnswer } from './types.js';

export async function askPathsThen(query: Query, atMs: number, signal: AbortSignal): Promise<PathsAnswer> {
  return heldAt(await get<PathsAnswer>('/v1/paths', { ...query, at: String(atMs) }, signal), atMs);
}
