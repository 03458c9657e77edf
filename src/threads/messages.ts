/**
 * Every message between the main thread, the prober threads and the aggregator thread.
 *
 * A *stream* is (group, target, class): one row of the results. It has a number, 0 to 65534, that is unique in the process while
 * it lives and is not given out again before the aggregator closed every interval in which it was probed.
 * Its STAMP session identifier is the number plus one, on every source port. A *path* is a stream on one source port:
 * `path = stream * source ports + index of the source port`.
 *
 * Order: the main thread tells the aggregator of a stream before it tells the probers, and the aggregator reads its messages after
 * it read the heads of the rings, so no record of an unknown stream can turn up.
 */

import type { MessagePort } from 'node:worker_threads';
import type { TimeBase } from '../net/clock.js';
import type { Stamps } from '../net/features.js';
import type { Protocol } from '../wire/protocol.js';
import type { ProbeTlv } from '../wire/stampTlv.js';

export const MAX_STREAMS = 65_535;

/** One source port's socket, opened by the main thread, which also closes it: it outlives the prober thread that uses it. */
export interface SourceSocket {
  readonly fd: number;
  /** Number of its set (`SourceSet`): the sockets of a transport and an interface. Of two for the same place in a set, the later one sends. */
  readonly set: number;
  /** The interface that it is bound to. */
  readonly device: string | undefined;
  readonly family: 4 | 6;
  /** Index of the source port, the same for its IPv4 and IPv6 socket. */
  readonly sourceIndex: number;
  /** UDP or TCP port; of icmp the identifier of its requests. */
  readonly port: number;
  readonly transport: Transport;
  /** What is received begins with an IPv4 header. */
  readonly skipsIpHeader: boolean;
}

/** What probes travel in. Several source ports of tcp-syn share a socket. */
export type Transport = 'udp' | 'tcp-syn' | 'icmp';

export const transportOf = (protocol: Protocol): Transport =>
  protocol === 'tcp-syn' || protocol === 'icmp' ? protocol : 'udp';

/** The packet layouts that are told apart. */
export const FormatKind = { stamp: 0, stampAuth: 1, llama: 2, llamaLegacy: 3, tcpSyn: 4, icmp: 5 } as const;
export type FormatKind = (typeof FormatKind)[keyof typeof FormatKind];

/** How the probes of a group are written; travels in messages to the prober threads. */
export interface FormatSpec {
  readonly kind: FormatKind;
  /** TLVs behind a STAMP packet, in this order. */
  readonly tlvs: readonly ProbeTlv[];
  /** Authenticated STAMP: the first key signs, any of them verifies. */
  readonly keys: readonly Uint8Array[];
  /** Replies count from any address and port. Of formats whose replies return a secret: not of `llama-legacy`, nor below UDP. */
  readonly anySource?: boolean;
}

/** What a prober thread gets once, when it starts. */
export interface ProberStart {
  readonly thread: number;
  readonly timeBase: TimeBase;
  /** The time stamps that its sockets deliver. */
  readonly stamps: Stamps;
  /** Families whose sockets do not deliver the marking of what is received. */
  readonly withoutTos: readonly number[];
  /** All source ports of the collector: the multiplier in a path's number. */
  readonly sourcePorts: number;
  /** Indexes of the source ports of this thread. */
  readonly sourceIndexes: readonly number[];
  readonly sockets: readonly SourceSocket[];
  readonly wakeFd: number;
  readonly control: SharedArrayBuffer;
  readonly ring: SharedArrayBuffer;
  /** Most probes waiting at a time; 0: no limit but the plan's. The perf harness closes its loop with it. */
  readonly window: number;
}

/** The task of a prober thread: its start, and the port of its messages. */
export interface ProberTask {
  readonly start: ProberStart;
  readonly port: MessagePort;
}

/** In `StreamTable.locals`: the local address is not known yet. The kernel refuses to send from it. */
export const UNKNOWN_SOURCE = 0xffff_ffff;

/** Streams in columns, all of them in one shared memory: ten thousand reach every thread without being copied. */
export interface StreamTable {
  readonly ids: Uint32Array;
  /** 16 bytes each; an IPv4 address takes the first four. */
  readonly addresses: Uint8Array;
  /** 4 or 6. */
  readonly families: Uint8Array;
  readonly ports: Uint16Array;
  /** TOS byte or traffic class: DSCP * 4, and the ECN codepoint. */
  readonly tos: Uint8Array;
  /** IPv4: the local address to send from, as a word in memory order, where the prober must know it (tcp-syn). IPv6: the zone's interface. */
  readonly locals: Uint32Array;
}

