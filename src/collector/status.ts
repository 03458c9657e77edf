/**
 * Is it the network or the tool? The status of a collector, with a warning for each trouble of this host that the
 * results show.
 */

import { VERSION } from '../base/version.js';
import { planFigures } from '../config/group/limits.js';
import type { Config, Group } from '../config/types.js';
import type { CollectorStatus, Totals } from '../contract/collectorStatus.js';
import { COUNTER_READERS } from '../counters/readers.js';
import { RecentWarnings } from '../counters/recentWarnings.js';
import type { HistoryRefusals } from '../history/history.js';
import { ClockSync, clockSyncWarnings } from '../net/clockSync.js';
import { ThrottleWatch } from '../net/cpuQuota.js';
import { unknownAddresses } from '../targets/ownAddresses.js';
import type { Deployment } from './deployment.js';
import { exampleText } from './exampleTexts.js';
import type { GroupChanges } from './groupChanges.js';
import type { SuspendedGroup } from './groups/groupRecord.js';
import type { Intervals } from './intervals.js';
import { clockWarnings } from './results/clockWarnings.js';
import { SynPorts } from './sourcePorts/synPorts.js';
import type { KeptState } from './state/keptState.js';
import type { CollectorThreads } from './threads/collectorThreads.js';

interface StatusSources {
  readonly config: Config;
  readonly threads: CollectorThreads;
  readonly deployment: Deployment;
  readonly changes: GroupChanges;
  readonly intervals: Intervals;
  readonly kept: KeptState | undefined;
}

export class StatusReporter {
  private readonly sources: StatusSources;
  private readonly startedMs: number;
  private readonly synPorts = new SynPorts();
  private readonly recent = new RecentWarnings<keyof Totals>(COUNTER_READERS.prober, {
    example: (name) => this.example(name),
  });
  private readonly recentHistory = new RecentWarnings<keyof HistoryRefusals>(COUNTER_READERS.history);
  private readonly throttling = new ThrottleWatch('probes are sent late or not at all');
  private readonly clockSync = new ClockSync();
  private readonly lasting: string[] = [];

  constructor(sources: StatusSources) {
    this.sources = sources;
    this.startedMs = sources.threads.clock.nowMs();
    sources.intervals.results.subscribe((interval) => this.synPorts.see(interval));
  }

  /** Adds a warning that stays until the end, such as a feature of the API that this host lacks. */
  warn(text: string): void {
    this.lasting.push(text);
  }

  /** To be called after each interval: warnings are about the last two. */
  intervalEnded(): void {
    this.recent.intervalEnded(this.sources.threads.totals());
    this.throttling.look();
    this.recentHistory.intervalEnded({ ...this.sources.intervals.history.refused });
  }

  status(): CollectorStatus {
    const { config, threads, deployment } = this.sources;
    const { clock } = threads;
    const groups = deployment.groups();
    const { targets, paths, probesPerSecond } = planFigures(groups, config.source.ports);
    const workers = threads.workers();
    const totals = threads.totals(workers);
    return {
      name: config.collector.name,
      version: VERSION,
      startedAt: new Date(this.startedMs + clock.aheadMs()).toISOString(),
      uptimeMs: clock.nowMs() - this.startedMs,
      state: deployment.state,
      timestamps: threads.sources.stamps,
      groups: groups.length,
      targets,
      paths,
      probesPerSecond,
      totals,
      workers,
      aggregator: threads.aggregator.status(),
      freshProbes: threads.staleFlows.status().map(({ decidedMs, ...probe }) => ({
        ...probe,
        at: new Date(decidedMs + clock.aheadMs()).toISOString(),
      })),
      warnings: this.warnings(groups, totals),
    };
  }

  private warnings(inForce: readonly Group[], totals: Totals): string[] {
    const { threads, intervals, changes, kept } = this.sources;
    return [
      ...threads.sources.warnings(inForce),
      ...threads.staleFlows.warnings(),
      ...this.throttling.warnings(),
      ...this.recent.warnings(totals),
      ...this.clockSyncWarnings(),
      ...this.recentHistory.warnings(intervals.history.refused),
      ...clockWarnings(intervals.results.all(), threads.clock),
      ...notInForce(changes.registry.suspended()),
      ...changes.discovery.failures(),
      ...this.synPorts.warnings,
      ...(kept?.warnings ?? []),
      ...selfWarnings(inForce),
      ...this.lasting,
    ];
  }

  private clockSyncWarnings(): string[] {
    this.clockSync.read();
    return clockSyncWarnings(this.clockSync, 'delays in one direction are relative to the least seen');
  }

  private example(name: keyof Totals): string | undefined {
    const { probers, streams } = this.sources.threads;
    const example = name === 'threadLosses' ? undefined : probers.example(name);
    if (example === undefined) return undefined;
    return exampleText(name, example, example.stream === undefined ? undefined : streams.get(example.stream));
  }
}

function notInForce(suspended: readonly SuspendedGroup[]): string[] {
  return suspended.map(({ name, reason }) => `group ${name}: not in force, nothing of it is measured: ${reason}`);
}

function selfWarnings(groups: readonly Group[]): string[] {
  const unknown = groups.some(({ skipSelf }) => skipSelf === true) ? unknownAddresses() : undefined;
  return unknown === undefined ? [] : [unknown];
}
