/**
 * Finds the format of a datagram, and whether to answer it. No state of the sessions changes before a packet has passed
 * these checks. With keys, a packet without a valid HMAC costs its examination only.
 */

import { NS_PER_S } from '../base/units.js';
import { SOCKADDR_PORT, sockaddrAddressOffset } from '../net/address.js';
import type { ReceiveBatch } from '../net/batch.js';
import type { SystemClock } from '../net/clock.js';
import { isLlamaProbe } from '../wire/dropbox.js';
import { isLegacyProbe } from '../wire/dropboxLegacy.js';
import type { PacketSigner } from '../wire/hmac.js';
import {
  checkStampRequest,
  extendShortRequest,
  looksLikeShortReply,
  STAMP_MIN_BYTES,
  STAMP_SHORT_MIN_BYTES,
  StampFault,
} from '../wire/stamp.js';
import { hasStampAuthLayout, isStampAuthReply, STAMP_AUTH_TIMESTAMP, stampAuthKey } from '../wire/stampAuth.js';
import type { AllowList } from './allow.js';
import { Format, REFLECTOR_COUNTERS, type ReflectorCounter, type ShortRequestSettings } from './messages.js';
import { RepeatGuard } from './repeats.js';
import { TokenBucket } from './tokens.js';

const counterIndex = (name: ReflectorCounter): number => REFLECTOR_COUNTERS.indexOf(name);
const NO_SOURCE = counterIndex('noSource');
const NOT_ALLOWED = counterIndex('notAllowed');
const TOO_LONG = counterIndex('tooLong');
const TOO_SHORT = counterIndex('tooShort');
const SHORT_FROM_OWN_PORT = counterIndex('shortFromOwnPort');
const SHORT_OVER_RATE = counterIndex('shortOverRate');
const UNAUTHENTICATED = counterIndex('unauthenticated');
const BAD_HMAC = counterIndex('badHmac');
const NO_KEY = counterIndex('noKey');
const LOOKS_LIKE_REPLY = counterIndex('looksLikeReply');
const REPEATED = counterIndex('repeated');

/**
 * Family, port and address of a source: the start of a socket address. The bytes after them may come from an earlier
 * packet.
 */
const SOURCE_BYTES = { 4: 8, 6: 24 } as const;

/** Limits of the replies to short requests. */
class ShortRequests {
  /** By port: 1 where this reflector listens. Written by the main thread. */
  readonly ownPorts: Uint8Array;
  /** By network of `--allow`. */
  readonly tokens: readonly TokenBucket[];

  constructor({ ownPorts, maxPps, tokens }: ShortRequestSettings) {
    this.ownPorts = new Uint8Array(ownPorts);
    this.tokens = tokens.map((memory) => new TokenBucket(memory, maxPps));
  }
}

export class Examiner {
  /** By accepted datagram: its `Format`, and the key that signs it. */
  readonly formats: Uint8Array;
  readonly keys: Uint8Array;
  /** Null without authentication. */
  signer: PacketSigner | null = null;
  /** Requests without a kernel stamp, since the owner last reset the count. */
  stampsMissing = 0;
  /** Accepted short requests, since the owner last reset the count. */
  shortRequests = 0;
  /** Index of the network of `--allow` that contains the last packet's source. */
  private network = 0;
  private readonly batch: ReceiveBatch;
  private readonly clock: SystemClock;
  private readonly allow: AllowList | null;
  private readonly short: ShortRequests | null;
  private readonly guard = new RepeatGuard();

  constructor(
    batch: ReceiveBatch,
    clock: SystemClock,
    allow: AllowList | null,
    short: ShortRequestSettings | null = null,
  ) {
    this.batch = batch;
    this.clock = clock;
    this.allow = allow;
    this.short = short === null ? null : new ShortRequests(short);
    this.formats = new Uint8Array(batch.size);
    this.keys = new Uint8Array(batch.size);
  }

