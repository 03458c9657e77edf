/** The status of a collector, as `/v1/status` gives it, and the result of a renewal of its source ports. */

import type { Stamps } from '../net/features.js';
import type { ProberCounter } from '../ring/control.js';
import type { ThreadStatus } from '../threads/supervised.js';

export type Totals = Record<ProberCounter | 'threadLosses', number>;

export interface ProberStatus extends ThreadStatus {
  readonly sourcePorts: readonly number[];
  readonly paths: number;
  readonly ringFill: number;
  readonly totals: Totals;
}

export interface AggregatorStatus extends ThreadStatus {
  readonly consumed: number;
  readonly reported: number;
  readonly orphans: number;
  /** Probes that were read from a ring but not reported, because the aggregator died; part of `totals.threadLosses`. */
  readonly threadLosses: number;
}

/** The result of a probe from a fresh port, for a target that answers none of its paths. */
export interface FreshProbeStatus {
  readonly group: string;
  /** `ADDRESS:PORT`, or the address for icmp. */
  readonly target: string;
  /** True proves that the flows are dead. False proves nothing: the target, the network or this flow may be down. */
  readonly answered: boolean;
  /** When the last one was decided, epoch ms by the clock that no step moves. */
  readonly decidedMs: number;
}

export interface CollectorStatus {
  readonly name: string;
  readonly version: string;
  readonly startedAt: string;
  readonly uptimeMs: number;
  readonly state: 'starting' | 'running' | 'stopping';
  /** Kernel stamps in force, which may be fewer than configured. */
  readonly timestamps: Stamps;
  readonly groups: number;
  readonly targets: number;
  readonly paths: number;
  /** The load of the plan. */
  readonly probesPerSecond: number;
  readonly totals: Totals;
  readonly workers: readonly ProberStatus[];
  readonly aggregator: AggregatorStatus;
  /**
   * Targets that answer none of their paths, and were probed from a fresh source port: at most 100, answered ones
   * first.
   */
  readonly freshProbes: readonly (Omit<FreshProbeStatus, 'decidedMs'> & { readonly at: string })[];
  /** Why results may be about the tool and not the network; empty when the tool is healthy. */
  readonly warnings: readonly string[];
}

/** The effect of a renewal of the source ports. */
export interface RenewedPorts {
  /** UDP source ports over IPv4 of groups without an interface of their own. */
  readonly before: readonly number[];
  readonly after: readonly number[];
  /** Replies to probes from the old ports are awaited for this time. */
  readonly drainMs: number;
}
