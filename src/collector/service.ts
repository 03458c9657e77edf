/** The interface between the API and a collector (`src/api` and `src/collector`). */

import type { SteadyClock } from '../base/steadyClock.js';
import type { GroupRules } from '../config/allowed.js';
import type { Config, Group } from '../config/types.js';
import type { CollectorStatus, RenewedPorts } from '../contract/collectorStatus.js';
import type { MatrixHistory } from '../history/history.js';
import type { DiscoveryStatus } from '../targets/discovery.js';
import type { ActiveGroup, GroupOrigin, KnownGroup, SuspendedGroup } from './groups/groupRecord.js';
import type { PlanDifference } from './plan/plan.js';
import type { ResultsStore } from './results/results.js';

/**
 * The new state of a group, decided when the change is carried out; undefined: it is removed. A throw cancels the
 * change.
 */
export type GroupEdit = (known: KnownGroup | undefined) => Group | undefined;

/** Checks the state of a name when its revert is carried out. A throw cancels the change. */
export type RevertGuard = (known: KnownGroup | undefined) => void;

export interface ChangeOptions {
  /** Only report the effect: the same checks, no change. */
  readonly dryRun?: boolean;
}

export interface GroupChange {
  readonly before: KnownGroup | undefined;
  readonly after: ActiveGroup | undefined;
  readonly difference: PlanDifference;
}

export interface CollectorService {
  readonly config: Config;
  readonly results: ResultsStore;
  /** The last hour of the results in numbers. */
  readonly history: MatrixHistory;
  /** The wall clock, and the same without its steps. */
  readonly clock: SteadyClock;
  status(): CollectorStatus;
  /**
   * The source ports of a group by their index in a path's number, now or in an interval. Empty before its sockets are
   * open, and in an interval in which they were renewed.
   */
  sourcePorts(
    family: 4 | 6,
    group: Pick<Group, 'protocol' | 'sourceInterface'>,
    interval?: { readonly startMs: number; readonly endMs: number },
  ): readonly number[];
  /**
   * Replaces all source ports of the collector by new ones. Resolves when probes leave from them; replies to the old
   * ones still count. Rejects with `LLAMA_SOURCE_PORTS_FIXED`, `LLAMA_TOO_SOON`, `LLAMA_NOT_READY`, or why a port can't
   * be opened; nothing has changed then.
   */
  renewSourcePorts(): Promise<RenewedPorts>;
  groups(): readonly Group[];
  group(name: string): Group | undefined;
  /** The state of the source of a group's targets; undefined when they are listed. */
  discoveryStatus(name: string): DiscoveryStatus | undefined;
  /** Groups in force, with where they come from. */
  activeGroups(): readonly ActiveGroup[];
  activeGroup(name: string): ActiveGroup | undefined;
  /** Live groups that are kept and not in force, with the reason. */
  suspendedGroups(): readonly SuspendedGroup[];
  suspendedGroup(name: string): SuspendedGroup | undefined;
  /** Names of groups of the config file that were removed by REST. */
  removedGroups(): readonly string[];
  /** Files and URLs that a group of this name set by REST may name. */
  rulesOf(name: string): GroupRules;
  /** Whether the config file has a group of this name, in force or not. */
  inFile(name: string): boolean;
  /**
   * A live change: saved in the state directory, then carried out. Changes are serialized, and `edit` gets the group as
   * it is when the change is carried out. Resolves when every prober thread has the new plan. Rejects with the error of
   * `edit`, `LLAMA_PLAN_TOO_LARGE`, `LLAMA_GROUP_UNKNOWN` (nothing to remove) or `LLAMA_STATE_UNWRITABLE`, and changes
   * nothing.
   */
  changeGroup(name: string, edit: GroupEdit, options?: ChangeOptions): Promise<GroupChange>;
  /**
   * Drops the live change of a group: its definition in the config file is in force again. `guard` gets the state of
   * the name when the revert is carried out; a throw cancels it. Rejects as `changeGroup` does, and with
   * `LLAMA_GROUP_CONFLICT` when there is nothing to revert to.
   */
  revertGroup(name: string, guard: RevertGuard, options?: ChangeOptions): Promise<GroupChange>;
  /**
   * Sets a group of the config file (or, with the origin `api`, the same as `changeGroup`). A group that was set or
   * removed by REST overrides it: then it does not take effect. Rejects with `LLAMA_PLAN_TOO_LARGE`, and changes
   * nothing.
   */
  putGroup(group: Group, origin?: GroupOrigin): Promise<{ readonly created: boolean }>;
  /** Removes a group of the config file. Rejects with `LLAMA_GROUP_UNKNOWN` when the file never had it. */
  deleteGroup(name: string, origin?: GroupOrigin): Promise<void>;
}
