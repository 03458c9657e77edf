/**
 * Shared by the main thread and the reflector threads: a thread's start data, and its counters. It must never contain
 * behaviour.
 */

import type { TimeBase } from '../net/clock.js';
import type { ReplyInterface } from './replyInterface.js';

/** The supported packet formats. */
export const Format = { stamp: 0, stampAuth: 1, llama: 2, llamaLegacy: 3 } as const;
export type Format = (typeof Format)[keyof typeof Format];
export const FORMATS = ['stamp', 'stampAuth', 'llama', 'llamaLegacy'] as const;

/** Why a datagram was dropped, in the order of the checks. */
export const JUNK_REASONS = [
  /** Its source port is 0, so a reply has no destination. */
  'noSource',
  /** Its source address is outside the networks of `--allow`. */
  'notAllowed',
  /** Longer than the reflector's buffers. */
  'tooLong',
  /** Shorter than 41 bytes (14 with `--short-requests`), and not a probe of LLAMA in Python. */
  'tooShort',
  /** A short request from a port that this reflector listens on: the reply may come back as a request. */
  'shortFromOwnPort',
  /** A short request above `--max-short-pps` of its network. */
  'shortOverRate',
  /** A key file is given, and this format has no HMAC. */
  'unauthenticated',
  /** A key file is given, and the packet's HMAC matches none of its keys. */
  'badHmac',
  /** Authenticated STAMP, but no key file is given. */
  'noKey',
  /** It answers a reply of this reflector, or is short and may be a reply; reflecting it could start a loop. */
  'looksLikeReply',
  /** A probe of LLAMA that came from the same sender several times: it runs in a loop. */
  'repeated',
  /** Above `--max-pps`. */
  'overRate',
] as const;

/**
 * Counters of a reflector thread. All except `sessions` count from the start of the process, across restarts of the
 * thread. `received` = `reflected` + `sendErrors` + all junk.
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
  /** Accepted requests below 41 bytes, with `--short-requests`. */
  'shortRequests',
  /** Replies that the kernel refused to send. */
  'sendErrors',
  /** Requests without a kernel receive stamp: T2 was read from the clock instead. */
  'stampsMissing',
  /**
   * Answered requests whose TLVs were malformed, or failed their integrity check: the TLVs were returned flagged and
   * had no effect.
   */
  'malformedTlvs',
  'forgedTlvs',
  /** Current sessions. */
  'sessions',
  /** Sessions evicted because the table was full, and sessions expired by age. */
  'sessionsEvicted',
  'sessionsExpired',
  'turns',
] as const;
export type ReflectorCounter = (typeof REFLECTOR_COUNTERS)[number];

export interface SessionLimits {
  readonly maxSessions: number;
  /** A session without packets for longer is forgotten. */
  readonly timeoutMs: number;
}

/** Bytes of `ShortRequestSettings.ownPorts`. */
export const OWN_PORTS_BYTES = 65_536;

/** `--short-requests`: settings for requests of 14 to 40 bytes. */
export interface ShortRequestSettings {
  /**
   * By port: 1 where this reflector listens, or has listened. The main thread adds the ports of listeners that are
   * bound later.
   */
  readonly ownPorts: SharedArrayBuffer;
  /** Replies a second for each network of `allow`, and its bucket of `createTokens`. */
  readonly maxPps: number;
  readonly tokens: readonly SharedArrayBuffer[];
}

/** One of a thread's sockets. The main thread opens and closes it, so it outlives the thread. */
export interface ListenSocket {
  readonly fd: number;
  readonly family: 4 | 6;
}

/** Start data of a reflector thread. The doorbell of its control block has one meaning: stop. */
export interface ReflectorStart {
  readonly thread: number;
  readonly timeBase: TimeBase;
  readonly sockets: readonly ListenSocket[];
  readonly wakeFd: number;
  readonly control: SharedArrayBuffer;
  /** Value of the doorbell while the thread must run. */
  readonly doorbell: number;
  /** Networks that get replies; null: all. */
  readonly allow: readonly string[] | null;
  /** Packets a second over all threads, and the bucket of `createTokens`; null: unlimited. */
  readonly limit: { readonly maxPps: number; readonly tokens: SharedArrayBuffer } | null;
  /** Null: short requests are dropped. Only with `allow`. */
  readonly short: ShortRequestSettings | null;
  readonly replyInterface: ReplyInterface;
  /** Memory of `VrfMembers`. */
  readonly vrfs: SharedArrayBuffer;
  /**
   * Number the replies of each session. False: copy the sender's number, and count only for senders that ask for it
   * (direct measurement).
   */
  readonly stateful: boolean;
  /** `maxSessions` is this thread's share. */
  readonly sessions: SessionLimits;
  /** Memory of `SharedKeys`: only packets with an HMAC of one of these keys are answered. Null: no authentication. */
  readonly keys: SharedArrayBuffer | null;
}
