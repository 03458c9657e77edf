/**
 * SYNs. Their sequence numbers identify stream and probe. Only sequence number, source, destination and checksum differ
 * between two SYNs.
 */

import type { SendBatch } from '../../net/batch.js';
import { FormatKind } from '../../threads/messages.js';
import { checksumTcp4, readSynName, synSequence, TCP_BYTES, TcpAnswer, writeTcpSyn } from '../../wire/tcpSyn.js';
import { U32 } from '../tables/slots.js';
import { TRANSPORT } from '../tables/sources.js';
import type { ProbeBatch, ProbeFormat, Reply } from './format.js';

/** Bytes of a segment that identify its probe: every ICMP error quotes them. */
const NAMING_BYTES = 8;

export class TcpSynFormat implements ProbeFormat {
  readonly kind = FormatKind.tcpSyn;
  readonly transport = TRANSPORT['tcp-syn'];
  readonly payloadBytes = TCP_BYTES;
  readonly t1StepNs = 0;
  readonly anySource = false;
  readonly checks = false;
  /** XOR mask for the identities: an off-path host can't forge answers without having seen a SYN. */
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
      // The kernel writes the checksum of IPv6.
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
