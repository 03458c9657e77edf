/** The probes of LLAMA in Go, which reflectors return unchanged. */

import type { SendBatch } from '../../net/batch.js';
import { FormatKind, type FormatSpec } from '../../threads/messages.js';
import { LLAMA_BYTES, LlamaReply, readLlamaReply, writeLlamaFrame, writeLlamaRequest } from '../../wire/dropbox.js';
import { U32 } from '../tables/slots.js';
import { TRANSPORT } from '../tables/sources.js';
import type { ProbeBatch, ProbeFormat, Reply } from './format.js';

export class LlamaFormat implements ProbeFormat {
  readonly kind = FormatKind.llama;
  readonly transport = TRANSPORT.udp;
  readonly payloadBytes = LLAMA_BYTES;
  readonly t1StepNs = 1;
  readonly checks = false;
  readonly anySource: boolean;

  constructor({ anySource = false }: FormatSpec) {
    this.anySource = anySource;
  }

  writeFrame(batch: SendBatch): void {
    for (let i = 0; i < batch.size; i++) writeLlamaFrame(batch.memory.view, batch.payloadAt(i));
  }

  write(batch: SendBatch, { slots, stream, slot, count, streams }: ProbeBatch): void {
    const { view } = batch.memory;
    for (let i = 0; i < count; i++) {
      const s = slot[i];
      const tos = streams.tos[stream[i]];
      writeLlamaRequest(
        view,
        batch.payloadAt(i),
        slots.sequence[s * U32],
        slots.t1S[s * U32],
        slots.t1Ns[s * U32],
        stream[i] + 1,
        tos,
      );
    }
  }

  readRequest(view: DataView, at: number, length: number, name: Reply): boolean {
    return readLlama(view, at, length, name);
  }

  check(): boolean {
    return true;
  }
}

const probe = new LlamaReply();

/** Hot: reads a returned probe, from a reply, a send stamp or an ICMP error. */
export function readLlama(view: DataView, at: number, length: number, reply: Reply): boolean {
  if (!readLlamaReply(view, at, length, probe)) return false;
  reply.ssid = probe.ssid;
  reply.senderSequence = probe.sequence;
  reply.t1S = probe.t1S;
  reply.t1Ns = probe.t1Ns;
  reply.tos = probe.tos;
  return probe.ssid !== 0;
}
