/**
 * The collector's main thread: keeps groups and their plan, tells the threads, hands finished intervals to the results store. Never touches a probe.
 */

import { setImmediate as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import { parseGroupInTurns } from '../config/group.js';
import { checkPlan, GRACE_NS } from '../config/limits.js';
import type { Config, Group, Target } from '../config/types.js';
import { LlamaError } from '../errors.js';
import { addressBytes } from '../net/address.js';
import { SystemClock } from '../net/clock.js';
import { SourceAddressFinder } from '../net/socket.js';
import { NS_PER_S, nsToMs } from '../stats/units.js';
import { VERSION } from '../version.js';
import { AggregatorThread } from './aggregatorThread.js';
import { type GroupOrigin, type HeldGroup, holdGroup } from './held.js';
import type { IntervalReport } from './messages.js';
import {
  type GroupPlan,
  groupDifference,
  type PlanChange,
  type PlanTools,
  planGroup,
  rowPrefix,
  StreamNumbers,
} from './plan.js';
import { ProberThreads } from './proberThreads.js';
import { ResultsStore, type StreamInfo } from './results.js';
import type {
  ChangeOptions,
  CollectorService,
  CollectorStatus,
  GroupChange,
  GroupEdit,
  ProberStatus,
  Totals,
} from './service.js';
import { SourcePorts } from './sources.js';
import { StateDirectory } from './state.js';
import type { StateEntry } from './stateFormat.js';
import { addTotals, RecentWarnings } from './warnings.js';

/** A removed stream's number is free again when the intervals of this long after its last probe's timeout are closed: late replies are known till then. */
const QUARANTINE_MS = 2_000;
/** At a clean end, probes under way are awaited for at most this long. */
const STOP_GRACE_MS = 1_150;
const STOP_MARGIN_MS = 150;
/** Rows that the aggregator is told of at a time: about a millisecond of the main thread. */
const ROWS_A_TURN = 250;

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
  /** Beside `plans`. */
  private readonly held = new Map<string, HeldGroup>();
  /** What the config file has, in force or hidden by a live change: digest by name. */
  private readonly file = new Map<string, string>();
  /** The file's groups that were removed by REST: the digest of what was removed, by name. */
  private readonly removed = new Map<string, string>();
  private readonly stateDirectory: StateDirectory | undefined;
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

  private constructor(config: Config, options: CollectorOptions, stateDirectory: StateDirectory | undefined) {
    this.config = config;
    this.stateDirectory = stateDirectory;
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
   * out, a thread can't start or the state directory can't be had; nothing is left over then.
   */
  static async start(config: Config, options: CollectorOptions): Promise<Collector> {
    const directory = config.stateDir === null ? undefined : await StateDirectory.open(config.stateDir, options.logger);
    let collector: Collector;
    try {
      collector = new Collector(config, options, directory);
    } catch (error) {
      await directory?.close();
      throw error;
    }
    try {
      await Promise.all([collector.probers.started(), collector.aggregator.started()]);
    } catch (error) {
      await collector.close(0);
      throw error;
    }
    collector.state = 'running';
    return collector;
  }

  /** Puts the configured groups into effect, as far as live changes that the state directory keeps do not say otherwise, and the live ones. */
  async measure(): Promise<void> {
    const live = (await this.stateDirectory?.load()) ?? [];
    const hidden = new Set<string>();
    const groups: Group[] = [];
    for (const { name, entry } of live) {
      if (entry.kind === 'removed') {
        this.removed.set(name, entry.digest);
        this.stateDirectory?.remember(name, entry);
        continue;
      }
      const group = await this.readSaved(name, entry.input);
      if (group === undefined) continue;
      groups.push(group);
      hidden.add(name);
    }
    for (const group of this.config.groups) {
      if (hidden.has(group.name)) await this.hide(group);
      else await this.putGroup(group);
    }
    for (const group of groups) await this.putSaved(group);
    for (const name of this.removed.keys()) {
      if (this.file.has(name)) continue;
      this.removed.delete(name);
      await this.stateDirectory?.save(name, undefined);
    }
  }

  /** A live group of the state directory; undefined when it is wrong, which is told in the log. */
  private async readSaved(name: string, input: unknown): Promise<Group | undefined> {
    try {
      return await parseGroupInTurns(input, name, pause);
    } catch (error) {
      await this.stateDirectory?.setAside(this.stateDirectory.fileOf(name), messageOf(error));
      return undefined;
    }
  }

  /** A live group that does not fit the plan any more must not keep the others from being measured; it stays in the state directory. */
  private async putSaved(group: Group): Promise<void> {
    try {
      await this.inTurn(async () => {
        const held = await holdGroup(group, 'api', pause);
        this.stateDirectory?.remember(group.name, { kind: 'group', text: held.text });
        this.checkGroup(group);
        await this.apply(held, await planGroup(undefined, group, this.tools));
      });
    } catch (error) {
      this.logger.error(
        { group: group.name, error: messageOf(error) },
        'a live group of the state directory is not in force; it is kept there and tried again at the next start',
      );
    }
  }

  groups(): readonly Group[] {
    return [...this.plans.values()].map((plan) => plan.group);
  }

  group(name: string): Group | undefined {
    return this.plans.get(name)?.group;
  }

  heldGroups(): readonly HeldGroup[] {
    return [...this.held.values()];
  }

  heldGroup(name: string): HeldGroup | undefined {
    return this.held.get(name);
  }

  inFile(name: string): boolean {
    return this.file.has(name);
  }

  sourcePorts(family: 4 | 6): readonly number[] {
    return this.sources.ports(family);
  }

  changeGroup(name: string, edit: GroupEdit, options: ChangeOptions = {}): Promise<GroupChange> {
    return this.inTurn(async () => {
      this.mustRun();
      const before = this.held.get(name);
      const group = edit(before);
      if (group === undefined && before === undefined) throw unknownGroup(name);
      const difference = groupDifference(before?.group, group);
      await pause();
      if (group === undefined) {
        if (options.dryRun !== true) await this.removeLive(name);
        return { before, after: undefined, difference };
      }
      this.checkGroup(group);
      const after = await holdGroup(group, 'api', pause);
      if (options.dryRun !== true) await this.putLive(after);
      return { before, after, difference };
    });
  }

  async putGroup(group: Group, origin: GroupOrigin = 'file'): Promise<{ readonly created: boolean }> {
    if (origin === 'api') return { created: (await this.changeGroup(group.name, () => group)).before === undefined };
    return this.inTurn(async () => {
      this.mustRun();
      const { name } = group;
      const before = this.held.get(name);
      const after = await holdGroup(group, 'file', pause);
      if (before?.origin === 'api' || this.removed.get(name) === after.digest) {
        this.file.set(name, after.digest);
        this.logHidden(name, before);
        return { created: false };
      }
      this.checkGroup(group);
      const change = await planGroup(this.plans.get(name), group, this.tools);
      // The file says something else than what was removed: that counts again.
      if (this.removed.delete(name)) await this.stateDirectory?.save(name, undefined);
      this.file.set(name, after.digest);
      await this.apply(after, change);
      return { created: before === undefined };
    });
  }

  async deleteGroup(name: string, origin: GroupOrigin = 'file'): Promise<void> {
    if (origin === 'api') {
      await this.changeGroup(name, () => undefined);
      return;
    }
    return this.inTurn(async () => {
      this.mustRun();
      if (!this.file.has(name)) throw unknownGroup(name);
      if (this.removed.has(name)) await this.stateDirectory?.save(name, undefined);
      this.removed.delete(name);
      this.file.delete(name);
      if (this.held.get(name)?.origin === 'file') await this.applyRemoval(name);
    });
  }

  /** The config file's group of a name that a live group has. */
  private async hide(group: Group): Promise<void> {
    this.file.set(group.name, (await holdGroup(group, 'file', pause)).digest);
    this.logger.warn({ group: group.name }, 'a live group hides the group of this name in the config file');
  }

  private logHidden(name: string, live: HeldGroup | undefined): void {
    this.logger.warn(
      { group: name },
      live === undefined
        ? 'the group of the config file was removed live and stays away; it counts again when the file changes it'
        : 'a live group hides the group of this name in the config file',
    );
  }

  /** Kept first, then carried out: who is told of the change finds it after any crash. */
  private async putLive(after: HeldGroup): Promise<void> {
    const { group, text } = after;
    const change = await planGroup(this.plans.get(group.name), group, this.tools);
    try {
      await this.keeping(group.name, { kind: 'group', text }, () => this.apply(after, change));
    } catch (error) {
      if (this.held.get(group.name) !== after) this.tools.numbers.giveBack(change.added.map((info) => info.id));
      throw error;
    }
    this.removed.delete(group.name);
  }

  private async removeLive(name: string): Promise<void> {
    const digest = this.file.get(name);
    const entry: StateEntry | undefined = digest === undefined ? undefined : { kind: 'removed', digest };
    await this.keeping(name, entry, () => this.applyRemoval(name));
    if (digest !== undefined) this.removed.set(name, digest);
  }

  /** Keeps the entry in the state directory while `apply` carries it out; when that fails the directory is as before. */
  private async keeping(name: string, entry: StateEntry | undefined, apply: () => Promise<void>): Promise<void> {
    const directory = this.stateDirectory;
    const before = directory?.entry(name);
    await directory?.save(name, entry);
    try {
      await apply();
    } catch (error) {
      await directory?.save(name, before);
      throw error;
    }
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
    await this.stateDirectory?.close();
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

  private checkGroup(group: Group): void {
    checkPlan(this.config, [...this.groups().filter((other) => other.name !== group.name), group]);
    if (this.sources.withoutIpv6 !== undefined && group.targets.some((target) => target.family === 6)) {
      throw new LlamaError(
        'LLAMA_GROUP_INVALID',
        `group ${group.name} has IPv6 targets, but this host has no IPv6: ${this.sources.withoutIpv6}`,
      );
    }
  }

  /** Carries a planned change out: the aggregator is told before the probers. */
  private async apply(after: HeldGroup, change: PlanChange): Promise<void> {
    const { group } = after;
    const old = this.plans.get(group.name);
    for (const info of change.plan.streams) {
      this.forgotten.delete(info.id);
      this.streams.set(info.id, info);
    }
    await this.tellAggregator([...change.added, ...change.changed]);
    this.plans.set(group.name, change.plan);
    this.held.set(group.name, after);
    if (old !== undefined && old.run !== change.plan.run) await this.probers.endRun(old);
    await this.probers.setRun(change.plan, change.added);
    this.retire(change.removed, old?.group ?? group);
    this.logger.info(
      {
        group: group.name,
        origin: after.origin,
        targets: group.targets.length,
        added: change.added.length,
        removed: change.removed.length,
      },
      'group in effect',
    );
  }

  private async applyRemoval(name: string): Promise<void> {
    const plan = this.plans.get(name);
    if (plan === undefined) return;
    this.plans.delete(name);
    this.held.delete(name);
    await this.probers.endRun(plan);
    this.retire(plan.streams, plan.group);
    this.logger.info({ group: name }, 'group removed');
  }

  private async tellAggregator(infos: readonly StreamInfo[]): Promise<void> {
    for (let from = 0; from < infos.length; from += ROWS_A_TURN) {
      if (from > 0) await pause();
      this.aggregator.addRows(infos.slice(from, from + ROWS_A_TURN).map(toRow));
    }
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

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function probesPerSecond(group: Group, ports: number): number {
  return (group.targets.length * group.classes.length * ports * NS_PER_S) / group.periodNs;
}

function unknownGroup(name: string): LlamaError {
  return new LlamaError(
    'LLAMA_GROUP_UNKNOWN',
    `there is no group named ${JSON.stringify(name)}; GET /v1/groups lists them`,
  );
}
