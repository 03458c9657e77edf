/**
 * Every message between the main thread, the prober threads and the aggregator thread.
 *
 * A *stream* is (group, target, class): one row of the results. Its number, 0 to 65534, is unique in the process during
 * its life. The number is reused only after the aggregator has closed every interval in which the stream was probed.
 * Its STAMP session identifier is the number plus one, on every source port. A *path* is a stream on one source port:
 * `path = stream * source ports + index of the source port`.
 *
 * Order: the main thread announces a stream to the aggregator before the probers, and the aggregator reads its messages
 * after the heads of the rings. So every record belongs to an announced stream.
 */

import type { MessagePort } from 'node:worker_threads';
import type { TimeBase } from '../net/clock.js';
import type { Stamps } from '../net/features.js';
import type { Protocol } from '../wire/protocol.js';
import type { ProbeTlv } from '../wire/stampTlv.js';

export const MAX_STREAMS = 65_535;

/** One source port's socket. The main thread opens and closes it, so it outlives the prober thread that uses it. */
export interface SourceSocket {
  readonly fd: number;
  /**
   * Number of its set (`SourceSet`): the sockets of a transport and an interface. When a set has two sockets for the
   * same place, the later one sends.
   */
  readonly set: number;
  /** The interface that it is bound to. */
  readonly device: string | undefined;
  readonly family: 4 | 6;
  /** Index of the source port, the same for its IPv4 and IPv6 socket. */
  readonly sourceIndex: number;
  /** UDP or TCP port; for icmp the identifier of its requests. */
  readonly port: number;
  readonly transport: Transport;
  /** Received data begins with an IPv4 header. */
  readonly skipsIpHeader: boolean;
}

/** The carrier of probes. Several source ports of tcp-syn share a socket. */
export type Transport = 'udp' | 'tcp-syn' | 'icmp';

export const transportOf = (protocol: Protocol): Transport =>
  protocol === 'tcp-syn' || protocol === 'icmp' ? protocol : 'udp';

/** The distinct packet layouts. */
export const FormatKind = { stamp: 0, stampAuth: 1, llama: 2, llamaLegacy: 3, tcpSyn: 4, icmp: 5 } as const;
export type FormatKind = (typeof FormatKind)[keyof typeof FormatKind];

/** How a group's probes are written; part of the messages to the prober threads. */
export interface FormatSpec {
  readonly kind: FormatKind;
  /** TLVs after a STAMP packet, in this order. */
  readonly tlvs: readonly ProbeTlv[];
  /** Authenticated STAMP: the first key signs, any of them verifies. */
  readonly keys: readonly Uint8Array[];
  /**
   * Replies count from any address and port. Only for formats whose replies return a secret: not for `llama-legacy`,
   * nor below UDP.
   */
  readonly anySource?: boolean;
}

/** Start data of a prober thread. */
export interface ProberStart {
  readonly thread: number;
  readonly timeBase: TimeBase;
  /** Time stamps that its sockets deliver. */
  readonly stamps: Stamps;
  /** Families whose sockets do not deliver the marking of received packets. */
  readonly withoutTos: readonly number[];
  /** All source ports of the collector: the multiplier in a path's number. */
  readonly sourcePorts: number;
  /** Indexes of the source ports of this thread. */
  readonly sourceIndexes: readonly number[];
  readonly sockets: readonly SourceSocket[];
  readonly wakeFd: number;
  readonly control: SharedArrayBuffer;
  readonly ring: SharedArrayBuffer;
  /** Limit of waiting probes; 0: only the plan's limit. The perf harness uses it for a closed loop. */
  readonly window: number;
}

/** The task of a prober thread: its start, and the port of its messages. */
export interface ProberTask {
  readonly start: ProberStart;
  readonly port: MessagePort;
}

/** In `StreamTable.locals`: the local address is unknown. The kernel refuses to send from it. */
export const UNKNOWN_SOURCE = 0xffff_ffff;

/** Streams in columns, all in one shared memory: ten thousand reach every thread without a copy. */
export interface StreamTable {
  readonly ids: Uint32Array;
  /** 16 bytes each; an IPv4 address takes the first four. */
  readonly addresses: Uint8Array;
  /** 4 or 6. */
  readonly families: Uint8Array;
  readonly ports: Uint16Array;
  /** TOS byte or traffic class: DSCP * 4, and the ECN codepoint. */
  readonly tos: Uint8Array;
  /**
   * IPv4: the local address to send from, as a word in memory order, where the prober needs it (tcp-syn). IPv6: the
   * zone's interface.
   */
  readonly locals: Uint32Array;
}

