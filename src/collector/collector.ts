/**
 * The collector's main thread: keeps groups and their plan, tells the threads, hands finished intervals to the results store. Never touches a probe.
 */

import { setImmediate as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import { checkPlan, GRACE_NS } from '../config/limits.js';
import type { Config, Group, Target } from '../config/types.js';
import { LlamaError } from '../errors.js';
import { addressBytes } from '../net/address.js';
import { SystemClock } from '../net/clock.js';
import { SourceAddressFinder } from '../net/socket.js';
import { NS_PER_S, nsToMs } from '../stats/units.js';
import { VERSION } from '../version.js';
import { AggregatorThread } from './aggregatorThread.js';
import type { IntervalReport } from './messages.js';
import { type GroupPlan, type PlanTools, planGroup, rowPrefix, StreamNumbers } from './plan.js';
import { ProberThreads } from './proberThreads.js';
import { ResultsStore, type StreamInfo } from './results.js';
import type { CollectorService, CollectorStatus, ProberStatus, Totals } from './service.js';
import { SourcePorts } from './sources.js';
import { addTotals, RecentWarnings } from './warnings.js';

/** A removed stream's number is free again when the intervals of this long after its last probe's timeout are closed: late replies are known till then. */
const QUARANTINE_MS = 2_000;
/** At a clean end, probes under way are awaited for at most this long. */
const STOP_GRACE_MS = 1_150;
const STOP_MARGIN_MS = 150;

export interface CollectorOptions {
  readonly logger: Logger;
  /** Most probes waiting at a time, per thread; 0: no limit but the plan's. For measurements that want a closed loop. */
  readonly window?: number;
  /** Each prober thread ends its groups after this many probes; 0: never. */
  readonly count?: number;
}

interface Retired {
  readonly ids: readonly number[];
  /** Free when an interval that ends after this was reported. */
  readonly afterMs: number;
}

export class Collector implements CollectorService {
  readonly config: Config;
  readonly results: ResultsStore;
  private readonly logger: Logger;
  private readonly sources: SourcePorts;
  private readonly probers: ProberThreads;
  private readonly aggregator: AggregatorThread;
  private readonly finder = new SourceAddressFinder();
  private readonly plans = new Map<string, GroupPlan>();
  /** By number; also those that were removed: until the number is given out again, results of theirs may be under way. */
  private readonly streams = new Map<number, StreamInfo>();
  private retired: Retired[] = [];
  /** Removed streams whose numbers are free. */
  private readonly forgotten = new Set<number>();
  private readonly tools: PlanTools;
  private readonly recent = new RecentWarnings();
  private runs = 0;
  private readonly startedAtMs = Date.now();
  private state: CollectorStatus['state'] = 'starting';
  /** Changes of the plan happen one behind the other. */
  private changes: Promise<unknown> = Promise.resolve();
  private stopped: Promise<void> | undefined;
  private closed: Promise<void> | undefined;

  private constructor(config: Config, options: CollectorOptions) {
    this.config = config;
    this.logger = options.logger;
    this.results = new ResultsStore(config.collector.retention);
    this.tools = {
      numbers: new StreamNumbers(),
      nextRun: () => ++this.runs,
      sourceOf: (target) => this.sourceOf(target),
      pause: () => pause(),
    };
    this.sources = new SourcePorts(config.source, config.collector.timestamps);
    const { timeBase } = new SystemClock();
    const threads = Math.min(config.collector.workers, config.source.ports);
    try {
      this.probers = new ProberThreads({
        sources: this.sources,
        threads,
        timeBase,
        timestamps: config.collector.timestamps,
        window: options.window ?? 0,
        count: options.count ?? 0,
        logger: this.logger,
        died: (thread, life) => this.aggregator.proberDied(thread, life),
      });
    } catch (error) {
      this.sources.close();
      throw error;
    }
    this.aggregator = new AggregatorThread({
      timeBase,
      intervalMs: config.collector.intervalMs,
      sourcePorts: config.source.ports,
      probers: this.probers.memories(),
      logger: this.logger,
      rows: () => [...this.streams.values()].filter(({ id }) => !this.forgotten.has(id)).map(toRow),
      report: (report) => this.takeReport(report),
    });
  }

  /**
   * Opens the sockets and starts the threads; nothing is sent before `measure`. Rejects with a LlamaError when a port is taken, files run
   * out or a thread can't start; nothing is left over then.
   */
  static async start(config: Config, options: CollectorOptions): Promise<Collector> {
    const collector = new Collector(config, options);
    try {
      await Promise.all([collector.probers.started(), collector.aggregator.started()]);
    } catch (error) {
      await collector.close(0);
      throw error;
    }
    collector.state = 'running';
    return collector;
  }

  /** Puts the configured groups into effect. */
  async measure(): Promise<void> {
    for (const group of this.config.groups) await this.putGroup(group);
  }

  groups(): readonly Group[] {
    return [...this.plans.values()].map((plan) => plan.group);
  }

  group(name: string): Group | undefined {
    return this.plans.get(name)?.group;
  }

  sourcePorts(family: 4 | 6): readonly number[] {
    return this.sources.ports(family);
  }

  putGroup(group: Group): Promise<{ readonly created: boolean }> {
    return this.inTurn(async () => {
      this.mustRun();
      const others = this.groups().filter((other) => other.name !== group.name);
      checkPlan(this.config, [...others, group]);
      const created = !this.plans.has(group.name);
      await this.change(group);
      return { created };
    });
  }

  deleteGroup(name: string): Promise<void> {
    return this.inTurn(async () => {
      this.mustRun();
      const plan = this.plans.get(name);
      if (plan === undefined) throw unknownGroup(name);
      this.plans.delete(name);
      await this.probers.endRun(plan);
      this.retire(plan.streams, plan.group);
      this.logger.info({ group: name }, 'group removed');
    });
  }

  /** Stops probing, waits for what is under way (at most about a second), closes the current interval. The results stay readable. */
  stop(): Promise<void> {
    this.stopped ??= this.inTurn(async () => {
      this.state = 'stopping';
      const timeouts = this.groups().map((group) => nsToMs(group.timeoutNs + GRACE_NS) + STOP_MARGIN_MS);
      const graceMs = Math.min(STOP_GRACE_MS, Math.max(0, ...timeouts));
      await this.probers.stop(graceMs);
      for (let thread = 0; thread < this.probers.count; thread++) await this.aggregator.proberStopped(thread);
      await this.aggregator.flush();
    });
    return this.stopped;
  }

  /** Ends all threads and closes all sockets; `stop` first, unless a start failed. */
  close(graceMs = STOP_GRACE_MS): Promise<void> {
    this.closed ??= this.end(graceMs);
    return this.closed;
  }

  private async end(graceMs: number): Promise<void> {
    if (this.state !== 'starting') await this.stop();
    this.state = 'stopping';
    await this.probers.close(graceMs);
    await this.aggregator.close();
    this.sources.close();
    this.finder.close();
  }

  /** Ends a thread the hard way, as a fault would. For tests of faults. */
  async killThread(kind: 'prober' | 'aggregator', index = 0): Promise<void> {
    await (kind === 'prober' ? this.probers.kill(index) : this.aggregator.kill());
  }

  status(): CollectorStatus {
    const { collector, source } = this.config;
    const groups = this.groups();
    const workers = this.workers();
    const totals = this.totals(workers);
    return {
      name: collector.name,
      version: VERSION,
      startedAt: new Date(this.startedAtMs).toISOString(),
      uptimeMs: Date.now() - this.startedAtMs,
      state: this.state,
      timestamps: collector.timestamps,
      groups: groups.length,
      targets: groups.reduce((sum, group) => sum + group.targets.length, 0),
      paths: groups.reduce((sum, group) => sum + group.targets.length * group.classes.length, 0) * source.ports,
      probesPerSecond: groups.reduce((sum, group) => sum + probesPerSecond(group, source.ports), 0),
      totals,
      workers,
      aggregator: this.aggregator.status(),
      warnings: [...this.sources.warnings, ...this.recent.warnings(totals)],
    };
  }

  private totals(workers: readonly ProberStatus[]): Totals {
    const totals = { ...workers[0].totals };
    for (const worker of workers.slice(1)) addTotals(totals, worker.totals);
    totals.threadLosses += this.aggregator.status().threadLosses;
    return totals;
  }

  private workers(): ProberStatus[] {
    const streams = [...this.plans.values()].reduce((sum, plan) => sum + plan.streams.length, 0);
    return this.probers.status(streams, (thread) => this.aggregator.lossesOf(thread));
  }

  private mustRun(): void {
    if (this.state !== 'running')
      throw new LlamaError('LLAMA_NOT_READY', `the collector is ${this.state}; try again when it runs`);
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.changes.then(work);
    this.changes = result.catch(() => undefined);
    return result;
  }

  /** Plans a group and carries the change out: the aggregator is told before the probers. */
  private async change(group: Group): Promise<void> {
    if (this.sources.withoutIpv6 !== undefined && group.targets.some((target) => target.family === 6)) {
      throw new LlamaError(
        'LLAMA_GROUP_INVALID',
        `group ${group.name} has IPv6 targets, but this host has no IPv6: ${this.sources.withoutIpv6}`,
      );
    }
    const old = this.plans.get(group.name);
    const change = await planGroup(old, group, this.tools);
    for (const info of change.plan.streams) {
      this.forgotten.delete(info.id);
      this.streams.set(info.id, info);
    }
    this.plans.set(group.name, change.plan);
    this.aggregator.addRows([...change.added, ...change.changed].map(toRow));
    if (old !== undefined && old.run !== change.plan.run) await this.probers.endRun(old);
    await this.probers.setRun(change.plan, change.added);
    this.retire(change.removed, old?.group ?? group);
    this.logger.info(
      { group: group.name, targets: group.targets.length, added: change.added.length, removed: change.removed.length },
      'group in effect',
    );
  }

  /** After the probers have taken the streams out: their time runs from then. */
  private retire(infos: readonly StreamInfo[], group: Group): void {
    if (infos.length === 0) return;
    const afterMs = Date.now() + nsToMs(group.timeoutNs + GRACE_NS) + QUARANTINE_MS;
    this.retired.push({ ids: infos.map((info) => info.id), afterMs });
  }

  private takeReport(report: IntervalReport): void {
    const infos: StreamInfo[] = [];
    for (const id of report.streams) {
      const info = this.streams.get(id);
      if (info === undefined) throw new Error(`the aggregator reports stream ${id}, which is not known`);
      infos.push(info);
    }
    this.results.add({ report, infos });
    this.recent.intervalEnded(this.totals(this.workers()));
    const free = this.retired.filter(({ afterMs }) => report.startMs > afterMs).flatMap(({ ids }) => ids);
    if (free.length === 0) return;
    this.retired = this.retired.filter(({ afterMs }) => report.startMs <= afterMs);
    for (const id of free) this.forgotten.add(id);
    this.aggregator.forget(Uint32Array.from(free));
    this.tools.numbers.giveBack(free);
  }

  private sourceOf(target: Target): string {
    const { address, address6 } = this.config.source;
    const bound = target.family === 4 ? address : address6;
    if (bound !== '0.0.0.0' && bound !== '::') return bound;
    return this.finder.find(target.family, addressBytes(target.address)) ?? bound;
  }
}

const toRow = (info: StreamInfo) => ({ id: info.id, prefix: rowPrefix(info) });

function probesPerSecond(group: Group, ports: number): number {
  return (group.targets.length * group.classes.length * ports * NS_PER_S) / group.periodNs;
}

function unknownGroup(name: string): LlamaError {
  return new LlamaError(
    'LLAMA_GROUP_UNKNOWN',
    `there is no group named ${JSON.stringify(name)}; GET /v1/groups lists them`,
  );
}
