/**
 * The collector's main thread: keeps the plan of the groups, tells the threads, hands finished intervals to the results store. Never touches a probe.
 */

import { setImmediate as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { GroupRules } from '../config/allowed.js';
import { invalidGroup } from '../config/group.js';
import { checkPlan, GRACE_NS, planFigures } from '../config/limits.js';
import { toPointer } from '../config/problems.js';
import type { Config, Group, Target } from '../config/types.js';
import { COUNTER_READERS } from '../counters/readers.js';
import { RecentWarnings } from '../counters/recentWarnings.js';
import type { DiscoveryStatus, DiscoveryTools } from '../discovery/discovery.js';
import { ownAddresses, unknownAddresses } from '../discovery/self.js';
import { LlamaError } from '../errors.js';
import { type HistoryRefusals, MatrixHistory } from '../matrix/history.js';
import { type InjectedStep, timeBaseNow } from '../net/clock.js';
import { ClockSync, clockSyncWarnings } from '../net/clockSync.js';
import { ThrottleWatch } from '../net/cpuQuota.js';
import { SourceAddressFinder } from '../net/socket.js';
import { SteadyClock } from '../stats/steadyClock.js';
import { nsToMs, sToMs } from '../stats/units.js';
import { VERSION } from '../version.js';
import { hmacEngineName } from '../wire/hmacEngines.js';
import { AggregatorThread } from './aggregatorThread.js';
import { clockWarnings } from './clockWarnings.js';
import { exampleText } from './exampleTexts.js';
import type { FileReload } from './fileReload.js';
import { FreshProber } from './freshProber.js';
import { Groups } from './groups.js';
import type { GroupOrigin, HeldGroup, KnownGroup, WaitingGroup } from './held.js';
import { historyInterval } from './historyFeed.js';
import { KeptPlace } from './keptPlace.js';
import { KeptResults } from './keptResults.js';
import { KeptTargets } from './keptTargets.js';
import { KnownStreams } from './knownStreams.js';
import { LOOK_EVERY_MS, LocalAddresses } from './locals.js';
import type { IntervalReport } from './messages.js';
import { type GroupPlan, type PlanChange, type PlanTools, planGroup, rowPrefix } from './plan.js';
import { ProberThreads } from './proberThreads.js';
import { PortRenewal } from './renewal.js';
import { ResultsStore, type StreamInfo, steadyEndMs } from './results.js';
import type {
  ChangeOptions,
  CollectorService,
  CollectorStatus,
  GroupChange,
  GroupEdit,
  ProberStatus,
  RenewedPorts,
  Totals,
} from './service.js';
import type { Family } from './sourceSet.js';
import { type SetUser, SourcePorts } from './sources.js';
import { StaleFlows } from './staleFlows.js';
import { StateDirectory } from './state.js';
import { SynPorts } from './synPorts.js';
import { addTotals, notInForce } from './warnings.js';
import { privilegeProblem, WithheldGroups, whyNotPrivileged } from './withheld.js';

/** At a clean end, probes under way are awaited for at most this long. */
const STOP_GRACE_MS = 1_150;
const STOP_MARGIN_MS = 150;
/** From the beginning of a stop until the last interval is reported; what the probers do not use of it is the aggregator's, on a host whose cores are taken. */
const STOP_MS = 1_650;
/** The least that the aggregator has for one answer at a stop. */
const AGGREGATOR_MS = 500;
/** What of the results outlives the process. */
interface KeptOverRestarts {
  readonly results: KeptResults;
  readonly place: KeptPlace;
}

/** How far back the matrix reaches at most. */
const HISTORY_MS = 3_600_000;
/** Rows that the aggregator is told of at a time: about a millisecond of the main thread. */
const ROWS_A_TURN = 250;

export interface CollectorOptions {
  readonly logger: Logger;
  /** Most probes waiting at a time, per thread; 0: no limit but the plan's. For measurements that want a closed loop. */
  readonly window?: number;
  /** Each prober thread ends its groups after this many probes; 0: never. */
  readonly count?: number;
  /** For tests: a step of the wall clock that did not happen. */
  readonly clockStep?: InjectedStep;
  /** Clock, HTTP and name servers for groups whose targets come from a source. */
  readonly discovery?: DiscoveryTools;
}

export class Collector implements CollectorService {
  readonly config: Config;
  readonly results: ResultsStore;
  readonly history: MatrixHistory;
  readonly clock: SteadyClock;
  private readonly logger: Logger;
  private readonly sources: SourcePorts;
  private readonly probers: ProberThreads;
  private readonly aggregator: AggregatorThread;
  private readonly finder = new SourceAddressFinder();
  private readonly plans = new Map<string, GroupPlan>();
  private readonly streams: KnownStreams;
  private readonly tools: PlanTools;
  private readonly held: Groups;
  private readonly withheld: WithheldGroups;
  private readonly freshProber: FreshProber;
  private readonly staleFlows: StaleFlows;
  private readonly renewal: PortRenewal;
  private readonly locals = new LocalAddresses((info) => this.sourceOf(info));
  private looking: NodeJS.Timeout | undefined;
  private readonly stateDirectory: StateDirectory | undefined;
  private readonly keptTargets: KeptTargets | undefined;
  private readonly kept: KeptOverRestarts | undefined;
  private readonly synPorts = new SynPorts();
  private readonly recent = new RecentWarnings<keyof Totals>(COUNTER_READERS.prober, {
    example: (name) => this.example(name),
  });
  private readonly lasting: string[] = [];
  private readonly throttling = new ThrottleWatch('probes are sent late or not at all');
  private readonly clockSync = new ClockSync();
  private readonly recentHistory = new RecentWarnings<keyof HistoryRefusals>(COUNTER_READERS.history);
  private runs = 0;
  /** By `clock`. */
  private readonly startedMs: number;
  private state: CollectorStatus['state'] = 'starting';
  private stopped: Promise<void> | undefined;
  private closed: Promise<void> | undefined;

  private constructor(
    config: Config,
    options: CollectorOptions,
    stateDirectory: StateDirectory | undefined,
    kept: KeptOverRestarts | undefined,
  ) {
    this.config = config;
    this.kept = kept;
    this.stateDirectory = stateDirectory;
    this.logger = options.logger;
    const { clockStep } = options;
    this.clock = new SteadyClock(clockStep === undefined ? {} : { wallMs: () => Date.now() + sToMs(clockStep.aheadS) });
    this.startedMs = this.clock.nowMs();
    this.streams = new KnownStreams(() => this.clock.nowMs());
    this.results = new ResultsStore(config.collector.retention);
    this.results.subscribe((interval) => this.synPorts.see(interval));
    this.history = new MatrixHistory({
      horizonMs: HISTORY_MS,
      memoryBytes: config.collector.historyMemoryBytes,
      now: () => this.clock.nowMs(),
      clockAheadMs: () => this.clock.aheadMs(),
    });
    this.tools = {
      numbers: this.streams.numbers,
      nextRun: () => ++this.runs,
      sourceOf: (info) => this.sourceOf(info) ?? this.boundTo(info.target),
      pause: () => pause(),
    };
    const threads = Math.min(config.collector.workers, config.source.ports);
    this.sources = new SourcePorts({
      source: config.source,
      timestamps: config.collector.timestamps,
      threads,
      needed: listedFamilies(config.groups),
    });
    this.withheld = new WithheldGroups(options.logger, (group) => this.whyNot(group) ?? this.sources.whyNotOpen(group));
    const { logger } = this;
    this.keptTargets = stateDirectory && new KeptTargets({ directory: stateDirectory, logger });
    this.held = new Groups({
      logger,
      state: stateDirectory,
      keptTargets: this.keptTargets,
      allowed: config.api.allowed,
      discovery: {
        ...options.discovery,
        ownAddresses: () => ownAddresses(config.source),
        reachable: (family) => this.sources.never(family) === undefined,
      },
      plan: {
        mustRun: () => this.mustRun(),
        check: (group, others) => this.check([...others, group]),
        checkAll: (groups) => this.check(groups),
        prepare: (group) => this.prepare(group),
        discard: ({ added }) => this.tools.numbers.giveBack(added.map((info) => info.id)),
        carryOut: (change, origin, taken) => this.carryOut(change, origin, taken),
        remove: (name) => this.remove(name),
      },
    });
    const timeBase = timeBaseNow(clockStep);
    let freshProber: FreshProber | undefined;
    try {
      freshProber = new FreshProber(this.sources, timeBase);
      this.freshProber = freshProber;
      this.probers = new ProberThreads({
        sources: this.sources,
        threads,
        timeBase,
        window: options.window ?? 0,
        count: options.count ?? 0,
        logger: this.logger,
        died: (thread, life) => this.aggregator.proberDied(thread, life),
      });
    } catch (error) {
      freshProber?.close();
      this.sources.close();
      throw error;
    }
    this.staleFlows = new StaleFlows({
      ask: this.freshProber,
      nowMs: () => this.clock.nowMs(),
      remedy:
        config.source.basePort === 0
          ? 'POST /v1/sourcePorts/renew opens new source ports'
          : 'delete the entry on the device that has it, or start with another source.basePort',
    });
    this.renewal = new PortRenewal({
      basePort: config.source.basePort,
      sources: this.sources,
      probers: this.probers,
      groups: () => this.groups(),
      logger,
      nowMs: () => this.clock.nowMs(),
      wallMs: () => this.clock.wallMs(),
    });
    this.aggregator = new AggregatorThread({
      timeBase,
      intervalMs: config.collector.intervalMs,
      sourcePorts: config.source.ports,
      probers: this.probers.memories(),
      logger: this.logger,
      rows: () => this.streams.current().map(toRow),
      report: (report) => this.takeReport(report),
    });
  }

  /**
   * Opens the sockets and starts the threads; nothing is sent before `measure`. Rejects with a LlamaError when a port is taken, files run
   * out, a thread can't start or the state directory can't be had; nothing is left over then.
   */
  static async start(config: Config, options: CollectorOptions): Promise<Collector> {
    const { name, retention } = config.collector;
    const directory = config.stateDir === null ? undefined : await StateDirectory.open(config.stateDir, options.logger);
    const kept = directory && {
      results: new KeptResults(directory, name, options.logger),
      place: new KeptPlace(directory.path, options.logger),
    };
    let collector: Collector;
    try {
      const [held, place] = await Promise.all([kept?.results.load(retention), kept?.place.take()]);
      collector = new Collector(config, options, directory, kept);
      // Before its threads can have finished an interval.
      collector.results.restore(place, held, collector.clock.wallMs());
    } catch (error) {
      await kept?.place.giveBack();
      await directory?.close();
      throw error;
    }
    try {
      await Promise.all([collector.probers.started(), collector.aggregator.started()]);
    } catch (error) {
      // In this order: the directory is closed with the collector.
      await kept?.place.giveBack();
      await collector.close(0);
      throw error;
    }
    collector.state = 'running';
    return collector;
  }

  /** Puts the configured groups into effect, and the live changes that the state directory keeps. */
  async measure(): Promise<void> {
    await this.held.begin(await this.withheld.sift(this.config.groups));
    this.lookLater();
  }

  groups(): readonly Group[] {
    return [...this.plans.values()].map((plan) => plan.group);
  }

  group(name: string): Group | undefined {
    return this.plans.get(name)?.group;
  }

  heldGroups(): readonly HeldGroup[] {
    return this.held.all();
  }

  heldGroup(name: string): HeldGroup | undefined {
    return this.held.get(name);
  }

  waitingGroups(): readonly WaitingGroup[] {
    return [...this.held.waiting.all(), ...this.withheld.all()];
  }

  waitingGroup(name: string): WaitingGroup | undefined {
    return this.held.waiting.get(name) ?? (this.held.get(name) === undefined ? this.withheld.get(name) : undefined);
  }

  removedGroups(): readonly string[] {
    return this.held.removedFromFile();
  }

  inFile(name: string): boolean {
    return this.held.inFile(name);
  }

  rulesOf(name: string): GroupRules {
    return this.held.rulesOf(name);
  }

  sourcePorts(
    family: 4 | 6,
    user: SetUser,
    interval?: { readonly startMs: number; readonly endMs: number },
  ): readonly number[] {
    return interval === undefined ? this.sources.ports(family, user) : this.sources.portsIn(family, user, interval);
  }

  changeGroup(name: string, edit: GroupEdit, options: ChangeOptions = {}): Promise<GroupChange> {
    return this.held.change(name, edit, options);
  }

  revertGroup(
    name: string,
    may: (known: KnownGroup | undefined) => void,
    options: ChangeOptions = {},
  ): Promise<GroupChange> {
    return this.held.revert(name, may, options);
  }

  async putGroup(group: Group, origin: GroupOrigin = 'file'): Promise<{ readonly created: boolean }> {
    if (origin === 'file') return this.held.putFromFile(group);
    return { created: (await this.changeGroup(group.name, () => group)).before === undefined };
  }

  async deleteGroup(name: string, origin: GroupOrigin = 'file'): Promise<void> {
    if (origin === 'file') await this.held.deleteFromFile(name);
    else await this.changeGroup(name, () => undefined);
  }

  /** What the config file says now: all of it takes effect in one turn, or nothing. Rejects as `putGroup`. */
  async reloadFile(groups: readonly Group[]): Promise<FileReload> {
    const reload = await this.held.reloadFile(await this.withheld.sift(groups));
    await this.held.inTurn(() => this.lookAtLocals());
    return reload;
  }

  renewSourcePorts(): Promise<RenewedPorts> {
    return this.held.inTurn(() => {
      this.mustRun();
      return this.renewal.renew();
    });
  }

  discoveryStatus(name: string): DiscoveryStatus | undefined {
    return this.held.discovery.status(name, this.group(name)?.targets.length ?? 0);
  }

  /** Stops probing, waits for what is under way (at most about a second), closes the current interval. The results stay readable. */
  stop(): Promise<void> {
    clearTimeout(this.looking);
    this.staleFlows.close();
    this.renewal.end();
    void this.held.discovery.close();
    this.stopped ??= this.held.inTurn(async () => {
      this.state = 'stopping';
      const timeouts = this.groups().map((group) => nsToMs(group.timeoutNs + GRACE_NS) + STOP_MARGIN_MS);
      const graceMs = Math.min(STOP_GRACE_MS, Math.max(0, ...timeouts));
      const endMs = performance.now() + STOP_MS;
      const leftMs = (): number => Math.max(AGGREGATOR_MS, endMs - performance.now());
      await this.probers.stop(graceMs);
      for (let thread = 0; thread < this.probers.count; thread++)
        this.probers.leave(thread, await this.aggregator.proberStopped(thread, leftMs()));
      await this.aggregator.flush(leftMs());
      const { kept, results } = this;
      await Promise.all([kept?.results.save(results.toKeep(this.clock.aheadMs())), kept?.place.save(results.newest)]);
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
    this.staleFlows.close();
    await Promise.all([this.held.discovery.close(), this.probers.close(graceMs), this.keptTargets?.close()]);
    await this.aggregator.close();
    this.freshProber.close();
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
    const { paths, probesPerSecond } = planFigures(groups, source.ports);
    const workers = this.workers();
    const totals = this.totals(workers);
    return {
      name: collector.name,
      version: VERSION,
      startedAt: new Date(this.startedMs + this.clock.aheadMs()).toISOString(),
      uptimeMs: this.clock.nowMs() - this.startedMs,
      state: this.state,
      timestamps: this.sources.stamps,
      groups: groups.length,
      targets: groups.reduce((sum, group) => sum + group.targets.length, 0),
      paths,
      probesPerSecond,
      totals,
      workers,
      aggregator: this.aggregator.status(),
      freshProbes: this.staleFlows.status().map(({ decidedMs, ...probe }) => ({
        ...probe,
        at: new Date(decidedMs + this.clock.aheadMs()).toISOString(),
      })),
      warnings: [
        ...this.sources.warnings(groups),
        ...this.staleFlows.warnings(),
        ...this.throttling.warnings(),
        ...this.recent.warnings(totals),
        ...this.clockSyncWarnings(),
        ...this.recentHistory.warnings(this.history.refused),
        ...clockWarnings(this.results.all(), this.clock),
        ...notInForce(this.waitingGroups()),
        ...this.held.discovery.failures(),
        ...this.synPorts.warnings,
        ...(this.stateDirectory?.warnings ?? []),
        ...this.selfWarnings(groups),
        ...this.lasting,
      ],
    };
  }

  /** Adds a warning that holds until the end, such as what the API lacks on this host. */
  warn(text: string): void {
    this.lasting.push(text);
  }

  private selfWarnings(groups: readonly Group[]): string[] {
    const unknown = groups.some(({ skipSelf }) => skipSelf === true) ? unknownAddresses() : undefined;
    return unknown === undefined ? [] : [unknown];
  }

  private totals(workers: readonly ProberStatus[]): Totals {
    const totals = { ...workers[0].totals };
    for (const worker of workers.slice(1)) addTotals(totals, worker.totals);
    totals.threadLosses += this.aggregator.status().threadLosses;
    return totals;
  }

  private clockSyncWarnings(): string[] {
    this.clockSync.read();
    return clockSyncWarnings(this.clockSync, 'delays in one direction are relative to the least seen');
  }

  private example(name: keyof Totals): string | undefined {
    const example = name === 'threadLosses' ? undefined : this.probers.example(name);
    if (example === undefined) return undefined;
    return exampleText(name, example, example.stream === undefined ? undefined : this.streams.get(example.stream));
  }

  private workers(): ProberStatus[] {
    return this.probers.status((thread) => this.aggregator.lossesOf(thread));
  }

  private mustRun(): void {
    if (this.state !== 'running')
      throw new LlamaError('LLAMA_NOT_READY', `the collector is ${this.state}; try again when it runs`);
  }

  private check(groups: readonly Group[]): void {
    checkPlan(this.config, groups);
    const lacking = privilegeProblem(groups, (group) => this.whyNot(group));
    if (lacking !== undefined) throw lacking;
    const withoutIpv6 = this.sources.never(6);
    if (withoutIpv6 === undefined) return;
    const problems = groups
      .filter(({ targets }) => targets.some(({ family }) => family === 6))
      .map(({ name }) => ({
        path: toPointer(['groups', name]),
        message: `found IPv6 targets in the group ${name}, expected none, for this host has no IPv6: ${withoutIpv6}; take them out`,
      }));
    if (problems.length > 0) throw invalidGroup(problems);
  }

  private lookLater(): void {
    if (this.state !== 'running') return;
    const look = async (): Promise<void> => {
      try {
        await this.held.inTurn(() => this.lookAtLocals());
      } catch (error) {
        // Such as no descriptor left: that may end.
        this.logger.error({ err: error }, 'could not look for changed routes and missing source ports; tried again');
      }
      this.lookLater();
    };
    this.looking = setTimeout(() => void look(), LOOK_EVERY_MS);
    this.looking.unref();
  }

  /** Routes and interfaces may have changed. */
  private async lookAtLocals(): Promise<void> {
    if (this.state !== 'running') return;
    if (await this.stateDirectory?.follow()) this.keptTargets?.writeAgain();
    if (this.sources.retry()) {
      this.logger.info('source ports that were missing are open now');
      await this.probers.tellSockets();
    }
    const retired = this.sources.retire(this.groups(), this.clock.nowMs());
    this.finder.keepOnly(new Set([undefined, ...this.groups().map((group) => this.sources.interfaceOf(group))]));
    // Not in time: the next look asks the threads again.
    if (retired.length > 0 && (await this.probers.closing(retired))) this.sources.closeRetired();
    for (const [name, plan] of this.plans) {
      const change = await this.locals.look(plan);
      if (change === undefined) continue;
      this.plans.set(name, change.plan);
      const { changed, moved } = change;
      this.streams.set(changed);
      if (changed.length > 0) await this.tellAggregator(changed);
      if (moved.length > 0) await this.probers.tellLocals(change);
      if (changed.length > 0)
        this.logger.info({ group: name, streams: changed.length }, 'probes leave from other addresses than before');
    }
  }

  private async prepare(group: Group): Promise<PlanChange> {
    const refused = this.sources.whyNotOpen(group);
    if (refused !== undefined) throw refused;
    return planGroup(this.plans.get(group.name), group, this.tools);
  }

  /** Carries a planned change out: the aggregator is told before the probers. */
  private async carryOut(change: PlanChange, origin: GroupOrigin, taken: () => void): Promise<void> {
    const { group } = change.plan;
    const old = this.plans.get(group.name);
    this.streams.set(change.plan.streams);
    await this.tellAggregator([...change.added, ...change.changed]);
    this.plans.set(group.name, change.plan);
    taken();
    const goesOn = old?.run === change.plan.run;
    if (old !== undefined && !goesOn) await this.probers.endRun(old);
    await this.probers.setRun(change.plan, change.added, goesOn ? change.removed : []);
    this.retire(change.removed, old?.group ?? group);
    const [added, removed] = [change.added.length, change.removed.length];
    this.logger.info({ group: group.name, origin, targets: group.targets.length, added, removed }, 'group in effect');
    if (group.keys !== undefined)
      this.logger.debug({ group: group.name, hmac: hmacEngineName() }, 'its probes are signed');
  }

  private async remove(name: string): Promise<void> {
    const plan = this.plans.get(name);
    if (plan === undefined) return;
    this.plans.delete(name);
    this.staleFlows.forget(name);
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
    this.sources.ended(group, this.clock.nowMs());
    if (infos.length === 0) return;
    this.locals.forget(infos);
    this.streams.retire(infos, nsToMs(group.timeoutNs + GRACE_NS));
  }

  private takeReport(report: IntervalReport): void {
    const infos = this.streams.of(report.streams);
    const { latest } = this.results;
    const stored = this.results.add({ report: { ...report, forHistory: null }, infos });
    if (latest === undefined) void this.kept?.results.discard();
    this.history
      .add(historyInterval(this.config.collector.name, this.config.collector.intervalMs, { ...stored, report }))
      .catch((error) =>
        this.logger.error({ err: error, endMs: report.endMs }, 'an interval is missing in the history'),
      );
    this.staleFlows.interval(report, infos);
    this.recent.intervalEnded(this.totals(this.workers()));
    this.throttling.look();
    this.recentHistory.intervalEnded({ ...this.history.refused });
    // By its label an interval may begin later than it did, over a step of the clock.
    const free = this.streams.release(latest === undefined ? 0 : steadyEndMs(latest));
    if (free.length > 0) this.aggregator.forget(Uint32Array.from(free));
  }

  /** Why a group can't be probed; undefined when it can. */
  private whyNot(group: Group): LlamaError | undefined {
    return (this.sources.has(group) ? undefined : whyNotPrivileged(group)) ?? this.sources.whyNot(group);
  }

  /** The local address towards a target; undefined when there is no route now. */
  private sourceOf({ group, target }: Pick<StreamInfo, 'group' | 'target'>): string | undefined {
    const bound = this.boundTo(target);
    if (!isWildcard(bound)) return bound;
    return this.finder.find(target.family, target.address, this.sources.interfaceOf(group));
  }

  private boundTo({ family }: Target): string {
    const { address, address6 } = this.config.source;
    return family === 4 ? address : address6;
  }
}

/** Families of the targets that the config lists. A collector whose groups come later is taken to measure by IPv4. */
function listedFamilies(groups: readonly Group[]): Set<Family> {
  const families = new Set(groups.flatMap(({ targets }) => targets.map(({ family }) => family)));
  return families.size === 0 ? new Set([4]) : families;
}

const isWildcard = (address: string): boolean => address === '0.0.0.0' || address === '::';
const toRow = (info: StreamInfo) => ({ id: info.id, prefix: rowPrefix(info) });
