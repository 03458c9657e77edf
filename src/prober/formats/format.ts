/**
 * The interface of a packet format, so that one socket can send and receive all formats.
 *
 * Each prober thread makes one format object for each way of writing probes (`formatKey`). Calls are per batch where
 * possible: the loop over a batch is inside the format, so that it stays monomorphic with any number of formats.
 *
 * The bytes of a reply tell its layout (`replies.ts`) and identify a stream. The stream's own format then checks that
 * layout.
 */

import type { Group } from '../../config/types.js';
import type { SendBatch } from '../../net/batch.js';
import { FormatKind, type FormatSpec } from '../../threads/messages.js';
import { StampReply } from '../../wire/stamp.js';
import type { ProbeSlots } from '../tables/slots.js';
import type { ProberSocket, TransportNumber } from '../tables/sources.js';
import type { Streams } from '../tables/streams.js';

/**
 * Limit of probes a system call. All probes of a call get the same T1, although the last leaves about 2 us a probe
 * after the first. Kernel send stamps correct that.
 */
export const SEND_BATCH = 32;

/** The probes of one batch; their slots hold sequence number and T1. Allocated once and reused. */
export interface ProbeBatch {
  readonly slots: ProbeSlots;
  readonly streams: Streams;
  socket: ProberSocket;
  count: number;
  /** By message. */
  readonly stream: Uint32Array;
  readonly slot: Uint32Array;
}

/**
 * The content of a request or of a reply to it. Allocated once and reused. A request fills only its identity: `ssid`,
 * `senderSequence`, `t1S` and `t1Ns`; or, in LLAMA's older format, `sentMs` and `tos`.
 */
export class Reply extends StampReply {
  kind: FormatKind = FormatKind.stamp;
  /** Whether T2 and T3 are present; without them residence is 0. */
  timed = false;
  /**
   * How many probes of the path the reflector had counted, plus a constant: informative where it differs from
   * `senderSequence`.
   */
  number = 0;
  /** For a request in TCP: its source port; its sequence number is the lowest 16 bits. */
  port = 0;
  /** T1 and TOS byte in LLAMA's older format. */
  sentMs = 0;
  tos = 0;
  /** As the reflector received the probe; -1 when not reported. */
  dscp = -1;
  ecn = -1;
  ttl = -1;
}

export interface ProbeFormat {
  readonly kind: FormatKind;
  readonly transport: TransportNumber;
  /** Bytes of a probe that the kernel gets: UDP payload, TCP segment, ICMP message. */
  readonly payloadBytes: number;
  /** Difference of T1 between two probes of a batch, ns: it identifies probes where nothing else does. */
  readonly t1StepNs: number;
  /** Whether replies count from any address and port. */
  readonly anySource: boolean;
  /** Whether `check` does anything. */
  readonly checks: boolean;
  /** Writes the constant bytes into every message of a new batch, whose payloads are zeros. */
  writeFrame(batch: SendBatch): void;
  /** Hot: writes messages 0 to `probes.count - 1`. */
  write(batch: SendBatch, probes: ProbeBatch): void;
  /**
   * Hot: reads a returned request from a send stamp or an ICMP error. `length`: the bytes that came. False when it has
   * another format.
   */
  readRequest(view: DataView, at: number, length: number, name: Reply): boolean;
  /** Hot, where `checks`: whether the reply to a stream of this format is genuine; fills in the content of its TLVs. */
  check(view: DataView, at: number, length: number, reply: Reply): boolean;
}

/** How the probes of a group are written. */
export function formatOf({
  protocol,
  keys = [],
  tlvs = [],
  anySource,
}: Pick<Group, 'protocol' | 'keys' | 'tlvs' | 'anySource'>): FormatSpec {
  const elsewhere = anySource === true ? { anySource } : {};
  switch (protocol) {
    case 'stamp':
      return { kind: keys.length > 0 ? FormatKind.stampAuth : FormatKind.stamp, tlvs, keys, ...elsewhere };
    case 'llama':
      return { kind: FormatKind.llama, tlvs: [], keys: [], ...elsewhere };
    case 'llama-legacy':
      return { kind: FormatKind.llamaLegacy, tlvs: [], keys: [] };
    case 'tcp-syn':
      return { kind: FormatKind.tcpSyn, tlvs: [], keys: [] };
    case 'icmp':
      return { kind: FormatKind.icmp, tlvs: [], keys: [] };
    default:
      return protocol satisfies never;
  }
}

/** Equal for groups whose probes are written alike. */
export function formatKey({ kind, tlvs, keys, anySource = false }: FormatSpec, payloadBytes: number): string {
  return `${kind} ${payloadBytes} ${tlvs.join(',')} ${keys.map((key) => Buffer.from(key).toString('hex')).join(',')} ${anySource}`;
}
