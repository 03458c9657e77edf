/** An aggregator on a bench: rings and control blocks in this thread, a clock that stands still, everything it posts kept. */

import { Aggregator } from '../../../src/aggregator/aggregator.js';
import { sToNs } from '../../../src/base/units.js';
import { addressBytes } from '../../../src/net/address.js';
import type { Clock } from '../../../src/net/clock.js';
import { ControlBlock, PROBER_COUNTERS } from '../../../src/ring/control.js';
import { createRing, ORIGIN_WORDS, Outcome, RecordFlag, RingProducer, UNKNOWN_BYTE } from '../../../src/ring/ring.js';
import type { SendErrorReason, TooBigReason, UnreachableReason } from '../../../src/stats/reasons.js';
import {
  AGGREGATOR_COUNTERS,
  type FromAggregator,
  type IntervalReport,
  PATH_COLUMNS,
  type PathColumn,
} from '../../../src/threads/messages.js';

export const INTERVAL_MS = 10_000;
export const SOURCE_PORTS = 4;
/** A whole multiple of the interval, so that intervals end at 10, 20, 30 s on the time line. */
export const EPOCH_S = 1_763_700_000;
export const EPOCH_MS = EPOCH_S * 1000;

export type PathCounts = Record<PathColumn, number>;

export class AggregatorBench {
  readonly timeBase = { epochS: EPOCH_S, monotonicBaseNs: 0 };
  nowNs = 0;
  wallOffsetNs = 0;
  readonly control = new ControlBlock(AGGREGATOR_COUNTERS);
  readonly probers: readonly { ring: SharedArrayBuffer; control: SharedArrayBuffer }[];
  readonly producers: RingProducer[];
  readonly proberControls: readonly ControlBlock<(typeof PROBER_COUNTERS)[number]>[];
  readonly posted: FromAggregator[] = [];
  aggregator: Aggregator;

  constructor(rings: number, capacity = 4096) {
    this.probers = Array.from({ length: rings }, () => ({
      ring: createRing(capacity),
      control: new ControlBlock(PROBER_COUNTERS).memory,
    }));
    this.producers = this.probers.map((prober) => new RingProducer(prober.ring));
    this.proberControls = this.probers.map((prober) => new ControlBlock(PROBER_COUNTERS, prober.control));
    this.aggregator = this.newLife(0);
  }

  /** A new aggregator on the same memory, as after the death of the thread. */
  newLife(resumeAfterMs: number): Aggregator {
    const clock: Clock = {
      timeBase: this.timeBase,
      nowNs: () => this.nowNs,
      wallOffsetNs: () => this.wallOffsetNs,
      wallOffsetErrorNs: 0,
    };
    const start = {
      timeBase: this.timeBase,
      intervalMs: INTERVAL_MS,
      sourcePorts: SOURCE_PORTS,
      control: this.control.memory,
      probers: this.probers,
      resumeAfterMs,
    };
    this.aggregator = new Aggregator(start, clock, (message, transfer) => {
      this.posted.push(structuredClone(message, { transfer: [...transfer] }));
    });
    return this.aggregator;
  }

  addStreams(...ids: number[]): void {
    this.aggregator.handle({
      type: 'streams',
      rows: ids.map((id) => ({ id, prefix: `{"id":${id},"name":"ü${id}",` })),
    });
  }

  /** A record of a probe of a prober thread; counts it as sent when its outcome is final. */
  record(thread: number, path: number, outcome: number, sentS: number, details: RecordDetails = {}): boolean {
    const { rttNs = 50_000, residenceNs = 2000, flags = RecordFlag.timed, sequence = 0 } = details;
    const { forwardNs = rttNs / 2, forwardDscp = UNKNOWN_BYTE, forwardTtl = 61, tos = 0, ttl = 64 } = details;
    const { origin = new Uint32Array(ORIGIN_WORDS) } = details;
    const control = this.proberControls[thread];
    const final = outcome <= Outcome.tooBig;
    const sentNs = Math.round(sToNs(sentS));
    const receivedNs = outcome === Outcome.received ? sentNs + rttNs + residenceNs : 0;
    if (final) control.counters[control.index('sent')]++;
    const pushed = this.producers[thread].push(
      path,
      outcome,
      flags,
      tos,
      ttl,
      sentNs,
      receivedNs,
      residenceNs,
      sequence,
    );
    if (pushed && (outcome === Outcome.unreachable || outcome === Outcome.tooBig))
      this.producers[thread].origin(origin);
    else if (pushed) this.producers[thread].detail(Float64Array.of(forwardNs), forwardDscp, forwardTtl);
    if (!pushed && final) control.counters[control.index('ringOverflows')]++;
    return pushed;
  }

