/**
 * Turns a request into its reply, in place and with the same length: as a Session-Reflector of RFC 8762 section 4.3 and
 * RFC 8972 section 4, and as LLAMA's reflectors treat LLAMA's probes. T3 and the HMAC of the base packet are written
 * directly before sending (replies.ts).
 */

import { nsToS, usToNs } from '../base/units.js';
import { SOCKADDR_PORT, sockaddrAddressOffset } from '../net/address.js';
import type { ReceiveBatch } from '../net/batch.js';
import { ClockSync } from '../net/clockSync.js';
import { LLAMA_TOS } from '../wire/dropbox.js';
import { LLAMA_LEGACY_TOS } from '../wire/dropboxLegacy.js';
import type { PacketSigner } from '../wire/hmac.js';
import {
  LLAMA_ERROR_ESTIMATE,
  reflectStamp,
  STAMP_BYTES,
  STAMP_SSID,
  stampSequence,
  synchronisedErrorEstimate,
} from '../wire/stamp.js';
import { reflectStampAuth, STAMP_AUTH_BYTES, STAMP_AUTH_SSID } from '../wire/stampAuth.js';
import { beginsTlv, ClockSource, TlvType } from '../wire/stampTlv.js';
import { findTlv, ReflectedTlvs, reflectTlvs, signHmacTlv } from '../wire/stampTlvReflect.js';
import { Format, type ListenSocket } from './messages.js';
import { SessionKey, type SessionTable } from './sessions.js';

/** The two bits of a TOS byte that are ECN; both set mean "congestion experienced". */
const ECN_CE = 0x03;

export class Answerer {
  signer: PacketSigner | null = null;
  /**
   * Requests with malformed TLVs, and requests whose TLVs failed their integrity check, since the owner last reset the
   * counts.
   */
  malformedTlvs = 0;
  forgedTlvs = 0;
  private readonly batch: ReceiveBatch;
  private readonly sockets: readonly ListenSocket[];
  private readonly sessions: SessionTable;
  private readonly stateful: boolean;
  private readonly tlvs = new ReflectedTlvs();
  private readonly sync = new ClockSync();
  private errorEstimate = LLAMA_ERROR_ESTIMATE;

  constructor(batch: ReceiveBatch, sockets: readonly ListenSocket[], sessions: SessionTable, stateful: boolean) {
    this.batch = batch;
    this.sockets = sockets;
    this.sessions = sessions;
    this.stateful = stateful;
    this.readSync();
  }

  /** Reads the kernel's clock state, for the error estimates and clock sources in replies. */
  readSync(): void {
    this.sync.read();
    const { synchronised, maxErrorUs } = this.sync;
    this.errorEstimate = synchronised ? synchronisedErrorEstimate(nsToS(usToNs(maxErrorUs))) : LLAMA_ERROR_ESTIMATE;
    this.tlvs.clockSource = synchronised ? ClockSource.ntp : ClockSource.freeRunning;
  }

  /** Hot: prefetches the sessions of the first `count` of `picks`, so that the cache misses overlap. */
  lookAhead(socket: number, picks: Uint8Array, count: number, formats: Uint8Array): void {
    if (!this.stateful) return;
    for (let i = 0; i < count; i++) {
      const j = picks[i];
      if (formats[j] <= Format.stampAuth) this.prepareSession(socket, j, formats[j] === Format.stampAuth);
    }
    this.sessions.fetch(picks, count);
  }

  /** Hot: turns datagram `j` of `format` into its reply. Returns the reply's TOS. */
  answer(socket: number, j: number, format: number, key: number, nowMs: number): number {
    const { batch } = this;
    if (format === Format.llama) return this.tosAsked(batch.payloadAt(j) + LLAMA_TOS);
    if (format === Format.llamaLegacy) return this.tosAsked(batch.payloadAt(j) + LLAMA_LEGACY_TOS);
    return this.answerStamp(socket, j, format === Format.stampAuth, key, nowMs);
  }

  /**
   * Counts a request above the limit of replies as received in its session; otherwise it would look lost on the way
   * here.
   */
  skip(socket: number, j: number, format: number): void {
    if (format !== Format.stamp && format !== Format.stampAuth) return;
    this.prepareSession(socket, j, format === Format.stampAuth);
    this.sessions.receivedOnly(j);
  }

  /** The whole byte, as LLAMA's reflectors do, except "congestion experienced", which only routers may set. */
  private tosAsked(at: number): number {
    const tos = this.batch.memory.view.getUint8(at);
    return (tos & ECN_CE) === ECN_CE ? tos & ~ECN_CE : tos;
  }

  private answerStamp(socket: number, j: number, signed: boolean, key: number, nowMs: number): number {
    const { batch, tlvs, sessions } = this;
    const { view } = batch.memory;
    const at = batch.payloadAt(j);
    const length = batch.lengths[j];
    const end = at + length;
    const first = at + (signed ? STAMP_AUTH_BYTES : STAMP_BYTES);
    const hasTlvs = beginsTlv(view, first, end);
    const counts = hasTlvs && findTlv(view, first, end, TlvType.directMeasurement) >= 0;
    let dscp = batch.tos[j] >> 2;
    let sequence = stampSequence(view, at);
    tlvs.received = -1;
    if (this.stateful || counts) {
      if (!this.stateful) this.prepareSession(socket, j, signed);
      const number = sessions.next(nowMs, j);
      if (this.stateful) sequence = number;
      tlvs.received = sessions.received;
      tlvs.reflected = (number + 1) >>> 0;
    }
    tlvs.hmacAt = -1;
    if (hasTlvs) {
      tlvs.dscp = dscp;
      tlvs.ecn = batch.tos[j] & ECN_CE;
      tlvs.key = key;
      reflectTlvs(view, at, first, end, signed ? this.signer : null, tlvs);
      if (tlvs.replyDscp >= 0) dscp = tlvs.replyDscp;
      if (tlvs.malformed) this.malformedTlvs++;
      if (tlvs.forged) this.forgedTlvs++;
    }
    const s = batch.stampS[j];
    const ns = batch.stampNs[j];
    const ttl = batch.ttl[j];
    if (!signed) reflectStamp(view, at, length, sequence, s, ns, ttl, this.errorEstimate);
    else {
      reflectStampAuth(view, at, sequence, s, ns, ttl, this.errorEstimate);
      if (tlvs.hmacAt >= 0 && this.signer !== null) signHmacTlv(this.signer, view, at, first, tlvs);
    }
    return dscp << 2;
  }

  private prepareSession(socket: number, j: number, signed: boolean): void {
    const { batch } = this;
    const { view } = batch.memory;
    const { family } = this.sockets[socket];
    const { keys } = this.sessions;
    const key = j * SessionKey.words;
    const name = batch.nameAt(j);
    const source = name + sockaddrAddressOffset(family);
    const local = batch.localAddressAt[j];
    const words = family === 4 ? 1 : 4;
    for (let word = 0; word < 4; word++) {
      keys[key + SessionKey.source + word] = word < words ? view.getUint32(source + word * 4) : 0;
      keys[key + SessionKey.local + word] = word < words && local !== 0 ? view.getUint32(local + word * 4) : 0;
    }
    const ssid = view.getUint16(batch.payloadAt(j) + (signed ? STAMP_AUTH_SSID : STAMP_SSID));
    keys[key + SessionKey.portAndSsid] = view.getUint16(name + SOCKADDR_PORT) * 65_536 + ssid;
    keys[key + SessionKey.socket] = socket;
    this.sessions.prepare(j);
  }
}
