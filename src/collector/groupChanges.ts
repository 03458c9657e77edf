/**
 * Changes of groups: by the config file, by REST, by a source of targets, and at the start. They are serialized, and
 * all follow one sequence: the registry returns the steps, the deployment prepares them, the state directory saves the
 * new entries, the deployment carries the steps out, and the registry records the outcome.
 */

import type { Logger } from 'pino';
import { messageOf } from '../base/errors.js';
import { SerialQueue } from '../base/serialQueue.js';
import { yieldNow } from '../base/yielding.js';
import { type GroupRules, isTrustedSource } from '../config/allowed.js';
import { parseGroupInTurns } from '../config/group/group.js';
import type { Allowed, Config, Group } from '../config/types.js';
import { Discovery, type DiscoveryTools } from '../targets/discovery.js';
import { ownAddresses } from '../targets/ownAddresses.js';
import type { Deployment } from './deployment.js';
import { defineGroup, type KnownGroup, suspendGroup } from './groups/groupRecord.js';
import { type FileGroup, type FileReload, GroupRegistry, type Transition, unknownGroup } from './groups/registry.js';
import { groupDifference } from './plan/plan.js';
import type { ChangeOptions, GroupChange, GroupEdit, RevertGuard } from './service.js';
import type { KeptState } from './state/keptState.js';
import type { SavedState } from './state/state.js';
import type { StateEntry } from './state/stateFormat.js';

interface GroupChangesOptions {
  readonly config: Pick<Config, 'api' | 'source'>;
  readonly logger: Logger;
  readonly deployment: Deployment;
  /** Undefined: groups set by REST, and the targets that sources gave, are forgotten at the end. */
  readonly kept?: Pick<KeptState, 'directory' | 'targets'> | undefined;
  readonly discovery?: DiscoveryTools | undefined;
}

export class GroupChanges {
  readonly registry = new GroupRegistry();
  readonly discovery: Discovery;
  private readonly logger: Logger;
  private readonly deployment: Deployment;
  private readonly state: KeptState['directory'] | undefined;
  private readonly keptTargets: KeptState['targets'] | undefined;
  private readonly allowed: Allowed;
  private readonly queue = new SerialQueue();
  /** Suspended groups are being put in force, or will be after the changes that are queued now. */
  private retrying = false;

  constructor({ config, logger, deployment, kept, discovery }: GroupChangesOptions) {
    this.logger = logger;
    this.deployment = deployment;
    this.state = kept?.directory;
    this.keptTargets = kept?.targets;
    this.allowed = config.api.allowed;
    this.discovery = new Discovery({
      ...discovery,
      ...(kept && { keeper: kept.targets }),
      logger,
      ownAddresses: () => ownAddresses(config.source),
      reachable: (family) => deployment.reaches(family),
      apply: (name, make, done) => this.setTargets(name, make, done),
      allowed: (group) => this.allowedSource(group),
    });
  }

  /** Files and URLs that a group of this name set by REST may name. */
  rulesOf(name: string): GroupRules {
    return { ...this.allowed, trusted: this.registry.fileGroup(name)?.defined };
  }

  /** The same for the source of a group in force; undefined when the config file names that source. */
  private allowedSource({ name, from }: Group): Allowed | undefined {
    const trusted = from !== undefined && isTrustedSource(from, this.registry.fileGroup(name)?.defined);
    return this.registry.get(name)?.active?.origin !== 'api' || trusted ? undefined : this.allowed;
  }

  /** Does something between two changes. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    return this.queue.run(work);
  }

  /**
   * At the start: the groups of the config file come into force, unless the state directory keeps a live change of
   * theirs; then the live ones.
   */
  async begin(fromFile: readonly Group[]): Promise<void> {
    const saved = (await this.state?.load()) ?? [];
    this.retrying = true;
    await this.changeInTurn(async () => {
      const file = await this.defineFile(fromFile);
      for (const state of saved) await this.restore(state, file);
      await this.applyFile(file);
    });
    for (const { name } of this.registry.suspended()) {
      const reason = await this.inTurn(() => this.resume(name));
      if (reason !== undefined) this.logSuspended(name, reason);
    }
    this.retrying = false;
    await this.restoreTargets();
  }

  /** See `CollectorService.changeGroup`. */
  change(name: string, edit: GroupEdit, options: ChangeOptions = {}): Promise<GroupChange> {
    return this.changeInTurn(async () => {
      const before = this.registry.known(name);
      const group = edit(before);
      const transition =
        group === undefined ? this.registry.remove(name) : this.registry.put(await defineGroup(group, 'api'));
      return this.changeLive(before, transition, options);
    });
  }