/**
 * Streams that share a schedule: a group, as the prober threads see it. A thread carries it out in small pieces, turn by turn, however
 * many streams come and go, and sends on meanwhile; the new order holds when all new streams are in.
 */
export interface RunMessage {
  readonly type: 'run';
  readonly revision: number;
  readonly run: number;
  readonly periodNs: number;
  readonly timeoutNs: number;
  readonly payloadBytes: number;
  /** Its probes are not to be fragmented. */
  readonly neverFragment: boolean;
  /** How its probes are written. */
  readonly format: FormatSpec;
  /** Number of the set of sockets that its probes leave by. */
  readonly set: number;
  /** All streams of the run in the order in which they are sent on each source port; empty: the run ends. */
  readonly order: Uint32Array;
  /** Those of them that the thread does not know yet. */
  readonly added: StreamTable;
  /** Streams that were in the order of the run and are no more. */
  readonly removed: Uint32Array;
  /** Probes leave from source ports of a lower index only. */
  readonly sourcePorts: number;
  /** Parts of equal length that the order has, each sent from all source ports before the next: those of tcp-syn, whose classes share connections, are its classes; else 1. */
  readonly parts: number;
  /** End after this many probes on this thread; 0: never. */
  readonly count: number;
}

/** Sockets that were opened since the thread began. */
export interface SocketsMessage {
  readonly type: 'sockets';
  readonly revision: number;
  readonly sockets: readonly SourceSocket[];
}

/** Sockets that are about to be closed: others took their places a while ago. */
export interface CloseMessage {
  readonly type: 'close';
  readonly revision: number;
  readonly fds: readonly number[];
}

/** Local addresses and interfaces towards targets changed: the columns `locals` of streams that are known. */
export interface LocalsMessage {
  readonly type: 'locals';
  readonly revision: number;
  readonly ids: Uint32Array;
  readonly locals: Uint32Array;
}

/** Send no more; end when everything is decided, or at `graceNs` from now. */
export interface StopMessage {
  readonly type: 'stop';
  readonly revision: number;
  readonly graceNs: number;
}

export type ToProber = RunMessage | SocketsMessage | CloseMessage | LocalsMessage | StopMessage;

/** What the aggregator needs to know of a stream to write its row. */
export interface StreamRow {
  readonly id: number;
  /** The start of the row's JSON object, up to and with the last comma before `"sent"`: `{"group":"west",…,"tags":{…},`. */
  readonly prefix: string;
}

export interface AggregatorStart {
  readonly timeBase: TimeBase;
  readonly intervalMs: number;
  readonly sourcePorts: number;
  readonly control: SharedArrayBuffer;
  /** Ring and control block of each prober thread. */
  readonly probers: readonly { readonly ring: SharedArrayBuffer; readonly control: SharedArrayBuffer }[];
  /** End of the last interval that was reported (after a restart), else 0. */
  readonly resumeAfterMs: number;
}

/** The task of an aggregator thread: its start, and the port of its messages. */
export interface AggregatorTask {
  readonly start: AggregatorStart;
  readonly port: MessagePort;
}

export type ToAggregator =
  /** New streams, and known ones whose tags changed. */
  | { readonly type: 'streams'; readonly rows: readonly StreamRow[] }
  /** The streams' numbers are free again: nothing of theirs is open. */
  | { readonly type: 'forget'; readonly ids: Uint32Array }
  /**
   * The thread is surely dead: read what it left in its ring, answer `threadLosses`, wait for the next life's first watermark
   * before an interval is closed. The next life starts after the answer, else its first probes would count as lost.
   */
  | { readonly type: 'proberDied'; readonly thread: number; readonly life: number }
  /** Clean end: every prober thread has stopped. Read the rings to the end, close the current interval early, answer `flushed`. */
  | { readonly type: 'flush' };

