/**
 * The probes of LLAMA in Python. They carry no number: a reply is identified by its source, its TOS byte and its T1.
 */

import type { SendBatch } from '../../net/batch.js';
import { FormatKind } from '../../threads/messages.js';
import {
  isLegacyProbe,
  LLAMA_LEGACY_BYTES,
  legacySent,
  legacySentMs,
  legacyTos,
  writeLegacyFrame,
  writeLegacyRequest,
} from '../../wire/dropboxLegacy.js';
import { U32 } from '../tables/slots.js';
import { TRANSPORT } from '../tables/sources.js';
import type { ProbeBatch, ProbeFormat, Reply } from './format.js';

export class LlamaLegacyFormat implements ProbeFormat {
  readonly kind = FormatKind.llamaLegacy;
  readonly transport = TRANSPORT.udp;
  readonly payloadBytes = LLAMA_LEGACY_BYTES;
  /** A double resolves ms since 1970 to 244 ns. */
  readonly t1StepNs = 500;
  readonly anySource = false;
  readonly checks = false;

  writeFrame(batch: SendBatch): void {
    for (let i = 0; i < batch.size; i++) writeLegacyFrame(batch.memory.view, batch.payloadAt(i));
  }

  write(batch: SendBatch, { slots, stream, slot, count, streams }: ProbeBatch): void {
    const { view } = batch.memory;
    for (let i = 0; i < count; i++) {
      const s = slot[i];
      writeLegacyRequest(
        view,
        batch.payloadAt(i),
        streams.tos[stream[i]],
        legacySentMs(slots.t1S[s * U32], slots.t1Ns[s * U32]),
      );
    }
  }

  readRequest(view: DataView, at: number, length: number, name: Reply): boolean {
    return readLegacy(view, at, length, name);
  }

  check(): boolean {
    return true;
  }
}

/**
 * Hot: reads a returned probe, from a reply, a send stamp or an ICMP error. T1 in seconds and nanoseconds is
 * approximate.
 */
export function readLegacy(view: DataView, at: number, length: number, reply: Reply): boolean {
  if (!isLegacyProbe(view, at, length)) return false;
  const sentMs = legacySent(view, at);
  reply.ssid = 0;
  reply.senderSequence = 0;
  reply.sentMs = sentMs;
  reply.tos = legacyTos(view, at);
  reply.t1S = Math.floor(sentMs / 1000);
  reply.t1Ns = Math.floor((sentMs - reply.t1S * 1000) * 1_000_000);
  return sentMs > 0 && sentMs < 2 ** 42;
}