  /** See `CollectorService.revertGroup`. */
  revert(name: string, guard: RevertGuard, options: ChangeOptions = {}): Promise<GroupChange> {
    return this.changeInTurn(async () => {
      const before = this.registry.known(name);
      guard(before);
      return this.changeLive(before, this.registry.revert(name), options);
    });
  }

  /** Makes these the groups of the config file, and no others: all in one step, or none. */
  reloadFile(groups: readonly Group[]): Promise<FileReload> {
    return this.changeInTurn(async () => this.applyFile(await this.defineFile(groups)));
  }

  /** Adds this group to the groups of the config file, or replaces it. */
  putFromFile(group: Group): Promise<{ readonly created: boolean }> {
    return this.changeInTurn(async () => {
      const others = this.registry.file().filter(({ defined }) => defined.name !== group.name);
      const { added } = await this.applyFile([...others, ...(await this.defineFile([group]))]);
      return { created: added.includes(group.name) };
    });
  }

  /** The config file has its other groups only. */
  deleteFromFile(name: string): Promise<void> {
    return this.changeInTurn(async () => {
      if (this.registry.fileGroup(name) === undefined) throw unknownGroup(name);
      await this.applyFile(this.registry.file().filter(({ defined }) => defined.name !== name));
    });
  }

  private changeInTurn<T>(change: () => Promise<T>): Promise<T> {
    return this.inTurn(async () => {
      this.deployment.mustRun();
      return change();
    });
  }

  /** With the reason of each group that this process can't probe. */
  private async defineFile(groups: readonly Group[]): Promise<FileGroup[]> {
    const defined: FileGroup[] = [];
    for (const group of groups) {
      const refusal = this.deployment.whyRefused(group);
      if (refusal !== undefined)
        this.logger.error({ group: group.name, code: refusal.code, error: refusal.message }, 'group not in force');
      defined.push({ ...(await defineGroup(group, 'file')), refused: refusal?.message });
    }
    return defined;
  }

  private async applyFile(groups: readonly FileGroup[]): Promise<FileReload> {
    const transition = this.registry.applyFile(groups);
    await this.carryOut(this.withTargets(transition));
    for (const [group, live] of transition.hidden) this.logger.warn({ group }, whyHidden(live));
    return transition.report;
  }

  private async changeLive(
    before: KnownGroup | undefined,
    transition: Transition,
    { dryRun = false }: ChangeOptions,
  ): Promise<GroupChange> {
    const planned = this.withTargets(transition);
    const [step] = planned.steps;
    const after = step?.after;
    const difference = groupDifference(step?.before?.group, after?.group);
    await yieldNow();
    if (dryRun) this.check(planned);
    else await this.carryOut(planned);
    return { before, after, difference };
  }

  /**
   * A source answers: the group gets other targets, unless it was replaced or removed meanwhile. Its definition stays,
   * and so does its tag.
   */
  private setTargets(name: string, make: () => Group | undefined, done: () => void): Promise<void> {
    return this.inTurn(async () => {
      const before = this.registry.get(name)?.active;
      const group = before && make();
      if (before === undefined || group === undefined) return;
      this.deployment.mustRun();
      if (JSON.stringify(group) !== JSON.stringify(before.group))
        await this.carryOut(this.registry.retarget(before, group));
      done();
    });
  }

  /** The steps with the targets that groups with a source probe from now on. */
  private withTargets(transition: Transition): Transition {
    const steps = transition.steps.map((step) => {
      const { before, after } = step;
      return after === undefined
        ? step
        : { ...step, after: { ...after, group: this.discovery.effective(after.defined, before?.group) } };
    });
    return { ...transition, steps };
  }

  private check({ steps }: Transition): void {
    if (steps.some(({ after }) => after !== undefined)) this.deployment.check(this.registry.groupsAfter(steps));
  }

  /**
   * Carries out all steps, or rejects with the reason and changes nothing. The state directory is written first: an
   * acknowledged change survives any crash.
   */
  private async carryOut(transition: Transition): Promise<void> {
    const { steps, entries, changes } = transition;
    this.check(transition);
    const prepared = await this.deployment.prepare(steps);
    let kept: ReadonlyMap<string, StateEntry | undefined>;
    try {
      kept = await this.keep(entries);
    } catch (error) {
      this.deployment.discard(prepared);
      throw error;
    }
    const { applied, failure } = await this.deployment.apply(prepared);
    this.registry.inForce(applied);
    if (failure !== undefined) {
      await this.putBack(kept);
      throw failure;
    }
    this.registry.commit(transition);
    for (const { before, after } of steps)
      if (after !== undefined && after.defined !== before?.defined) this.discovery.follow(after.defined, before?.group);
    for (const name of changes.keys()) if (this.registry.known(name) === undefined) this.discovery.drop(name);
    if (steps.length > 0) this.retrySuspended();
  }

