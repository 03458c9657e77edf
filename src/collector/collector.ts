/**
 * A collector on its main thread: started and stopped as a whole, and the facade to the API. Probes never pass through
 * this thread.
 */

import type { Logger } from 'pino';
import type { Config, Group } from '../config/types.js';
import type { InjectedStep } from '../net/clock.js';
import type { DiscoveryTools } from '../targets/discovery.js';
import { Deployment, FOLLOW_EVERY_MS } from './deployment.js';
import { GroupChanges } from './groupChanges.js';
import { Intervals } from './intervals.js';
import type { ChangeOptions, CollectorService, GroupEdit, RevertGuard } from './service.js';
import { KeptState } from './state/keptState.js';
import { StatusReporter } from './status.js';
import { CollectorThreads } from './threads/collectorThreads.js';

interface CollectorOptions {
  readonly logger: Logger;
  /**
   * Most probes waiting at a time, per thread; 0: no limit but the plan's. For measurements that want a closed loop.
   */
  readonly window?: number;
  /** Each prober thread ends its groups after this many probes; 0: never. */
  readonly count?: number;
  /** For tests: a step of the wall clock that did not happen. */
  readonly clockStep?: InjectedStep;
  /** Clock, HTTP and name servers for groups whose targets come from a source. */
  readonly discovery?: DiscoveryTools;
}

type Service = CollectorService;

export class Collector implements Service {
  readonly config: Config;
  readonly results: Service['results'];
  readonly history: Service['history'];
  readonly clock: Service['clock'];
  private readonly logger: Logger;
  private readonly kept: KeptState | undefined;
  private readonly threads: CollectorThreads;
  private readonly deployment: Deployment;
  private readonly intervals: Intervals;
  private readonly changes: GroupChanges;
  private readonly reporter: StatusReporter;
  private following: NodeJS.Timeout | undefined;
  private stopped: Promise<void> | undefined;
  private closed: Promise<void> | undefined;

  private constructor(config: Config, options: CollectorOptions, kept: KeptState | undefined) {
    const { logger, discovery, clockStep, window = 0, count = 0 } = options;
    this.config = config;
    this.kept = kept;
    this.logger = logger;
    this.threads = new CollectorThreads({
      ...{ config, logger, clockStep, window, count },
      groups: () => this.groups(),
      report: (report) => {
        this.intervals.take(report);
        this.reporter.intervalEnded();
      },
    });
    const { threads } = this;
    this.deployment = new Deployment({ config, logger, threads });
    this.intervals = new Intervals({ config, logger, threads, kept });
    this.changes = new GroupChanges({ config, logger, deployment: this.deployment, kept, discovery });
    const { deployment, intervals, changes } = this;
    this.reporter = new StatusReporter({ config, threads, deployment, changes, intervals, kept });
    this.results = intervals.results;
    this.history = intervals.history;
    this.clock = threads.clock;
  }

  /**
   * Opens the sockets and starts the threads; no probe is sent before `measure`. Rejects with a LlamaError when a port
   * is in use, files run out, a thread can't start or the state directory can't be opened; all resources are released
   * then.
   */
  static async start(config: Config, options: CollectorOptions): Promise<Collector> {
    const kept = await KeptState.open(config, options.logger);
    let collector: Collector;
    try {
      collector = new Collector(config, options, kept);
    } catch (error) {
      await kept?.giveBack();
      await kept?.close();
      throw error;
    }
    try {
      await collector.threads.started();
    } catch (error) {
      // In this order: the directory is closed with the collector.
      await kept?.giveBack();
      await collector.close(0);
      throw error;
    }
    collector.deployment.state = 'running';
    return collector;
  }

  /** Puts the configured groups into effect, and the live changes that the state directory keeps. */
  async measure(): Promise<void> {
    await this.changes.begin(this.config.groups);
    this.followLater();
  }

  /**
   * Stops probing, waits for probes under way (at most about a second), closes the current interval. The results stay
   * readable.
   */
  stop(): Promise<void> {
    clearTimeout(this.following);
    this.threads.quiesce();
    void this.changes.discovery.close();
    this.stopped ??= this.changes.inTurn(async () => {
      this.deployment.state = 'stopping';
      await this.threads.stop();
      await this.kept?.save(this.results, this.clock.aheadMs());
    });
    return this.stopped;
  }

