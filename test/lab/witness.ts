/**
 * Holds the RTT that the product reports for each probe against what a capture on the same interface saw of the same
 * two packets.
 *
 * witness RTT = (reply captured - request captured) - (T3 - T2 as the reply's payload says)
 *
 * So the reflector's own stamps cancel out, and what is left of the difference is the error of the collector's send and
 * receive times.
 */

import type { StampPackets } from './pcap.js';

/** One row per received probe, as the product has it. */
export interface ProbeColumns {
  readonly count: number;
  readonly senderPort: Uint16Array;
  readonly ssid: Uint16Array;
  readonly sequence: Uint32Array;
  /** Residence already subtracted. */
  readonly rttNs: Float64Array;
}

export interface Comparison {
  /** |ours - witness| of each probe that was compared, ascending, ns. */
  readonly errorsNs: Float64Array;
  readonly medianNs: number;
  readonly p99Ns: number;
  readonly maxNs: number;
  /** Mean of ours - witness, with its sign: what the product is wrong by on the whole. */
  readonly biasNs: number;
  /** Probes of which the capture does not hold both packets. */
  readonly unmatched: number;
}

/** A sequence number has to fit into the key beside port and SSID; a capture of minutes does. */
const MAX_SEQUENCE = 2 ** 21;

function key(senderPort: number, ssid: number, sequence: number): number {
  if (sequence >= MAX_SEQUENCE)
    throw new RangeError(`sequence ${sequence}: at most ${MAX_SEQUENCE - 1} can be compared`);
  return (senderPort * 65_536 + ssid) * MAX_SEQUENCE + sequence;
}

/** Throws when a packet is there twice: then it is not plain which one was measured. */
export function compareWithCapture(packets: StampPackets, probes: ProbeColumns): Comparison {
  const requests = new Map<number, number>();
  const replies = new Map<number, number>();
  for (let row = 0; row < packets.count; row++) {
    const side = packets.reply[row] === 1 ? replies : requests;
    const packet = key(packets.senderPort[row], packets.ssid[row], packets.sequence[row]);
    if (side.has(packet)) throw new Error(`packet captured twice, in rows ${side.get(packet)} and ${row}`);
    side.set(packet, row);
  }

  const errorsNs = new Float64Array(probes.count);
  let compared = 0;
  let sumNs = 0;
  for (let i = 0; i < probes.count; i++) {
    const packet = key(probes.senderPort[i], probes.ssid[i], probes.sequence[i]);
    const request = requests.get(packet);
    const reply = replies.get(packet);
    if (request === undefined || reply === undefined) continue;
    const errorNs = probes.rttNs[i] - witnessRttNs(packets, request, reply);
    sumNs += errorNs;
    errorsNs[compared++] = Math.abs(errorNs);
  }
  const sorted = errorsNs.subarray(0, compared).sort();
  return {
    errorsNs: sorted,
    medianNs: quantile(sorted, 0.5),
    p99Ns: quantile(sorted, 0.99),
    maxNs: quantile(sorted, 1),
    biasNs: sumNs / compared,
    unmatched: probes.count - compared,
  };
}

function witnessRttNs(packets: StampPackets, request: number, reply: number): number {
  const onWireNs =
    (packets.seconds[reply] - packets.seconds[request]) * 1e9 +
    (packets.nanoseconds[reply] - packets.nanoseconds[request]);
  const residenceNs =
    (packets.t3Seconds[reply] - packets.t2Seconds[reply]) * 1e9 +
    (packets.t3Nanoseconds[reply] - packets.t2Nanoseconds[reply]);
  return onWireNs - residenceNs;
}

/** The smallest value that at least this share of the sorted values does not exceed; NaN when there are none. */
export function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}
