/**
 * The threads of a collector with the sockets they read: opened together, stopped in the order in which probes pass
 * them, closed together.
 */

import type { Logger } from 'pino';
import { SteadyClock } from '../../base/steadyClock.js';
import { nsToMs, sToMs } from '../../base/units.js';
import { GRACE_NS } from '../../config/group/limits.js';
import type { Config, Group } from '../../config/types.js';
import type { ProberStatus, Totals } from '../../contract/collectorStatus.js';
import { type InjectedStep, timeBaseNow } from '../../net/clock.js';
import { KnownStreams } from '../plan/knownStreams.js';
import { streamRow } from '../plan/plan.js';
import { FreshProber } from '../sourcePorts/freshProber.js';
import { PortRenewal } from '../sourcePorts/renewal.js';
import { SourcePorts } from '../sourcePorts/sourcePorts.js';
import type { Family } from '../sourcePorts/sourceSet.js';
import { StaleFlows } from '../sourcePorts/staleFlows.js';
import { AggregatorThread, type AggregatorThreadOptions } from './aggregatorThread.js';
import { ProberThreads } from './proberThreads.js';

/** At a clean end, probes under way are awaited for at most this long. */
const STOP_GRACE_MS = 1_150;
const STOP_MARGIN_MS = 150;
/**
 * From the beginning of a stop until the last interval is reported. The aggregator gets the time that the probers
 * leave, on a busy host.
 */
const STOP_MS = 1_650;
/** The least that the aggregator has for one answer at a stop. */
const AGGREGATOR_MS = 500;

interface CollectorThreadsOptions {
  readonly config: Config;
  readonly logger: Logger;
  /** See `CollectorOptions`. */
  readonly window: number;
  readonly count: number;
  readonly clockStep: InjectedStep | undefined;
  readonly groups: () => readonly Group[];
  readonly report: AggregatorThreadOptions['report'];
}

export class CollectorThreads {
  readonly clock: SteadyClock;
  /** The streams that the aggregator knows. */
  readonly streams: KnownStreams;
  readonly sources: SourcePorts;
  readonly probers: ProberThreads;
  readonly aggregator: AggregatorThread;
  readonly staleFlows: StaleFlows;
  readonly renewal: PortRenewal;
  private readonly groups: () => readonly Group[];
  private readonly freshProber: FreshProber;

  /**
   * Opens the sockets. @throws LlamaError when a port is in use or files run out; no socket stays open then.
   */
  constructor({ config, logger, window, count, clockStep, groups, report }: CollectorThreadsOptions) {
    const { source, collector } = config;
    const clock = new SteadyClock(
      clockStep === undefined ? {} : { wallMs: () => Date.now() + sToMs(clockStep.aheadS) },
    );
    const nowMs = (): number => clock.nowMs();
    this.clock = clock;
    this.streams = new KnownStreams(nowMs);
    const threads = Math.min(collector.workers, source.ports);
    this.groups = groups;
    this.sources = new SourcePorts({
      source,
      timestamps: collector.timestamps,
      threads,
      needed: listedFamilies(config.groups),
    });
    const { sources } = this;
    const timeBase = timeBaseNow(clockStep);
    let freshProber: FreshProber | undefined;
    try {
      freshProber = new FreshProber(sources, timeBase);
      this.freshProber = freshProber;
      this.probers = new ProberThreads({
        ...{ sources, threads, timeBase, window, count, logger },
        died: (thread, life) => this.aggregator.proberDied(thread, life),
      });
    } catch (error) {
      freshProber?.close();
      sources.close();
      throw error;
    }
    const { probers } = this;
    this.staleFlows = new StaleFlows({
      ask: freshProber,
      nowMs,
      remedy:
        source.basePort === 0
          ? 'POST /v1/sourcePorts/renew opens new source ports'
          : 'delete the entry on the device that has it, or start with another source.basePort',
    });
    const wallMs = (): number => clock.wallMs();
    this.renewal = new PortRenewal({ basePort: source.basePort, sources, probers, groups, logger, nowMs, wallMs });
    this.aggregator = new AggregatorThread({
      ...{ timeBase, logger, report },
      rows: () => this.streams.current().map(streamRow),
      intervalMs: collector.intervalMs,
      sourcePorts: source.ports,
      probers: probers.memories(),
    });
  }

  async started(): Promise<void> {
    await Promise.all([this.probers.started(), this.aggregator.started()]);
  }

  /** Ends the timers that begin something new, such as single probes from fresh ports. */
  quiesce(): void {
    this.staleFlows.close();
    this.renewal.end();
  }

  /** Stops probing, waits for probes under way (at most about a second), and closes the current interval. */
  async stop(): Promise<void> {
    const timeouts = this.groups().map(({ timeoutNs }) => nsToMs(timeoutNs + GRACE_NS) + STOP_MARGIN_MS);
    const graceMs = Math.min(STOP_GRACE_MS, Math.max(0, ...timeouts));
    const endMs = performance.now() + STOP_MS;
    const leftMs = (): number => Math.max(AGGREGATOR_MS, endMs - performance.now());
    const { probers, aggregator } = this;
    await probers.stop(graceMs);
    for (let thread = 0; thread < probers.count; thread++)
      probers.leave(thread, await aggregator.proberStopped(thread, leftMs()));
    await aggregator.flush(leftMs());
  }

  /** Ends all threads. `stop` first, unless a start failed. */
  async close(graceMs = STOP_GRACE_MS): Promise<void> {
    this.staleFlows.close();
    await this.probers.close(graceMs);
    await this.aggregator.close();
    this.freshProber.close();
    this.sources.close();
  }

  /** Ends a thread the hard way, as a fault would. For tests of faults. */
  async kill(kind: 'prober' | 'aggregator', index: number): Promise<void> {
    await (kind === 'prober' ? this.probers.kill(index) : this.aggregator.kill());
  }

  workers(): ProberStatus[] {
    return this.probers.status((thread) => this.aggregator.lossesOf(thread));
  }

  /** Sums over all threads. */
  totals(workers: readonly ProberStatus[] = this.workers()): Totals {
    const totals = { ...workers[0].totals };
    for (const worker of workers.slice(1)) addTotals(totals, worker.totals);
    totals.threadLosses += this.aggregator.status().threadLosses;
    return totals;
  }
}

/** Families of the targets that the config lists. A collector whose groups come later is assumed to measure by IPv4. */
function listedFamilies(groups: readonly Group[]): Set<Family> {
  const families = new Set(groups.flatMap(({ targets }) => targets.map(({ family }) => family)));
  return families.size === 0 ? new Set([4]) : families;
}

/** Adds `more` to `sum`, counter by counter. */
function addTotals(sum: Totals, more: Totals): void {
  for (const name of Object.keys(sum) as (keyof Totals)[]) {
    if (name === 'latenessNsMax') sum[name] = Math.max(sum[name], more[name]);
    else sum[name] += more[name];
  }
}
