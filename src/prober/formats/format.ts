/**
 * What the prober must know of a packet format, so that one socket can send and receive all of them.
 *
 * A format is made once for each way in which groups write their probes (`formatKey`), and belongs to one prober thread. Calls are one a batch
 * where they can be: a loop over the probes of a batch is inside the format, so that it stays monomorphic however many formats there are.
 *
 * A reply says what it is by its bytes (`replies.ts`); that names a stream, and the stream's own format then says whether it is what was sent.
 */

import type { Group } from '../../config/types.js';
import type { SendBatch } from '../../net/batch.js';
import { FormatKind, type FormatSpec } from '../../threads/messages.js';
import { StampReply } from '../../wire/stamp.js';
import type { ProbeSlots } from '../slots.js';
import type { ProberSocket, TransportNumber } from '../sources.js';
import type { Streams } from '../streams.js';

export const PLAIN_STAMP: FormatSpec = { kind: FormatKind.stamp, tlvs: [], keys: [] };

/** Most probes a system call. All of a call get the same T1, and the last leaves some 2 us a probe after the first: kernel send stamps cure that. */
export const SEND_BATCH = 32;

/** The probes of one batch. Their slots hold sequence number and T1. Made once, filled again and again. */
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
 * What a request of ours, or a reply to it, says. Made once, filled again and again. A request fills only what names the probe: `ssid`,
 * `senderSequence`, `t1S` and `t1Ns`; or, in LLAMA's older format, `sentMs` and `tos`.
 */
export class Reply extends StampReply {
  kind: FormatKind = FormatKind.stamp;
  /** Whether T2 and T3 are there; residence is 0 where they are not. */
  timed = false;
  /** How many probes of the path the reflector had counted, up to any constant: of use where it is not `senderSequence`. */
  number = 0;
  /** Of a request in TCP: the source port that it left from; its sequence number is the lowest 16 bits. */
  port = 0;
  /** T1 as LLAMA's older format has it, and the TOS byte beside it. */
  sentMs = 0;
  tos = 0;
  /** As the reflector received the probe; -1: it does not say. */
  dscp = -1;
  ecn = -1;
  ttl = -1;
}

export interface ProbeFormat {
  readonly kind: FormatKind;
  readonly transport: TransportNumber;
  /** What is handed to the kernel of a probe: UDP payload, TCP segment, ICMP message. */
  readonly payloadBytes: number;
  /** The T1 of two probes of a batch differ by this much, ns: where a probe has no other name they are told apart by it. */
  readonly t1StepNs: number;
  /** Whether replies count from any address and port. */
  readonly anySource: boolean;
  /** Whether `check` has anything to look at. */
  readonly checks: boolean;
  /** Writes what is the same in all probes, into every message of a new batch, whose payloads are zeros. */
  writeFrame(batch: SendBatch): void;
  /** Hot: writes messages 0 to `probes.count - 1`. */
  write(batch: SendBatch, probes: ProbeBatch): void;
  /** Hot: reads one of our own requests that comes back with its send stamp or in an ICMP error. `length`: as much as came. False: it is none. */
  readRequest(view: DataView, at: number, length: number, name: Reply): boolean;
  /** Hot, where `checks`: whether the reply to a stream of this format is genuine; fills in what its TLVs say. */
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