  /** Ends all threads and closes all sockets; `stop` first, unless a start failed. `graceMs`: for probes under way. */
  close(graceMs?: number): Promise<void> {
    this.closed ??= this.end(graceMs);
    return this.closed;
  }

  private async end(graceMs: number | undefined): Promise<void> {
    if (this.deployment.state !== 'starting') await this.stop();
    this.deployment.state = 'stopping';
    await Promise.all([this.changes.discovery.close(), this.threads.close(graceMs), this.kept?.targets.close()]);
    this.deployment.close();
    await this.kept?.close();
  }

  /** Ends a thread the hard way, as a fault would. For tests of faults. */
  killThread(kind: 'prober' | 'aggregator', index = 0): Promise<void> {
    return this.threads.kill(kind, index);
  }

  status() {
    return this.reporter.status();
  }

  /** Adds a warning that stays until the end, such as a feature of the API that this host lacks. */
  warn(text: string): void {
    this.reporter.warn(text);
  }

  groups() {
    return this.deployment.groups();
  }

  group(name: string) {
    return this.deployment.group(name);
  }

  activeGroups() {
    return this.changes.registry.active();
  }

  activeGroup(name: string) {
    return this.changes.registry.get(name)?.active;
  }

  suspendedGroups() {
    return this.changes.registry.suspended();
  }

  suspendedGroup(name: string) {
    return this.changes.registry.suspendedOf(name);
  }

  removedGroups() {
    return this.changes.registry.removed();
  }

  inFile(name: string): boolean {
    return this.changes.registry.fileGroup(name) !== undefined;
  }

  rulesOf(name: string) {
    return this.changes.rulesOf(name);
  }

  discoveryStatus(name: string) {
    return this.changes.discovery.status(name, this.group(name)?.targets.length ?? 0);
  }

  changeGroup(name: string, edit: GroupEdit, options?: ChangeOptions) {
    return this.changes.change(name, edit, options);
  }

  revertGroup(name: string, guard: RevertGuard, options?: ChangeOptions) {
    return this.changes.revert(name, guard, options);
  }

  async putGroup(group: Group, origin: 'file' | 'api' = 'file'): Promise<{ readonly created: boolean }> {
    if (origin === 'file') return this.changes.putFromFile(group);
    return { created: (await this.changeGroup(group.name, () => group)).before === undefined };
  }

  async deleteGroup(name: string, origin: 'file' | 'api' = 'file'): Promise<void> {
    if (origin === 'file') await this.changes.deleteFromFile(name);
    else await this.changeGroup(name, () => undefined);
  }

  /** Applies the groups of the config file: all of them in one step, or none. Rejects as `putGroup`. */
  async reloadFile(groups: readonly Group[]) {
    const reload = await this.changes.reloadFile(groups);
    await this.changes.inTurn(() => this.followHost());
    return reload;
  }

  sourcePorts(...[family, user, interval]: Parameters<Service['sourcePorts']>): readonly number[] {
    const { sources } = this.threads;
    return interval === undefined ? sources.ports(family, user) : sources.portsIn(family, user, interval);
  }

  renewSourcePorts() {
    return this.changes.inTurn(() => {
      this.deployment.mustRun();
      return this.threads.renewal.renew();
    });
  }

  private followLater(): void {
    if (this.deployment.state !== 'running') return;
    const follow = async (): Promise<void> => {
      try {
        await this.changes.inTurn(() => this.followHost());
      } catch (error) {
        // For instance, no descriptor is left: that may heal.
        this.logger.error({ err: error }, 'could not look for changed routes and missing source ports; tried again');
      }
      this.followLater();
    };
    this.following = setTimeout(() => void follow(), FOLLOW_EVERY_MS);
    this.following.unref();
  }

  private async followHost(): Promise<void> {
    if (this.deployment.state !== 'running') return;
    await this.kept?.follow();
    await this.deployment.followHost();
  }
}
