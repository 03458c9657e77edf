/** The formats that one prober thread uses. */

import { randomInt } from 'node:crypto';
import { FormatKind, type FormatSpec } from '../../threads/messages.js';
import { TRANSPORT } from '../tables/sources.js';
import { LlamaFormat } from './dropbox.js';
import { LlamaLegacyFormat } from './dropboxLegacy.js';
import { formatKey, type ProbeFormat } from './format.js';
import { IcmpFormat } from './icmp.js';
import { formatBit } from './replies.js';
import { StampFormat } from './stamp.js';
import { StampAuthFormat } from './stampAuth.js';
import { TcpSynFormat } from './tcpSyn.js';

export class Formats {
  /** By format number, which streams refer to. Formats are never removed: there are few. */
  readonly list: ProbeFormat[] = [];
  /** Bits of all kinds used so far. */
  inUse = 0;
  largestBytes = 0;
  /** XOR mask for the identities in SYNs; new for each incarnation of the thread. */
  readonly mask = randomInt(2 ** 32);
  private readonly numbers = new Map<string, number>();

  /** The number of the format for probes of this kind. */
  numberOf(spec: FormatSpec, payloadBytes: number): number {
    const key = formatKey(spec, payloadBytes);
    const known = this.numbers.get(key);
    if (known !== undefined) return known;
    const format = createFormat(spec, payloadBytes, this.mask);
    const number = this.list.push(format) - 1;
    this.numbers.set(key, number);
    if (format.transport === TRANSPORT.udp) this.inUse |= formatBit(format.kind);
    this.largestBytes = Math.max(this.largestBytes, format.payloadBytes);
    return number;
  }
}

function createFormat(spec: FormatSpec, payloadBytes: number, mask: number): ProbeFormat {
  switch (spec.kind) {
    case FormatKind.stamp:
      return new StampFormat(spec, payloadBytes);
    case FormatKind.stampAuth:
      return new StampAuthFormat(spec, payloadBytes);
    case FormatKind.llama:
      return new LlamaFormat(spec);
    case FormatKind.llamaLegacy:
      return new LlamaLegacyFormat();
    case FormatKind.tcpSyn:
      return new TcpSynFormat(mask);
    case FormatKind.icmp:
      return new IcmpFormat(payloadBytes);
    default:
      return spec.kind satisfies never;
  }
}
