/**
 * The interface of every source of targets: it can be asked, and may signal on its own that asking again is worthwhile.
 */

import type { Allowed } from '../config/types.js';

/** Files and URLs that a source may read, asked each time it is asked itself; undefined: any. */
export type AllowedNow = () => Allowed | undefined;

/** One target of an answer, already checked; without a port of its own it has the group's. */
export interface Entry {
  readonly address: string;
  readonly family: 4 | 6;
  readonly port: number | null;
  readonly tags: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly entries: readonly Entry[];
  /** Entries that were refused in an otherwise good answer. */
  readonly warnings: readonly string[];
  /** When to ask again at the earliest; absent when the source has no opinion. */
  readonly ttlMs?: number;
  /** The reason for an empty answer, when the source knows one. */
  readonly empty?: string;
}

export interface Source {
  /**
   * Asks once, and ends soon when aborted. Rejects with an error whose message is for the operator. Calls never
   * overlap.
   */
  ask(signal: AbortSignal): Promise<Answer>;
  /** Calls `changed` whenever the answer may have changed; the result ends that. */
  watch?(changed: () => void): () => void;
}

/** More than any answer that the plan's limits allow: 65,535 targets with some labels each. */
export const MAX_ANSWER_BYTES = 16 * 2 ** 20;
