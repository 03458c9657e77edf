/**
 * The validated configuration that everything behind the readers works with. Durations are numbers here, with their
 * unit in the name.
 */

import type { Protocol } from '../wire/protocol.js';
import type { ProbeTlv } from '../wire/stampTlv.js';

/** ECN codepoint of the probes: `ect0`, so that queues can mark them instead of dropping them. */
export type Ecn = 'ect0';

/** `full`: kernel stamps for sending and receiving. `receive`: for receiving only; cheaper at very high rates. */
export type TimestampMode = 'full' | 'receive';

/** Clients that may change something without a token: `loopback`, those on this host; `token`, none. */
export type WriteMode = 'loopback' | 'token';

/** A QoS class: the name as written (`ef`, `cs0`, `46`) and its DSCP, 0-63. */
export interface TrafficClass {
  readonly name: string;
  readonly dscp: number;
}

/** One address and port that answers probes. The address is in canonical text form (RFC 5952 for IPv6). */
export interface Target {
  readonly address: string;
  readonly family: 4 | 6;
  readonly port: number;
  readonly tags: Readonly<Record<string, string>>;
}

export type DnsType = 'A' | 'AAAA' | 'A+AAAA' | 'SRV';

/** The source of a group's targets, when they are not listed. */
export type TargetSource = {
  /** Whether an answer without any target empties the group; else it is an error, and the last targets stay. */
  readonly allowEmpty: boolean;
} & (
  | { readonly kind: 'file'; readonly path: string; readonly refreshMs: number }
  | {
      readonly kind: 'http';
      readonly url: string;
      readonly refreshMs: number;
      readonly timeoutMs: number;
      readonly tokenFile: string | null;
    }
  /** `refreshMs` null: at the records' TTL. */
  | { readonly kind: 'dns'; readonly name: string; readonly type: DnsType; readonly refreshMs: number | null }
);

export interface Group {
  readonly name: string;
  readonly protocol: Protocol;
  /** 0: no port, for icmp; for tcp-syn the port number 0. */
  readonly port: number;
  /** Every path is probed once a period. */
  readonly periodNs: number;
  readonly timeoutNs: number;
  readonly classes: readonly TrafficClass[];
  /** UDP payload of a probe; for icmp the bytes after the ICMP header; 0 for tcp-syn. */
  readonly payloadBytes: number;
  /** Probes are never fragmented: a probe larger than the MTU of a link is `tooBig`. */
  readonly dontFragment?: true;
  /** Number of the collector's source ports, from the first, that probes leave from; absent: all. */
  readonly sourcePorts?: number;
  /** The interface or VRF that its probes leave by; absent: that of `source`. */
  readonly sourceInterface?: string;
  /** Replies count from any address and port, when all that the format returns matches. */
  readonly anySource?: true;
  /** Authenticated STAMP: where the keys come from, and the keys; the first one signs. */
  readonly keyFile?: string;
  readonly keys?: readonly Uint8Array[];
  /** TLVs of the probes; absent: none. */
  readonly tlvs?: readonly ProbeTlv[];
  /** Absent: not-ECT. */
  readonly ecn?: Ecn;
  /** As listed; for a group in force with `from` or `skipSelf`, the probed ones. */
  readonly targets: readonly Target[];
  /** Absent when the targets are listed. */
  readonly from?: TargetSource;
  /** This host's own addresses are not probed. */
  readonly skipSelf?: true;
  /** The targets as listed, where `targets` lacks own addresses. */
  readonly listed?: readonly Target[];
}

export interface CollectorSettings {
  readonly name: string;
  readonly intervalMs: number;
  /** Number of prober threads; `auto` in the file is resolved when the file is read. */
  readonly workers: number;
  /** Number of finished intervals in memory. */
  readonly retention: number;
  readonly timestamps: TimestampMode;
  /** Most bytes for outstanding probes; a plan that needs more is refused. */
  readonly probeMemoryBytes: number;
  /** Most probes a second that all groups together may ask for; a plan that needs more is refused. */
  readonly maxProbesPerSecond: number;
  /** Bytes for the history behind `/v1/matrix` and `/v1/history`. */
  readonly historyMemoryBytes: number;
}

export interface SourceSettings {
  readonly address: string;
  readonly address6: string;
  /** The interface or VRF that probes leave by; null: as routes decide. */
  readonly interface: string | null;
  /** Number of source ports (UDP sockets). */
  readonly ports: number;
  /** First source port; 0: chosen by the system. */
  readonly basePort: number;
}

/** PEM files. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** Files and URLs that a group set by REST may name. */
export interface Allowed {
  /** Option `api.allowedDirectories`. */
  readonly directories: readonly string[];
  /** Option `api.allowedUrls`: normalised URLs without query and fragment. */
  readonly urls: readonly string[];
}

export interface ApiSettings {
  readonly host: string;
  /** 0: chosen by the system. */
  readonly port: number;
  /** File with the token that allows everything; null: changes come from this host only. */
  readonly tokenFile: string | null;
  /** File with the token that allows reading; null: reading is open. */
  readonly readTokenFile: string | null;
  readonly writes: WriteMode;
  /** null: where there is a token. */
  readonly allowRemoteWrites: boolean | null;
  /** null: plain HTTP. */
  readonly tls: TlsFiles | null;
  /** Files and URLs that groups set by REST may name. */
  readonly allowed: Allowed;
  /** Requests a second of one client; 0: no limit. */
  readonly rateLimit: number;
  readonly bodyLimitBytes: number;
  /** Most readers of `/v1/stream` at a time. */
  readonly maxStreams: number;
  /** Most targets (times classes) that `/metrics` has series of. */
  readonly metricsMaxTargets: number;
}

export interface Config {
  readonly collector: CollectorSettings;
  readonly source: SourceSettings;
  readonly api: ApiSettings;
  readonly stateDir: string | null;
  readonly groups: readonly Group[];
}
