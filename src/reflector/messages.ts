/** What the main thread and the reflector threads share: what a thread is started with, and its counters. It must never hold behaviour. */

import type { TimeBase } from '../net/clock.js';

/** Why a datagram was dropped, in the order in which it is examined. */
export const JUNK_REASONS = [
  /** Its source port is 0: nobody to answer. */
  'noSource',
  /** Its source address is in none of the networks of `--allow`. */
  'notAllowed',
  /** Longer than any reply that the reflector holds. */
  'tooLong',
  /** Shorter than 41 bytes. */
  'tooShort',
  /** It answers a reply of this reflector; reflecting it could start a loop. */
  'looksLikeReply',
  /** Above `--max-pps`. */
  'overRate',
] as const;
export type JunkReason = (typeof JUNK_REASONS)[number];

/**
 * Counters of a reflector thread; all but `sessions` count from the start of the process, over restarts of the thread.
 * `received` = `reflected` + `sendErrors` + all junk.
 */
export const REFLECTOR_COUNTERS = [
  'received',
  'reflected',
  ...JUNK_REASONS,
  /** Replies that the kernel refused to send. */
  'sendErrors',
  /** Requests without a kernel receive stamp: T2 was read from the clock instead. */
  'stampsMissing',
  /** Sessions held now, with `--stateful`. */
  'sessions',
  /** Sessions forgotten for want of room, and for age. */
  'sessionsEvicted',
  'sessionsExpired',
  'turns',
] as const;
export type ReflectorCounter = (typeof REFLECTOR_COUNTERS)[number];

/** One of a thread's sockets, opened by the main thread, which also closes it: it outlives the thread. */
export interface ListenSocket {
  readonly fd: number;
  readonly family: 4 | 6;
}

/** What a reflector thread gets when it starts. The doorbell of its control block has one meaning: end. */
export interface ReflectorStart {
  readonly thread: number;
  readonly timeBase: TimeBase;
  readonly sockets: readonly ListenSocket[];
  readonly wakeFd: number;
  readonly control: SharedArrayBuffer;
  /** What the doorbell says while the thread is to run. */
  readonly doorbell: number;
  /** Networks that are answered; null: all. */
  readonly allow: readonly string[] | null;
  /** Packets a second over all threads, and the bucket of `createTokens`; null: no limit. */
  readonly limit: { readonly maxPps: number; readonly tokens: SharedArrayBuffer } | null;
  /** Count replies per session instead of copying the sender's number; null: stateless. `maxSessions` is this thread's share. */
  readonly sessions: { readonly maxSessions: number; readonly timeoutMs: number } | null;
}
