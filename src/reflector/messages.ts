/** What the main thread and the reflector threads share: what a thread is started with, and its counters. It must never hold behaviour. */

import type { TimeBase } from '../net/clock.js';
import type { ReplyInterface } from './replyInterface.js';

/** The packet formats that are answered. */
export const Format = { stamp: 0, stampAuth: 1, llama: 2, llamaLegacy: 3 } as const;
export type Format = (typeof Format)[keyof typeof Format];
export const FORMATS = ['stamp', 'stampAuth', 'llama', 'llamaLegacy'] as const;

/** Why a datagram was dropped, in the order in which it is examined. */
export const JUNK_REASONS = [
  /** Its source port is 0: nobody to answer. */
  'noSource',
  /** Its source address is in none of the networks of `--allow`. */
  'notAllowed',
  /** Longer than any reply that the reflector holds. */
  'tooLong',
  /** Shorter than 41 bytes (14 with `--short-requests`), and no probe of LLAMA in Python. */
  'tooShort',
  /** A short request from a port that this reflector listens on: the reply may come back as a request. */
  'shortFromOwnPort',
  /** A short request above `--max-short-pps` of its network. */
  'shortOverRate',
  /** A key file is given, and this is a packet of a format without HMAC. */
  'unauthenticated',
  /** A key file is given, and the packet's HMAC is of none of its keys. */
  'badHmac',
  /** Authenticated STAMP, and no key file is given. */
  'noKey',
  /** It answers a reply of this reflector, or is short and may be a reply; reflecting it could start a loop. */
  'looksLikeReply',
  /** A probe of LLAMA that has come from the same sender several times: it runs in a loop. */
  'repeated',
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
  /** `reflected` by format. */
  'reflectedStamp',
  'reflectedStampAuth',
  'reflectedLlama',
  'reflectedLlamaLegacy',
  ...JUNK_REASONS,
  /** Requests below 41 bytes that were accepted, with `--short-requests`. */
  'shortRequests',
  /** Replies that the kernel refused to send. */
  'sendErrors',
  /** Requests without a kernel receive stamp: T2 was read from the clock instead. */
  'stampsMissing',
  /** Answered, but with TLVs that were malformed, or failed their integrity check: they went back flagged and were not followed. */
  'malformedTlvs',
  'forgedTlvs',
  /** Sessions held now. */
  'sessions',
  /** Sessions forgotten for want of room, and for age. */
  'sessionsEvicted',
  'sessionsExpired',
  'turns',
] as const;
export type ReflectorCounter = (typeof REFLECTOR_COUNTERS)[number];

export interface SessionLimits {
  readonly maxSessions: number;
  /** A session that is silent for longer is forgotten. */
  readonly timeoutMs: number;
}

/** Bytes of `ShortRequestSettings.ownPorts`. */
export const OWN_PORTS_BYTES = 65_536;

/** `--short-requests`: what a thread must know to answer requests of 14 to 40 bytes. */
export interface ShortRequestSettings {
  /** By port: 1 where this reflector listens, or has listened. The main thread adds to it, when a listener is bound later than at the start. */
  readonly ownPorts: SharedArrayBuffer;
  /** Most replies a second to each network of `allow`, and its bucket of `createTokens`. */
  readonly maxPps: number;
  readonly tokens: readonly SharedArrayBuffer[];
}

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
  /** Null: short requests are not answered. Only with `allow`. */
  readonly short: ShortRequestSettings | null;
  readonly replyInterface: ReplyInterface;
  /** Memory of `VrfMembers`. */
  readonly vrfs: SharedArrayBuffer;
  /** Number the replies of each session; false: copy the sender's number, and count for senders that ask for it (direct measurement) only. */
  readonly stateful: boolean;
  /** `maxSessions` is this thread's share. */
  readonly sessions: SessionLimits;
  /** Memory of `SharedKeys`: packets without an HMAC of one of these keys are not answered; null: no authentication. */
  readonly keys: SharedArrayBuffer | null;
}