/**
 * Streams with a common schedule: a group, as seen by the prober threads. A thread applies it in small pieces,
 * iteration by iteration, for any number of streams, and continues to send. The new order takes effect when all new
 * streams are added.
 */
export interface RunMessage {
  readonly type: 'run';
  readonly revision: number;
  readonly run: number;
  readonly periodNs: number;
  readonly timeoutNs: number;
  readonly payloadBytes: number;
  /** Its probes must not be fragmented. */
  readonly neverFragment: boolean;
  /** How its probes are written. */
  readonly format: FormatSpec;
  /** Number of the set of sockets for its probes. */
  readonly set: number;
  /** All streams of the run in sending order on each source port; empty: the run ends. */
  readonly order: Uint32Array;
  /** Streams of the order that are new to the thread. */
  readonly added: StreamTable;
  /** Streams that left the order of the run. */
  readonly removed: Uint32Array;
  /** Probes use source ports with a lower index only. */
  readonly sourcePorts: number;
  /**
   * Number of equal parts of the order, each sent from all source ports before the next. For tcp-syn, whose classes
   * share connections, the parts are its classes; otherwise 1.
   */
  readonly parts: number;
  /** End after this many probes on this thread; 0: never. */
  readonly count: number;
}

/** Sockets opened since the thread began. */
interface SocketsMessage {
  readonly type: 'sockets';
  readonly revision: number;
  readonly sockets: readonly SourceSocket[];
}

/** Sockets that will be closed: others replaced them a while ago. */
export interface CloseMessage {
  readonly type: 'close';
  readonly revision: number;
  readonly fds: readonly number[];
}

/** Changed local addresses and interfaces towards targets: new `locals` of known streams. */
export interface LocalsMessage {
  readonly type: 'locals';
  readonly revision: number;
  readonly ids: Uint32Array;
  readonly locals: Uint32Array;
}

/** Stop sending; end when everything is decided, or after `graceNs`. */
interface StopMessage {
  readonly type: 'stop';
  readonly revision: number;
  readonly graceNs: number;
}

export type ToProber = RunMessage | SocketsMessage | CloseMessage | LocalsMessage | StopMessage;

/** The aggregator's data of a stream for writing its row. */
export interface StreamRow {
  readonly id: number;
  /** The start of the row's JSON object, including the last comma before `"sent"`: `{"group":"west",…,"tags":{…},`. */
  readonly prefix: string;
}

export interface AggregatorStart {
  readonly timeBase: TimeBase;
  readonly intervalMs: number;
  readonly sourcePorts: number;
  readonly control: SharedArrayBuffer;
  /** Ring and control block of each prober thread. */
  readonly probers: readonly { readonly ring: SharedArrayBuffer; readonly control: SharedArrayBuffer }[];
  /** End of the last reported interval (after a restart), otherwise 0. */
  readonly resumeAfterMs: number;
}

/** The task of an aggregator thread: its start, and the port of its messages. */
export interface AggregatorTask {
  readonly start: AggregatorStart;
  readonly port: MessagePort;
}

export type ToAggregator =
  /** New streams, and known ones with changed tags. */
  | { readonly type: 'streams'; readonly rows: readonly StreamRow[] }
  /** The streams' numbers are free again: all of their intervals are closed. */
  | { readonly type: 'forget'; readonly ids: Uint32Array }
  /**
   * The thread has certainly ended: read the rest of its ring, answer `threadLosses`, and close no interval before the
   * next incarnation's first watermark. The next incarnation starts after the answer; otherwise its first probes would
   * count as lost.
   */
  | { readonly type: 'proberDied'; readonly thread: number; readonly life: number }
  /**
   * Clean end: every prober thread has stopped. Read the rings to the end, close the current interval early, answer
   * `flushed`.
   */
  | { readonly type: 'flush' };

/**
 * One finished interval. The aggregator prepares it so that the main thread only forwards bytes. All buffers are
 * transferred.
 */
