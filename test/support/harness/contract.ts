/** The REST answers as their documentation promises them, written down apart from the code that makes them. */

/** What became of the probes of a stream or a path in one interval. */
export interface Outcomes {
  readonly sent: number;
  readonly received: number;
  readonly lost: number;
  readonly unreachable: number;
  readonly localDrops: number;
  readonly tooBig: number;
  readonly late: number;
  readonly duplicates: number;
  readonly reordered: number;
  readonly sendErrors: number;
}

/** What is known of each direction. */
export interface Directions {
  readonly lostForward: number;
  readonly lostReverse: number;
  readonly lostUnknown: number;
  readonly remarked: number;
  readonly ceMarks: number;
  readonly hopChanges: number;
  readonly dscpForward: number | null;
  readonly dscpReverse: number | null;
  readonly hopsForward: number | null;
  readonly hopsReverse: number | null;
  readonly forwardUs: OneWay | null;
  readonly reverseUs: OneWay | null;
}

export interface OneWay {
  readonly min: number;
  readonly mean: number;
  readonly max: number;
  readonly relative: boolean;
}

/** Why probes were not sent, and which ICMP errors came back; most frequent first. */
export interface Reasons {
  /** null: nothing was sent. */
  readonly lossPct: number | null;
  readonly sendErrorsBy: readonly { readonly count: number; readonly errno: string }[] | null;
  readonly unreachableBy:
    | readonly {
        readonly count: number;
        readonly type: number;
        readonly code: number;
        readonly reason: string;
        readonly from: string | null;
      }[]
    | null;
  readonly tooBigBy:
    | readonly { readonly count: number; readonly mtu: number | null; readonly from: string | null }[]
    | null;
}

export interface ResultRow extends Outcomes, Directions, Reasons {
  readonly group: string;
  readonly protocol: string;
  readonly source: string;
  readonly target: string;
  readonly port: number;
  readonly class: string;
  readonly dscp: number;
  readonly tags: Readonly<Record<string, string>>;
  readonly rttUs: Readonly<Record<'min' | 'mean' | 'stddev' | 'p50' | 'p90' | 'p99' | 'p999' | 'max', number>> | null;
  readonly mtu: number | null;
  readonly residenceUs: number | null;
  readonly jitterUs: number | null;
}

export interface ResultInterval {
  readonly cursor: number;
  readonly start: string;
  readonly end: string;
  readonly endMs: number;
  readonly results: readonly ResultRow[];
}

/** `GET /v1/results` */
export interface ResultsAnswer {
  readonly collector: string;
  readonly intervalMs: number;
  readonly next: number;
  readonly oldest: number;
  readonly gap: boolean;
  readonly intervals: readonly ResultInterval[];
}

export interface PathRow extends Outcomes, Directions, Reasons {
  readonly group: string;
  readonly source: string;
  readonly sourcePort: number;
  readonly target: string;
  readonly port: number;
  readonly class: string;
  readonly rttUs: Readonly<Record<'min' | 'mean' | 'max', number>> | null;
}

/** `GET /v1/paths` */
export interface PathsAnswer {
  readonly start: string;
  readonly end: string;
  readonly paths: readonly PathRow[];
}

/** The part of `GET /v1/status` that the suites look at. */
export interface StatusAnswer {
  readonly timestamps: string;
  readonly state: string;
  readonly totals: Readonly<Record<string, number>>;
  readonly workers: readonly {
    readonly state: string;
    readonly restarts: number;
    readonly sourcePorts: readonly number[];
  }[];
  readonly aggregator: { readonly restarts: number; readonly reported: number; readonly orphans: number };
  readonly freshProbes: readonly { readonly group: string; readonly target: string; readonly answered: boolean }[];
  readonly warnings: readonly string[];
}

/** A group as a config or a request has it. */
export interface GroupSpec {
  readonly protocol?: string;
  readonly port?: number;
  readonly period: string;
  readonly timeout: string;
  readonly tlvs?: readonly string[];
  readonly classes?: readonly string[];
  readonly sourceInterface?: string;
  readonly payloadBytes?: number;
  readonly dontFragment?: boolean;
  readonly sourcePorts?: number;
  readonly targets?: readonly { readonly address: string; readonly tags?: Readonly<Record<string, string>> }[];
  readonly fromFile?: { readonly path: string };
}

export interface ConfigSpec {
  readonly collector?: Readonly<Record<string, string | number>>;
  readonly source?: Readonly<Record<string, string | number>>;
  readonly api?: Readonly<Record<string, string | number>>;
  readonly groups: Readonly<Record<string, GroupSpec>>;
}

const FINAL = ['received', 'lost', 'unreachable', 'localDrops', 'tooBig'] as const;

/** `sent` less what became of it: 0 wherever nothing is missing. */
export function unaccounted(row: Outcomes): number {
  return row.sent - FINAL.reduce((sum, outcome) => sum + row[outcome], 0);
}

export function sumOf(rows: Iterable<Outcomes>, column: keyof Outcomes): number {
  let sum = 0;
  for (const row of rows) sum += row[column];
  return sum;
}
