/** Echo requests: the data after the header identifies the probe, and returns unchanged. */

import type { SendBatch } from '../../net/batch.js';
import { FormatKind } from '../../threads/messages.js';
import { checksumEcho, Echo, ICMP_ECHO_BYTES, readEchoRequest, writeEchoRequest } from '../../wire/icmpEcho.js';
import { U32 } from '../tables/slots.js';
import { TRANSPORT } from '../tables/sources.js';
import type { ProbeBatch, ProbeFormat, Reply } from './format.js';

const ICMP_HEADER_BYTES = 8;

export class IcmpFormat implements ProbeFormat {
  readonly kind = FormatKind.icmp;
  readonly transport = TRANSPORT.icmp;
  /** Including the ICMP header. */
  readonly payloadBytes: number;
  readonly t1StepNs = 1;
  readonly anySource = false;
  readonly checks = false;
  private readonly echo = new Echo();

  constructor(payloadBytes: number) {
    this.payloadBytes = ICMP_HEADER_BYTES + payloadBytes;
  }

  writeFrame(): void {}

  write(batch: SendBatch, { slots, socket, stream, slot, count }: ProbeBatch): void {
    const { view } = batch.memory;
    const { family, port } = socket;
    for (let i = 0; i < count; i++) {
      const s = slot[i];
      const at = batch.payloadAt(i);
      writeEchoRequest(
        view,
        at,
        family,
        port,
        slots.sequence[s * U32],
        slots.t1S[s * U32],
        slots.t1Ns[s * U32],
        stream[i] + 1,
      );
      // Zeros follow these bytes and add nothing to the checksum. (The kernel writes the checksum of ICMPv6.)
      if (family === 4) checksumEcho(view, at, ICMP_ECHO_BYTES);
    }
  }

  readRequest(view: DataView, at: number, length: number, name: Reply): boolean {
    const { echo } = this;
    if (!readEchoRequest(view, at, length, 4, echo) && !readEchoRequest(view, at, length, 6, echo)) return false;
    takeEcho(echo, name);
    return name.ssid !== 0;
  }

  check(): boolean {
    return true;
  }
}

export function takeEcho(echo: Echo, name: Reply): void {
  name.ssid = echo.ssid;
  name.senderSequence = echo.sequence;
  name.t1S = echo.t1S;
  name.t1Ns = echo.t1Ns;
}