  /** All probes of a thread that were sent before are decided. */
  watermark(thread: number, sentS: number): void {
    this.producers[thread].push(0, Outcome.watermark, 0, 0, 0, sToNs(sentS), 0, 0, 0);
  }

  /** Publishes what was recorded, and turns until there is nothing more to do. */
  run(nowS: number): void {
    this.nowNs = sToNs(nowS);
    for (const producer of this.producers) producer.publish();
    while (this.aggregator.turn(() => {})) {}
  }

  get reports(): IntervalReport[] {
    return this.posted.flatMap((message) => (message.type === 'interval' ? [message.report] : []));
  }

  get threadLosses(): number[] {
    return this.posted.flatMap((message) => (message.type === 'threadLosses' ? [message.probes] : []));
  }
}

export interface RecordDetails {
  readonly rttNs?: number;
  readonly residenceNs?: number;
  readonly flags?: number;
  readonly sequence?: number;
  readonly forwardNs?: number;
  readonly forwardDscp?: number;
  readonly forwardTtl?: number;
  readonly tos?: number;
  readonly ttl?: number;
  /** Of a probe with an ICMP error. */
  readonly origin?: Uint32Array;
}

/** A probe that came back as unreachable: version, type and code of the ICMP error, and who sent it. */
export function icmpError(type: number, code: number, from: string): RecordDetails {
  const origin = new Uint32Array(ORIGIN_WORDS);
  const bytes = addressBytes(from);
  new Uint8Array(origin.buffer).set(bytes);
  return { residenceNs: bytes.length === 4 ? 4 : 6, tos: type, ttl: code, origin };
}

/** A probe that was too big for a link of MTU `mtu` (0: unknown), as the router `from` said; null: this host's kernel. */
export function tooBigError(mtu: number, from: string | null): RecordDetails {
  if (from === null) return { residenceNs: mtu, tos: 0, origin: new Uint32Array(ORIGIN_WORDS).fill(1) };
  const { residenceNs: tos = 0, ...error } = icmpError(0, 0, from);
  return { ...error, residenceNs: mtu, tos };
}

/** A probe that the kernel refused. */
export const refused = (errno: number): RecordDetails => ({ residenceNs: errno });

/** A row as it is published. */
export interface Row extends PathCounts {
  readonly id: number;
  readonly name: string;
  readonly lossPct: number | null;
  readonly sendErrorsBy: readonly SendErrorReason[] | null;
  readonly unreachableBy: readonly UnreachableReason[] | null;
  readonly tooBigBy: readonly TooBigReason[] | null;
  readonly mtu: number | null;
  readonly rttUs: Record<string, number> | null;
  readonly residenceUs: number | null;
  readonly jitterUs: number | null;
}

export function rowsOf(report: IntervalReport): Row[] {
  return JSON.parse(`[${new TextDecoder().decode(report.rows)}]`);
}

export function histogramOf(report: IntervalReport, row: number): string {
  const { histograms, histogramOffsets } = report;
  return new TextDecoder().decode(histograms.subarray(histogramOffsets[row], histogramOffsets[row + 1]));
}

export function pathsOf(report: IntervalReport): Map<number, PathCounts> {
  const paths = new Map<number, PathCounts>();
  for (const [i, path] of report.paths.entries()) {
    const first = i * PATH_COLUMNS.length;
    const entries = PATH_COLUMNS.map((column, k) => [column, report.pathCounters[first + k]]);
    paths.set(path, Object.fromEntries(entries));
  }
  return paths;
}