/** One finished interval, made by the aggregator so that the main thread only passes bytes on. All buffers are transferred. */
export interface IntervalReport {
  readonly startMs: number;
  readonly endMs: number;
  /**
   * By how much the wall clock had been stepped since the start of the process when the times were fixed, ms. Less this, they are on
   * the time line (`src/base/steadyClock.ts`).
   */
  readonly clockStepMs: number;
  /** True when the interval was closed before its time by a clean end: `endMs` is that moment. */
  readonly early: boolean;
  /** Rows with anything in them; `streams[i]` says whose row `i` is. */
  readonly streams: Uint32Array;
  /** The rows' JSON objects, UTF-8, separated by commas. */
  readonly rows: Uint8Array;
  /** Row `i` is `rows.subarray(rowOffsets[i], rowOffsets[i + 1] - 1)`, without the comma (the last ends one before the end of a virtual comma). */
  readonly rowOffsets: Uint32Array;
  /** The rows' HdrHistogram V2 texts (`src/stats/hdrText.ts`: ASCII), one behind the other; empty where nothing was received. */
  readonly histograms: Uint8Array;
  readonly histogramOffsets: Uint32Array;
  /** The rows' numbers for readers that add them up: `PathColumn`s of each row. */
  readonly rowCounters: Uint32Array;
  /** Sum of each row's RTTs, ns. */
  readonly rowRttSumsNs: Float64Array;
  /** `RTT_BUCKETS` of each row: how many RTTs fell into each bucket; their sum is the number of RTTs. */
  readonly rowRttBuckets: Uint32Array;
  /** For `/v1/matrix` and `/v1/history`; null when they have it. */
  readonly forHistory: HistoryColumns | null;
  /** Rows of `PathColumn`s, one per path with anything in it. */
  readonly paths: Uint32Array;
  readonly pathCounters: Uint32Array;
  /** min, mean, max of the RTT in ns, three a path; zeros where nothing was received. */
  readonly pathRttNs: Float32Array;
  /** min, mean, max of the delay out and of the delay back in ns, six a path; NaN where there are none. */
  readonly pathDelayNs: Float32Array;
  /** `PathTrait`s of each path; 255: not known. */
  readonly pathTraits: Uint8Array;
  /**
   * Why probes were not sent, unreachable or too big: the index in `paths` and the `REASON_WORDS` of a reason (`src/stats/reasonCounts.ts`) for each, by
   * ascending index.
   */
  readonly pathReasons: Uint32Array;
  /** Sums over the interval. */
  readonly sent: number;
  readonly received: number;
  readonly lost: number;
}

/** The rows' times in numbers, so that nobody has to read them out of the text again. */
export interface HistoryColumns {
  /** `ROW_TIMES` of each row. */
  readonly times: Float64Array;
  /** The rows' sparse histograms (`src/stats/histogramSum.ts`), one behind the other; empty where nothing was received. */
  readonly sparse: Uint8Array;
  readonly sparseOffsets: Uint32Array;
}

/** Columns of `HistoryColumns.times`, in order: how many RTTs, then ns, NaN where there is none. */
export const ROW_TIMES = ['samples', 'meanNs', 'minNs', 'maxNs', 'jitterNs', 'p50Ns', 'p90Ns', 'p99Ns'] as const;

/** Columns of `IntervalReport.pathCounters`, in order. */
export const PATH_COLUMNS = [
  'sent',
  'received',
  'lost',
  'unreachable',
  'localDrops',
  'tooBig',
  'late',
  'duplicates',
  'reordered',
  'sendErrors',
  /** Of the lost ones: on the way out, on the way back, and those of which that is not known. */
  'lostForward',
  'lostReverse',
  'lostUnknown',
  /** Of the received ones: whose marking was rewritten, that were marked for congestion, whose hop count is another than that of the one before. */
  'remarked',
  'ceMarks',
  'hopChanges',
] as const;
export type PathColumn = (typeof PATH_COLUMNS)[number];

/** Columns of `IntervalReport.pathTraits`, in order: markings as received, hops, and whether delays are relative to the least of the row (1). */
export const PATH_TRAITS = ['dscpForward', 'dscpReverse', 'hopsForward', 'hopsReverse', 'relative'] as const;

export type FromAggregator =
  | { readonly type: 'interval'; readonly report: IntervalReport }
  /** Probes that a dead prober thread had in flight: sent, but without a record. Sent for every `proberDied`, also with 0. */
  | { readonly type: 'threadLosses'; readonly thread: number; readonly life: number; readonly probes: number }
  | { readonly type: 'flushed' };

/** Counters of the aggregator thread, in its control block. */
export const AGGREGATOR_COUNTERS = [
  /**
   * Final records read from all rings. Once no aggregator thread lives, `consumed - reported - orphans` is what was read but
   * not reported, less what earlier lives lost in the same way. The rings keep the exact totals; a new life starts from those.
   */
  'consumed',
  /** Final records in intervals that were handed to the main thread: the sum of `sent` of all reports. Written after each. */
  'reported',
  /** Records of a stream or an interval that is not known any more; the first counts final outcomes only. */
  'orphans',
  'orphansOther',
  /** Where the last reported interval ended: epoch ms, and ns on the time line. A new life goes on there. */
  'reportedEndMs',
  'reportedEndNs',
  'turns',
] as const;
export type AggregatorCounter = (typeof AGGREGATOR_COUNTERS)[number];