  /** Resolves with the entries that the state directory kept before. When it fails, the directory is as before. */
  private async keep(
    entries: ReadonlyMap<string, StateEntry | undefined>,
  ): Promise<ReadonlyMap<string, StateEntry | undefined>> {
    const before = new Map<string, StateEntry | undefined>();
    if (this.state === undefined) return before;
    try {
      for (const [name, entry] of entries) {
        const known = this.state.entry(name);
        await this.state.save(name, entry);
        before.set(name, known);
      }
    } catch (error) {
      await this.putBack(before);
      throw error;
    }
    return before;
  }

  /** Never rejects: the original failure is reported already. */
  private async putBack(entries: ReadonlyMap<string, StateEntry | undefined>): Promise<void> {
    for (const [group, entry] of entries)
      await this.state
        ?.save(group, entry)
        .catch((error: unknown) =>
          this.logger.error({ group, error: String(error) }, 'a state file of a failed change could not be put back'),
        );
  }

  /** A live change that the state directory keeps. Its group is suspended until `resume`. */
  private async restore({ name, entry }: SavedState, file: readonly FileGroup[]): Promise<void> {
    if (entry.kind === 'removed') {
      this.registry.restoreRemoval(name, entry.digest);
      this.state?.remember(name, entry);
      return;
    }
    if (entry.kind === 'newer') {
      this.state?.remember(name, entry);
      this.suspendUnread(name, entry.text, newerVersion(entry.version));
      return;
    }
    const trusted = file.find(({ defined, refused }) => defined.name === name && refused === undefined)?.defined;
    try {
      const group = await parseGroupInTurns(entry.input, name, yieldNow, { ...this.allowed, trusted });
      const { text } = await defineGroup(group, 'api');
      this.state?.remember(name, { kind: 'group', text });
      this.registry.suspend(suspendGroup(name, group, text, 'it comes into force in a moment'));
    } catch (error) {
      // Invalid for this version of LLAMA, or it names a file or a URL that REST may not name. Its state file is
      // intact, and stays unchanged.
      const text = JSON.stringify(entry.input);
      this.state?.remember(name, { kind: 'group', text });
      this.suspendUnread(name, text, messageOf(error));
    }
  }

  private suspendUnread(name: string, text: string, reason: string): void {
    this.registry.suspend(suspendGroup(name, undefined, text, reason));
    this.logSuspended(name, reason);
  }

  private logSuspended(group: string, error: string): void {
    this.logger.error(
      { group, error },
      'a live group of the state directory is not in force; it is kept there, shown in /v1/groups, and tried again when there is room',
    );
  }

  /**
   * Puts a suspended group in force. Resolves with the reason when it does not fit; undefined also when there is no
   * suspended group.
   */
  private async resume(name: string): Promise<string | undefined> {
    const suspended = this.registry.get(name)?.suspended;
    if (suspended?.group === undefined) return undefined;
    const { group, text } = suspended;
    try {
      this.deployment.mustRun();
      await this.carryOut(this.withTargets(this.registry.resume(await defineGroup(group, 'api'))));
      return undefined;
    } catch (error) {
      const reason = messageOf(error);
      this.registry.suspend(suspendGroup(name, group, text, reason));
      return reason;
    }
  }

  /** Something was removed or changed: after this change, every suspended group is tried again. */
  private retrySuspended(): void {
    const live = this.registry.suspended().filter(({ origin, group }) => origin === 'api' && group !== undefined);
    if (this.retrying || live.length === 0) return;
    this.retrying = true;
    void this.inTurn(async () => {
      this.retrying = false;
      for (const { name } of this.registry.suspended()) {
        const { suspended } = this.registry.get(name) ?? {};
        if (suspended?.group === undefined || (await this.resume(name)) !== undefined) continue;
        this.logger.info({ group: name }, 'a live group that was waiting for room is in force again');
        // Runs after this change.
        void this.discovery.restore(name);
      }
    });
  }

  /**
   * Groups whose source has not answered yet probe the targets that it gave in an earlier run; other saved targets are
   * deleted.
   */
  private async restoreTargets(): Promise<void> {
    for (const name of (await this.keptTargets?.names()) ?? []) {
      const { active, suspended } = this.registry.get(name) ?? {};
      if (active?.group.from !== undefined) await this.discovery.restore(name);
      else if (suspended === undefined) this.keptTargets?.forget(name);
    }
  }
}

/**
 * Why a group of the file does not take effect. `live`: the group that has its name; undefined: it was removed live.
 */
function whyHidden(live: KnownGroup | undefined): string {
  return live === undefined
    ? 'the group of the config file was removed live and stays away; it counts again when the file changes it'
    : 'a live group hides the group of this name in the config file';
}

function newerVersion(version: string): string {
  return `its state file was written by a newer version of LLAMA (format ${version}): that version reads it, a PUT replaces it, a DELETE removes it`;
}