export interface IntervalReport {
  readonly startMs: number;
  readonly endMs: number;
  /**
   * Total step of the wall clock since the start of the process when the times were fixed, ms. Subtract it to get the
   * time line (`src/base/steadyClock.ts`).
   */
  readonly clockStepMs: number;
  /** True when a clean end closed the interval early: `endMs` is that moment. */
  readonly early: boolean;
  /** Stream number of each row; a row exists for each stream with a record. */
  readonly streams: Uint32Array;
  /** The rows' JSON objects, UTF-8, separated by commas. */
  readonly rows: Uint8Array;
  /**
   * Row `i` is `rows.subarray(rowOffsets[i], rowOffsets[i + 1] - 1)`, without the comma (the last ends one before the
   * end of a virtual comma).
   */
  readonly rowOffsets: Uint32Array;
  /**
   * The rows' HdrHistogram V2 texts (`src/stats/hdrText.ts`: ASCII), concatenated; empty where nothing was received.
   */
  readonly histograms: Uint8Array;
  readonly histogramOffsets: Uint32Array;
  /** The rows' numbers for readers that sum them: `PathColumn`s of each row. */
  readonly rowCounters: Uint32Array;
  /** Sum of each row's RTTs, ns. */
  readonly rowRttSumsNs: Float64Array;
  /** `RTT_BUCKETS` of each row: RTTs in each bucket; their sum is the number of RTTs. */
  readonly rowRttBuckets: Uint32Array;
  /** For `/v1/matrix` and `/v1/history`; null after they have taken it. */
  readonly forHistory: HistoryColumns | null;
  /** Number of each path with a record. */
  readonly paths: Uint32Array;
  readonly pathCounters: Uint32Array;
  /** min, mean, max of the RTT in ns, three a path; zeros where nothing was received. */
  readonly pathRttNs: Float32Array;
  /** min, mean, max of the delay out and of the delay back in ns, six a path; NaN where unknown. */
  readonly pathDelayNs: Float32Array;
  /** `PathTrait`s of each path; 255: unknown. */
  readonly pathTraits: Uint8Array;
  /**
   * Why probes were not sent, unreachable or too big: the index in `paths` and the `REASON_WORDS` of a reason
   * (`src/stats/reasonCounts.ts`) for each, by ascending index.
   */
  readonly pathReasons: Uint32Array;
  /** Sums over the interval. */
  readonly sent: number;
  readonly received: number;
  readonly lost: number;
}

/** The rows' times as numbers, so that readers need not parse the text. */
export interface HistoryColumns {
  /** `ROW_TIMES` of each row. */
  readonly times: Float64Array;
  /** The rows' sparse histograms (`src/stats/histogramSum.ts`), concatenated; empty where nothing was received. */
  readonly sparse: Uint8Array;
  readonly sparseOffsets: Uint32Array;
}

/** Columns of `HistoryColumns.times`, in order: number of RTTs, then ns; NaN where unknown. */
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
  /** Lost probes by direction: on the way out, on the way back, unknown. */
  'lostForward',
  'lostReverse',
  'lostUnknown',
  /**
   * Received probes: with a rewritten marking, with a congestion mark, with another hop count than the previous one.
   */
  'remarked',
  'ceMarks',
  'hopChanges',
] as const;
export type PathColumn = (typeof PATH_COLUMNS)[number];

/**
 * Columns of `IntervalReport.pathTraits`, in order: markings as received, hops, and whether delays are relative to the
 * row's minimum (1).
 */
export const PATH_TRAITS = ['dscpForward', 'dscpReverse', 'hopsForward', 'hopsReverse', 'relative'] as const;

export type FromAggregator =
  | { readonly type: 'interval'; readonly report: IntervalReport }
  /**
   * Outstanding probes of a dead prober thread: sent, but without a record. Sent for every `proberDied`, also with 0.
   */
  | { readonly type: 'threadLosses'; readonly thread: number; readonly life: number; readonly probes: number }
  | { readonly type: 'flushed' };

/** Counters of the aggregator thread, in its control block. */
export const AGGREGATOR_COUNTERS = [
  /**
   * Final records read from all rings. While no aggregator thread runs, `consumed - reported - orphans` is the number
   * of records read but not reported, minus the losses of earlier incarnations. The rings have the exact totals; a new
   * incarnation starts from those.
   */
  'consumed',
  /** Final records in intervals passed to the main thread: the sum of `sent` of all reports. Written after each. */
  'reported',
  /** Records of a stream or an interval that is no longer known; the first counts final outcomes only. */
  'orphans',
  'orphansOther',
  /** End of the last reported interval: epoch ms, and ns on the time line. A new incarnation continues there. */
  'reportedEndMs',
  'reportedEndNs',
  'turns',
] as const;
export type AggregatorCounter = (typeof AGGREGATOR_COUNTERS)[number];
