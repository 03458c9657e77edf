/** Messages between tabs and the shared worker of their stream. */

import type { StreamState } from '../lib/streamReader.js';

/** A tab that is looked at joins, and says so again; one that is hidden or closed leaves. */
export type ToStream =
  | { readonly kind: 'join'; readonly url: string; readonly headers: Readonly<Record<string, string>> }
  | { readonly kind: 'leave' };

export type FromStream = StreamState;

/** How often a tab says that it is still there. */
export const SAYS_AGAIN_MS = 10_000;
