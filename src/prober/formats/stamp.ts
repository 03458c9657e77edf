/** STAMP, unauthenticated, with the TLVs that a group asks for. */

import type { SendBatch } from '../../net/batch.js';
import { FormatKind, type FormatSpec } from '../../threads/messages.js';
import { STAMP_BYTES, STAMP_SEQUENCE, STAMP_SSID, STAMP_TIMESTAMP, writeStampRequest } from '../../wire/stamp.js';
import { U32 } from '../tables/slots.js';
import { TRANSPORT } from '../tables/sources.js';
import type { ProbeBatch, ProbeFormat, Reply } from './format.js';
import { ProbeTlvs } from './tlvs.js';

/** Bytes at the start of a request that identify its probe: sequence number, T1, SSID. */
const NAMING_BYTES = 16;

export class StampFormat implements ProbeFormat {
  readonly kind = FormatKind.stamp;
  readonly transport = TRANSPORT.udp;
  readonly payloadBytes: number;
  readonly t1StepNs = 1;
  readonly anySource: boolean;
  readonly checks: boolean;
  private readonly tlvs: ProbeTlvs;

  constructor({ tlvs, anySource = false }: FormatSpec, payloadBytes: number) {
    this.anySource = anySource;
    this.payloadBytes = payloadBytes;
    this.tlvs = new ProbeTlvs(tlvs, STAMP_BYTES, payloadBytes, null);
    this.checks = this.tlvs.any;
  }

  writeFrame(batch: SendBatch): void {
    for (let i = 0; i < batch.size; i++) this.tlvs.writeFrame(batch.memory.view, batch.payloadAt(i));
  }

  write(batch: SendBatch, { slots, stream, slot, count, streams }: ProbeBatch): void {
    const { view } = batch.memory;
    for (let i = 0; i < count; i++) {
      const s = slot[i];
      const at = batch.payloadAt(i);
      writeStampRequest(view, at, slots.sequence[s * U32], slots.t1S[s * U32], slots.t1Ns[s * U32], stream[i] + 1);
      if (this.tlvs.any) this.tlvs.write(batch.memory.view, at, slots.sequence[s * U32], streams.tos[stream[i]]);
    }
  }

  readRequest(view: DataView, at: number, length: number, name: Reply): boolean {
    if (length < NAMING_BYTES) return false;
    name.ssid = view.getUint16(at + STAMP_SSID);
    name.senderSequence = view.getUint32(at + STAMP_SEQUENCE);
    name.t1S = view.getUint32(at + STAMP_TIMESTAMP);
    name.t1Ns = view.getUint32(at + STAMP_TIMESTAMP + 4);
    return name.ssid !== 0;
  }

  check(view: DataView, at: number, length: number, reply: Reply): boolean {
    return this.tlvs.read(view, at, length, reply);
  }
}
