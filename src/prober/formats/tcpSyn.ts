/** SYNs. Their sequence numbers name stream and probe; only they and source and destination differ from one to the next, and the checksum. */

import type { SendBatch } from '../../net/batch.js';
import { FormatKind } from '../../threads/messages.js';
import { checksumTcp4, readSynName, synSequence, TCP_BYTES, TcpAnswer, writeTcpSyn } from '../../wire/tcpSyn.js';
import { U32 } from '../slots.js';
import { TRANSPORT } from '../sources.js';
import type { ProbeBatch, ProbeFormat, Reply } from './format.js';

/** Enough of a segment to name its probe: what any ICMP error quotes. */
const NAMING_BYTES = 8;

export class TcpSynFormat implements ProbeFormat {
  readonly kind = FormatKind.tcpSyn;
  readonly transport = TRANSPORT['tcp-syn'];
  readonly payloadBytes = TCP_BYTES;
  readonly t1StepNs = 0;
  readonly anySource = false;
  readonly checks = false;
  /** Covers the names: who can't see our SYNs can't answer them. */
  readonly mask: number;
  /** Source and destination, for the checksum. */
  private readonly words = new Uint32Array(2);
  private readonly addresses = new DataView(this.words.buffer);
  private readonly name = new TcpAnswer();

  constructor(mask: number) {
    this.mask = mask;
  }

  writeFrame(): void {}

  write(batch: SendBatch, { slots, streams, socket, stream, slot, count }: ProbeBatch): void {
    const { view } = batch.memory;
    for (let i = 0; i < count; i++) {
      const to = stream[i];
      const port = streams.port[to];
      const at = batch.payloadAt(i);
      const sequence = synSequence(to + 1, slots.sequence[slot[i] * U32], this.mask);
      writeTcpSyn(view, at, socket.port, ((port & 0xff) << 8) | (port >> 8), sequence);
      // That of IPv6 is the kernel's to write.
      if (socket.family === 6) continue;
      this.words[0] = streams.local[to];
      this.words[1] = streams.address[to * 4];
      batch.setSource4(i, this.words[0]);
      checksumTcp4(view, at, TCP_BYTES, this.addresses, 0, 4);
    }
  }

  readRequest(view: DataView, at: number, length: number, name: Reply): boolean {
    if (length < NAMING_BYTES || !readSynName(view, at, length, this.mask, this.name)) return false;
    name.port = this.name.sourcePort;
    name.ssid = this.name.ssid;
    name.senderSequence = this.name.sequence;
    return name.ssid !== 0;
  }

  check(): boolean {
    return true;
  }
}
