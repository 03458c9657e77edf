/** The validated configuration that everything behind the readers works with. Durations are numbers here, with their unit in the name. */

export type Protocol = 'stamp';

/** `full`: kernel stamps for sending and receiving. `receive`: for receiving only; cheaper at very high rates. */
export type TimestampMode = 'full' | 'receive';

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

export interface Group {
  readonly name: string;
  readonly protocol: Protocol;
  readonly port: number;
  /** Every path is probed once a period. */
  readonly periodNs: number;
  readonly timeoutNs: number;
  readonly classes: readonly TrafficClass[];
  /** UDP payload of a probe. */
  readonly payloadBytes: number;
  readonly targets: readonly Target[];
}

export interface CollectorSettings {
  readonly name: string;
  readonly intervalMs: number;
  /** Number of prober threads; `auto` in the file is resolved when the file is read. */
  readonly workers: number;
  /** How many finished intervals are kept in memory. */
  readonly retention: number;
  readonly timestamps: TimestampMode;
  /** Most bytes that waiting probes may take; a plan that needs more is refused. */
  readonly probeMemoryBytes: number;
  /** Most probes a second that all groups together may ask for; a plan that needs more is refused. */
  readonly maxProbesPerSecond: number;
}

export interface SourceSettings {
  readonly address: string;
  readonly address6: string;
  /** How many source ports (UDP sockets) there are. */
  readonly ports: number;
  /** First source port; 0: chosen by the system. */
  readonly basePort: number;
}

export interface ApiSettings {
  readonly host: string;
  /** 0: chosen by the system. */
  readonly port: number;
  readonly tokenFile: string | null;
}

export interface Config {
  readonly collector: CollectorSettings;
  readonly source: SourceSettings;
  readonly api: ApiSettings;
  readonly stateDir: string | null;
  readonly groups: readonly Group[];
}
