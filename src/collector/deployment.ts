/**
 * The groups in force: their streams, and the messages about them to the threads. Checks steps, prepares them, carries
 * all of them out or none, and returns those in force. Independent of files, REST and the state directory; has no
 * call-back.
 */

import type { Logger } from 'pino';
import { LlamaError } from '../base/errors.js';
import type { SteadyClock } from '../base/steadyClock.js';
import { nsToMs } from '../base/units.js';
import { yieldNow } from '../base/yielding.js';
import { toPointer } from '../config/files/problems.js';
import { invalidGroup } from '../config/group/group.js';
import { checkPlan, GRACE_NS, groupFigures } from '../config/group/limits.js';
import type { Config, Group, Target } from '../config/types.js';
import { SourceAddressFinder } from '../net/socket.js';
import { hmacEngineName } from '../wire/hmacEngines.js';
import { privilegeProblem, whyNotPrivileged } from './groups/privileges.js';
import type { Step } from './groups/registry.js';
import type { KnownStreams } from './plan/knownStreams.js';
import { LocalAddresses } from './plan/localAddresses.js';
import { type GroupPlan, type PlanChange, planGroup, streamRow } from './plan/plan.js';
import type { StreamInfo } from './results/results.js';
import type { SourcePorts } from './sourcePorts/sourcePorts.js';
import type { StaleFlows } from './sourcePorts/staleFlows.js';
import type { AggregatorThread } from './threads/aggregatorThread.js';
import type { ProberThreads } from './threads/proberThreads.js';

/**
 * Delay until a change of routes is noticed. Until then SYNs from a removed address are send errors; none has a wrong
 * checksum.
 */
export const FOLLOW_EVERY_MS = 5_000;
/** Rows in one message to the aggregator: about a millisecond of the main thread. */
const ROWS_A_TURN = 250;

/** The threads and sockets that carry groups out. */
export interface DeploymentThreads {
  readonly sources: Pick<
    SourcePorts,
    'has' | 'interfaceOf' | 'never' | 'whyNot' | 'whyNotOpen' | 'retry' | 'retire' | 'ended' | 'closeRetired'
  >;
  readonly probers: Pick<ProberThreads, 'setRun' | 'endRun' | 'tellLocals' | 'tellSockets' | 'closing'>;
  readonly aggregator: Pick<AggregatorThread, 'addRows'>;
  readonly staleFlows: Pick<StaleFlows, 'forget'>;
  /** The streams that the aggregator knows. */
  readonly streams: KnownStreams;
  readonly clock: Pick<SteadyClock, 'nowMs'>;
}

interface DeploymentOptions {
  readonly config: Pick<Config, 'collector' | 'source'>;
  readonly logger: Logger;
  readonly threads: DeploymentThreads;
}

interface PreparedStep {
  readonly step: Step;
  /** Undefined: the group is removed. */
  readonly change: PlanChange | undefined;
}

/** Steps in the order in which they are carried out, with their stream numbers reserved. */
type Prepared = readonly PreparedStep[];

interface Outcome {
  /** Steps that are in force: all of them, or after a failure the steps that could not be rolled back. */
  readonly applied: readonly Step[];
  /** Undefined: all steps are in force. */
  readonly failure: unknown;
}

export class Deployment {
  state: 'starting' | 'running' | 'stopping' = 'starting';
  private readonly streams: KnownStreams;
  private readonly config: DeploymentOptions['config'];
  private readonly logger: Logger;
  private readonly threads: DeploymentThreads;
  private readonly finder = new SourceAddressFinder();
  private readonly locals = new LocalAddresses((info) => this.sourceOf(info));
  private readonly plans = new Map<string, GroupPlan>();
  private runs = 0;

  constructor({ config, logger, threads }: DeploymentOptions) {
    this.config = config;
    this.logger = logger;
    this.threads = threads;
    this.streams = threads.streams;
  }

  groups(): readonly Group[] {
    return [...this.plans.values()].map(({ group }) => group);
  }

  group(name: string): Group | undefined {
    return this.plans.get(name)?.group;
  }

