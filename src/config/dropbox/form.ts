/** Detects by its keys which of the accepted forms a config has. */

import { parseAddress } from '../address.js';
import { isRecord, nearest } from '../files/problems.js';
import { plainHost } from './input.js';

/** `own`: ours. `simple` and `full`: the two of Dropbox's LLAMA. */
export type ConfigForm = 'own' | 'simple' | 'full';

export const FULL_KEYS = ['summarization', 'api', 'ports', 'port_groups', 'rate_limits', 'tests', 'targets'] as const;

/** Four numbers, or text with a double colon: meant as an address, even an invalid one. */
const LIKE_AN_ADDRESS = /^(?:\d+(?:\.\d+){3}|\[?[\da-f:]*::[\da-f:.]*\]?)$/i;

/** `api` is a key of two forms, so it decides only when it is the only key: LLAMA's has `bind`. */
export function configForm(value: Readonly<Record<string, unknown>>, ownKeys: readonly string[]): ConfigForm {
  const keys = Object.keys(value);
  const isFull = (key: string): boolean => (FULL_KEYS as readonly string[]).includes(key);
  if (keys.some((key) => ownKeys.includes(key) && !isFull(key))) return 'own';
  if (keys.some((key) => isFull(key) && key !== 'api')) return 'full';
  if (keys.includes('api')) return isRecord(value.api) && Object.hasOwn(value.api, 'bind') ? 'full' : 'own';
  const isAddress = (key: string): boolean => parseAddress(plainHost(key)) !== undefined || LIKE_AN_ADDRESS.test(key);
  return keys.some(isAddress) || isOfNames(value, ownKeys) ? 'simple' : 'own';
}

/** LLAMA's simple form with host names: only maps of text. Detected so that the problem is reported at the names. */
function isOfNames(value: Readonly<Record<string, unknown>>, ownKeys: readonly string[]): boolean {
  const known = [...ownKeys, ...FULL_KEYS];
  const isTags = (tags: unknown): boolean =>
    isRecord(tags) &&
    Object.keys(tags).length > 0 &&
    Object.values(tags).every((tag) => typeof tag !== 'object' || tag === null);
  const entries = Object.entries(value);
  return entries.length > 0 && entries.every(([name, tags]) => isTags(tags) && nearest(name, known) === undefined);
}