  /** Hot: counter of the reason why datagram `j` is not answered, or -1. Ensures that a STAMP packet has a T2. */
  examine(family: 4 | 6, j: number, nowMs: number): number {
    const { batch } = this;
    const { view } = batch.memory;
    const name = batch.nameAt(j);
    if (view.getUint16(name + SOCKADDR_PORT) === 0) return NO_SOURCE;
    if (this.allow !== null) {
      this.network = this.networkOf(this.allow, family, name);
      if (this.network < 0) return NOT_ALLOWED;
    }
    if (batch.truncated[j] !== 0) return TOO_LONG;
    const at = batch.payloadAt(j);
    const length = batch.lengths[j];
    const legacy = isLegacyProbe(view, at, length);
    if (legacy || isLlamaProbe(view, at, length)) {
      if (this.signer !== null) return UNAUTHENTICATED;
      if (this.guard.repeats(view, name, SOURCE_BYTES[family], at, length, nowMs)) return REPEATED;
      this.formats[j] = legacy ? Format.llamaLegacy : Format.llama;
      return -1;
    }
    const short = length < STAMP_MIN_BYTES;
    if (short && (this.short === null || length < STAMP_SHORT_MIN_BYTES)) return TOO_SHORT;
    if (batch.stampS[j] === 0) this.stampFromClock(j);
    if (short && this.short !== null) return this.examineShort(this.short, j, at, length, nowMs);
    return this.signer === null ? this.examineOpen(j, at, length) : this.examineSigned(this.signer, j, at, length);
  }

  private examineOpen(j: number, at: number, length: number): number {
    const { view } = this.batch.memory;
    // Authenticated packets have zeros where unauthenticated ones have their timestamp, and a timestamp where those
    // have zeros.
    if (hasStampAuthLayout(view, at, length) && view.getUint32(at + STAMP_AUTH_TIMESTAMP) !== 0) return NO_KEY;
    if (checkStampRequest(view, at, length, this.batch.stampS[j]) !== StampFault.none) return LOOKS_LIKE_REPLY;
    this.formats[j] = Format.stamp;
    return -1;
  }

  private examineSigned(signer: PacketSigner, j: number, at: number, length: number): number {
    const { view } = this.batch.memory;
    const key = stampAuthKey(signer, view, at, length);
    if (key < 0) return hasStampAuthLayout(view, at, length) ? BAD_HMAC : UNAUTHENTICATED;
    if (isStampAuthReply(view, at, this.batch.stampS[j])) return LOOKS_LIKE_REPLY;
    this.formats[j] = Format.stampAuth;
    this.keys[j] = key;
    return -1;
  }

  /** A request of TWAMP-Light test tools. An accepted one is first extended to the length of its reply. */
  private examineShort(short: ShortRequests, j: number, at: number, length: number, nowMs: number): number {
    const { batch } = this;
    const { view } = batch.memory;
    if (short.ownPorts[view.getUint16(batch.nameAt(j) + SOCKADDR_PORT)] !== 0) return SHORT_FROM_OWN_PORT;
    if (looksLikeShortReply(view, at, length, batch.stampS[j])) return LOOKS_LIKE_REPLY;
    if (short.tokens[this.network].take(1, nowMs) === 0) return SHORT_OVER_RATE;
    extendShortRequest(view, at);
    batch.lengths[j] = STAMP_MIN_BYTES;
    this.formats[j] = Format.stamp;
    this.shortRequests++;
    return -1;
  }

  private networkOf(allow: AllowList, family: 4 | 6, name: number): number {
    const { view } = this.batch.memory;
    const at = name + sockaddrAddressOffset(family);
    return family === 4
      ? allow.networkOf(4, view.getUint32(at), 0, 0, 0)
      : allow.networkOf(6, view.getUint32(at), view.getUint32(at + 4), view.getUint32(at + 8), view.getUint32(at + 12));
  }

  private stampFromClock(j: number): void {
    this.stampsMissing++;
    const wallNs = this.clock.wallNs();
    const seconds = Math.floor(wallNs / NS_PER_S);
    this.batch.stampS[j] = this.clock.timeBase.epochS + seconds;
    this.batch.stampNs[j] = wallNs - seconds * NS_PER_S;
  }
}