  /** @throws LlamaError `LLAMA_NOT_READY` */
  mustRun(): void {
    if (this.state !== 'running')
      throw new LlamaError('LLAMA_NOT_READY', `the collector is ${this.state}; try again when it runs`);
  }

  /** False when this host can't send to addresses of a family at all. */
  reaches(family: 4 | 6): boolean {
    return this.threads.sources.never(family) === undefined;
  }

  /** Why this process can't probe a group, also when its sockets are opened; undefined when it can. */
  whyRefused(group: Group): LlamaError | undefined {
    return this.whyNot(group) ?? this.threads.sources.whyNotOpen(group);
  }

  /**
   * @throws LlamaError `LLAMA_PLAN_TOO_LARGE`, `LLAMA_PRIVILEGE` or `LLAMA_GROUP_INVALID` when these groups can't be
   * probed together.
   */
  check(groups: readonly Group[]): void {
    checkPlan(this.config, groups);
    const lacking = privilegeProblem(groups, (group) => this.whyNot(group));
    if (lacking !== undefined) throw lacking;
    const withoutIpv6 = this.threads.sources.never(6);
    if (withoutIpv6 === undefined) return;
    const problems = groups
      .filter(({ targets }) => targets.some(({ family }) => family === 6))
      .map(({ name }) => ({
        path: toPointer(['groups', name]),
        message: `found IPv6 targets in the group ${name}, expected none, for this host has no IPv6: ${withoutIpv6}; take them out`,
      }));
    if (problems.length > 0) throw invalidGroup(problems);
  }

  /**
   * Reserves stream numbers for all steps, and releases them on failure. Groups that go or shrink come first, so that
   * the budget is kept in between.
   */
  async prepare(steps: readonly Step[]): Promise<Prepared> {
    const prepared: PreparedStep[] = [];
    try {
      for (const step of steps.toSorted(byGrowth))
        prepared.push({ step, change: step.after && (await this.plan(step.after.group)) });
    } catch (error) {
      this.discard(prepared);
      throw error;
    }
    return prepared;
  }

  /** Gives back the stream numbers that `prepare` took. */
  discard(prepared: Prepared): void {
    for (const { change } of prepared) this.streams.numbers.giveBack(change?.added.map(({ id }) => id) ?? []);
  }

  /** Carries out all steps, or none. Resolves when every prober thread has them. */
  async apply(prepared: Prepared): Promise<Outcome> {
    try {
      for (const { step, change } of prepared)
        await (change === undefined ? this.remove(step.name) : this.put(change, step.after?.origin));
      return { applied: prepared.map(({ step }) => step), failure: undefined };
    } catch (failure) {
      const inForce = prepared.filter((one) => this.isInForce(one));
      this.discard(prepared.filter((one) => !inForce.includes(one)));
      for (const { step } of inForce.toReversed()) await this.takeBack(step);
      return { applied: inForce.filter((one) => this.isInForce(one)).map(({ step }) => step), failure };
    }
  }

  /** Follows changes of the host: sockets that were missing, routes, addresses and interfaces. */
  async followHost(): Promise<void> {
    const { sources, probers, clock } = this.threads;
    if (sources.retry()) {
      this.logger.info('source ports that were missing are open now');
      await probers.tellSockets();
    }
    const retired = sources.retire(this.groups(), clock.nowMs());
    this.finder.keepOnly(new Set([undefined, ...this.groups().map((group) => sources.interfaceOf(group))]));
    // Not in time: the next look asks the threads again.
    if (retired.length > 0 && (await probers.closing(retired))) sources.closeRetired();
    for (const [name, plan] of this.plans) {
      const change = await this.locals.look(plan);
      if (change === undefined) continue;
      this.plans.set(name, change.plan);
      const { changed, moved } = change;
      this.streams.set(changed);
      if (changed.length > 0) await this.tellAggregator(changed);
      if (moved.length > 0) await probers.tellLocals(change);
      if (changed.length > 0)
        this.logger.info({ group: name, streams: changed.length }, 'probes leave from other addresses than before');
    }
  }

  close(): void {
    this.finder.close();
  }

