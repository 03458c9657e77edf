/** STAMP, authenticated: probes are signed, and a reply must carry the HMAC of one of the keys. */

import type { SendBatch } from '../../net/batch.js';
import { FormatKind, type FormatSpec } from '../../threads/messages.js';
import { PacketSigner } from '../../wire/hmac.js';
import {
  STAMP_AUTH_BYTES,
  STAMP_AUTH_SSID,
  STAMP_AUTH_TIMESTAMP,
  signStampAuth,
  verifiesStampAuth,
  writeStampAuthRequest,
} from '../../wire/stampAuth.js';
import { U32 } from '../tables/slots.js';
import { TRANSPORT } from '../tables/sources.js';
import type { ProbeBatch, ProbeFormat, Reply } from './format.js';
import { ProbeTlvs } from './tlvs.js';

/** Bytes at the start of a request that identify its probe. */
const NAMING_BYTES = STAMP_AUTH_SSID + 2;

export class StampAuthFormat implements ProbeFormat {
  readonly kind = FormatKind.stampAuth;
  readonly transport = TRANSPORT.udp;
  readonly payloadBytes: number;
  readonly t1StepNs = 1;
  readonly anySource: boolean;
  readonly checks = true;
  private readonly signer: PacketSigner;
  private readonly tlvs: ProbeTlvs;

  constructor({ tlvs, keys, anySource = false }: FormatSpec, payloadBytes: number) {
    this.anySource = anySource;
    this.payloadBytes = payloadBytes;
    this.signer = new PacketSigner(keys);
    this.tlvs = new ProbeTlvs(tlvs, STAMP_AUTH_BYTES, payloadBytes, this.signer);
  }

  writeFrame(batch: SendBatch): void {
    for (let i = 0; i < batch.size; i++) this.tlvs.writeFrame(batch.memory.view, batch.payloadAt(i));
  }

  write(batch: SendBatch, { slots, stream, slot, count, streams }: ProbeBatch): void {
    const { view } = batch.memory;
    for (let i = 0; i < count; i++) {
      const s = slot[i];
      const at = batch.payloadAt(i);
      writeStampAuthRequest(view, at, slots.sequence[s * U32], slots.t1S[s * U32], slots.t1Ns[s * U32], stream[i] + 1);
      signStampAuth(this.signer, view, at);
      if (this.tlvs.any) this.tlvs.write(view, at, slots.sequence[s * U32], streams.tos[stream[i]]);
    }
  }

  readRequest(view: DataView, at: number, length: number, name: Reply): boolean {
    if (length < NAMING_BYTES) return false;
    name.ssid = view.getUint16(at + STAMP_AUTH_SSID);
    name.senderSequence = view.getUint32(at);
    name.t1S = view.getUint32(at + STAMP_AUTH_TIMESTAMP);
    name.t1Ns = view.getUint32(at + STAMP_AUTH_TIMESTAMP + 4);
    return name.ssid !== 0;
  }

  check(view: DataView, at: number, length: number, reply: Reply): boolean {
    return verifiesStampAuth(this.signer, view, at, length) && this.tlvs.read(view, at, length, reply);
  }
}