  private async plan(group: Group): Promise<PlanChange> {
    const refused = this.threads.sources.whyNotOpen(group);
    if (refused !== undefined) throw refused;
    return planGroup(this.plans.get(group.name), group, {
      numbers: this.streams.numbers,
      nextRun: () => ++this.runs,
      sourceOf: (info) => this.sourceOf(info) ?? this.boundTo(info.target),
      pause: yieldNow,
    });
  }

  /** The aggregator gets the change before the probers. */
  private async put(change: PlanChange, origin: string | undefined): Promise<void> {
    const { plan, added, changed, removed } = change;
    const { group } = plan;
    const { probers } = this.threads;
    const old = this.plans.get(group.name);
    this.streams.set(plan.streams);
    await this.tellAggregator([...added, ...changed]);
    this.plans.set(group.name, plan);
    const goesOn = old?.run === plan.run;
    if (old !== undefined && !goesOn) await probers.endRun(old);
    await probers.setRun(plan, added, goesOn ? removed : []);
    this.retire(removed, old?.group ?? group);
    const counts = { targets: group.targets.length, added: added.length, removed: removed.length };
    this.logger.info({ group: group.name, origin, ...counts }, 'group in effect');
    if (group.keys !== undefined)
      this.logger.debug({ group: group.name, hmac: hmacEngineName() }, 'its probes are signed');
  }

  private async remove(name: string): Promise<void> {
    const plan = this.plans.get(name);
    if (plan === undefined) return;
    this.plans.delete(name);
    this.threads.staleFlows.forget(name);
    await this.threads.probers.endRun(plan);
    this.retire(plan.streams, plan.group);
    this.logger.info({ group: name }, 'group removed');
  }

  private isInForce({ step, change }: PreparedStep): boolean {
    return this.plans.get(step.name) === change?.plan;
  }

  /** Never rejects. */
  private async takeBack({ name, before }: Step): Promise<void> {
    try {
      if (before === undefined) await this.remove(name);
      else await this.put(await this.plan(before.group), before.origin);
    } catch (error) {
      this.logger.error({ group: name, error: String(error) }, 'a step of a failed change could not be taken back');
    }
  }

  private async tellAggregator(infos: readonly StreamInfo[]): Promise<void> {
    for (let from = 0; from < infos.length; from += ROWS_A_TURN) {
      if (from > 0) await yieldNow();
      this.threads.aggregator.addRows(infos.slice(from, from + ROWS_A_TURN).map(streamRow));
    }
  }

  /** Called after the probers have removed the streams: their quarantine begins then. */
  private retire(infos: readonly StreamInfo[], group: Group): void {
    this.threads.sources.ended(group, this.threads.clock.nowMs());
    if (infos.length === 0) return;
    this.locals.forget(infos);
    this.streams.retire(infos, nsToMs(group.timeoutNs + GRACE_NS));
  }

  /** Why a group can't be probed; undefined when it can. */
  private whyNot(group: Group): LlamaError | undefined {
    const { sources } = this.threads;
    return (sources.has(group) ? undefined : whyNotPrivileged(group)) ?? sources.whyNot(group);
  }

  /** The local address towards a target; undefined when there is no route now. */
  private sourceOf({ group, target }: Pick<StreamInfo, 'group' | 'target'>): string | undefined {
    const bound = this.boundTo(target);
    if (!isWildcard(bound)) return bound;
    return this.finder.find(target.family, target.address, this.threads.sources.interfaceOf(group));
  }

  private boundTo({ family }: Target): string {
    const { address, address6 } = this.config.source;
    return family === 4 ? address : address6;
  }
}

/** Removals, then groups that shrink. The number of source ports is the same for all. */
function byGrowth(a: Step, b: Step): number {
  const removal = (step: Step): number => (step.after === undefined ? 0 : 1);
  return removal(a) - removal(b) || growth(a) - growth(b);
}

function growth({ before, after }: Step): number {
  const [old, now] = [before, after].map((one) => one && groupFigures(one.group, 1));
  const by = (figure: 'probesPerSecond' | 'memoryBytes'): number =>
    Math.sign((now?.[figure] ?? 0) - (old?.[figure] ?? 0));
  return by('probesPerSecond') || by('memoryBytes');
}

const isWildcard = (address: string): boolean => address === '0.0.0.0' || address === '::';
