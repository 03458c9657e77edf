/**
 * The groups of a collector: those of the config file, those set by REST, what the state directory keeps of them, and their sources of targets.
 * Every change happens here, one behind the other. What a change means for streams and threads is the `Plan`'s.
 */

import { setImmediate as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import { type Allowed, type GroupRules, isTrustedSource } from '../config/allowed.js';
import { parseGroupInTurns } from '../config/group.js';
import type { Group } from '../config/types.js';
import { Discovery, type DiscoveryOptions } from '../discovery/discovery.js';
import { LlamaError } from '../errors.js';
import { type FileReload, reloadFile, whyHidden } from './fileReload.js';
import { type GroupOrigin, type HeldGroup, holdGroup, type KnownGroup } from './held.js';
import type { KeptTargets } from './keptTargets.js';
import { groupDifference, type PlanChange } from './plan.js';
import type { ChangeOptions, GroupChange, GroupEdit } from './service.js';
import type { StateDirectory } from './state.js';
import type { StateEntry } from './stateFormat.js';
import { WaitingGroups } from './waitingGroups.js';

/** What carries groups out. All of it is called at the turn of a change. */
export interface Plan {
  /** @throws LlamaError `LLAMA_NOT_READY` */
  mustRun(): void;
  /** @throws LlamaError `LLAMA_PLAN_TOO_LARGE` or `LLAMA_GROUP_INVALID` when a group can't be probed beside `others`. */
  check(group: Group, others: readonly Group[]): void;
  /** The same of all groups that there are to be. */
  checkAll(groups: readonly Group[]): void;
  prepare(group: Group): Promise<PlanChange>;
  /** Gives back what `prepare` took. */
  discard(change: PlanChange): void;
  /** Resolves when every prober thread works by it; `taken` is called when there is no way back. */
  carryOut(change: PlanChange, origin: GroupOrigin, taken: () => void): Promise<void>;
  remove(name: string): Promise<void>;
}

export interface GroupsOptions {
  readonly logger: Logger;
  readonly plan: Plan;
  /** None: live changes are forgotten at the end. */
  readonly state: StateDirectory | undefined;
  /** None: the targets that sources gave are forgotten at the end. */
  readonly keptTargets?: KeptTargets | undefined;
  readonly discovery: Omit<DiscoveryOptions, 'apply' | 'logger' | 'keeper' | 'allowed'>;
  /** What groups set by REST may name. */
  readonly allowed: Allowed;
}

export class Groups {
  readonly discovery: Discovery;
  private readonly logger: Logger;
  private readonly plan: Plan;
  private readonly state: StateDirectory | undefined;
  private readonly keptTargets: KeptTargets | undefined;
  private readonly allowed: Allowed;
  /** Live groups that are kept, and not in force. */
  readonly waiting: WaitingGroups;
  /** In force. */
  private readonly held = new Map<string, HeldGroup>();
  /** What the config file has, in force or hidden by a live change, as it is defined there. */
  private readonly file = new Map<string, HeldGroup>();
  /** The file's groups that were removed by REST: the digest of what was removed, by name. */
  private readonly removed = new Map<string, string>();
  /** Changes happen one behind the other. */
  private changes: Promise<unknown> = Promise.resolve();

  constructor(options: GroupsOptions) {
    this.logger = options.logger;
    this.plan = options.plan;
    this.state = options.state;
    this.keptTargets = options.keptTargets;
    this.allowed = options.allowed;
    this.discovery = new Discovery({
      ...options.discovery,
      ...(options.keptTargets && { keeper: options.keptTargets }),
      logger: options.logger,
      apply: (name, make, done) => this.setTargets(name, make, done),
      allowed: (group) => this.allowedSource(group),
    });
    this.waiting = new WaitingGroups({
      logger: options.logger,
      inTurn: (work) => this.inTurn(work),
      put: async (group) => {
        await this.putSaved(group);
        // Behind this turn.
        void this.discovery.restore(group.name);
      },
    });
  }

  all(): readonly HeldGroup[] {
    return [...this.held.values()];
  }

  get(name: string): HeldGroup | undefined {
    return this.held.get(name);
  }

  inFile(name: string): boolean {
    return this.file.has(name);
  }

  /** What a group of this name that is set by REST may name. */
  rulesOf(name: string): GroupRules {
    return { ...this.allowed, trusted: this.file.get(name)?.group };
  }

  /** The same for the source of a group in force; undefined when the config file says that source. */
  private allowedSource({ name, from }: Group): Allowed | undefined {
    const trusted = from !== undefined && isTrustedSource(from, this.file.get(name)?.group);
    return this.held.get(name)?.origin !== 'api' || trusted ? undefined : this.allowed;
  }

  /** Groups of the config file that were removed by REST. */
  removedFromFile(): readonly string[] {
    return [...this.removed.keys()].filter((name) => this.file.has(name));
  }

  /** Does something between two changes. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.changes.then(work);
    this.changes = result.catch(() => undefined);
    return result;
  }

  /** Puts the config file's groups into effect, as far as live changes that the state directory keeps do not say otherwise, and the live ones. */
  async begin(fromFile: readonly Group[]): Promise<void> {
    const live = (await this.state?.load()) ?? [];
    const hidden = new Set<string>();
    const groups: Group[] = [];
    for (const { name, entry } of live) {
      if (entry.kind === 'removed') {
        this.removed.set(name, entry.digest);
        this.state?.remember(name, entry);
        continue;
      }
      hidden.add(name);
      if (entry.kind === 'newer') {
        this.state?.remember(name, entry);
        this.waiting.add(name, undefined, entry.text, newerVersion(entry.version));
        continue;
      }
      const trusted = fromFile.find((group) => group.name === name);
      const group = await this.readSaved(name, entry.input, { ...this.allowed, trusted });
      if (group !== undefined) groups.push(group);
    }
    for (const group of fromFile) {
      if (hidden.has(group.name)) await this.hide(group);
      else await this.putFromFile(group);
    }
    for (const group of groups) await this.putSavedOrWait(group);
    for (const name of this.removed.keys()) {
      if (this.file.has(name)) continue;
      this.removed.delete(name);
      await this.state?.save(name, undefined);
    }
    await this.restoreTargets();
  }

  /** Groups whose source has not answered yet probe what it gave in an earlier run; what nobody wants any more is removed. */
  private async restoreTargets(): Promise<void> {
    for (const name of (await this.keptTargets?.names()) ?? []) {
      if (this.held.get(name)?.group.from !== undefined) await this.discovery.restore(name);
      else if (!this.waiting.has(name)) this.keptTargets?.forget(name);
    }
  }

  /** See `CollectorService.changeGroup`. */
  change(name: string, edit: GroupEdit, options: ChangeOptions = {}): Promise<GroupChange> {
    return this.inTurn(async () => {
      this.plan.mustRun();
      const before = this.known(name);
      const group = edit(before);
      if (group !== undefined) return this.put(group, 'api', before, options);
      if (before === undefined) throw unknownGroup(name);
      const difference = groupDifference(this.held.get(name)?.group, undefined);
      await pause();
      if (options.dryRun !== true) await this.removeLive(name);
      return { before, after: undefined, difference };
    });
  }

  /** See `CollectorService.revertGroup`. */
  revert(
    name: string,
    may: (known: KnownGroup | undefined) => void,
    options: ChangeOptions = {},
  ): Promise<GroupChange> {
    return this.inTurn(async () => {
      this.plan.mustRun();
      const before = this.known(name);
      may(before);
      const inFile = this.file.get(name);
      if (inFile === undefined && before === undefined) throw unknownGroup(name);
      if (inFile === undefined)
        throw new LlamaError(
          'LLAMA_GROUP_CONFLICT',
          `found the group ${name}, which the config file does not have: there is nothing to go back to; leave revert out to remove the group`,
        );
      if (before?.origin === 'file')
        throw new LlamaError(
          'LLAMA_GROUP_CONFLICT',
          `found the group ${name} as the config file has it, expected one that was set or removed by REST: there is nothing to revert`,
        );
      return this.put(inFile.group, 'file', before, options);
    });
  }

  /** A live change to a group: one of its own (`api`), or back to that of the config file. */
  private async put(
    group: Group,
    origin: GroupOrigin,
    before: KnownGroup | undefined,
    options: ChangeOptions,
  ): Promise<GroupChange> {
    const old = this.held.get(group.name);
    const effective = this.discovery.effective(group, old?.group);
    const difference = groupDifference(old?.group, effective);
    await pause();
    this.check(effective);
    const after = await holdGroup(effective, origin, pause);
    if (options.dryRun !== true) await this.putLive(group, old, after);
    return { before, after, difference };
  }

  /** The config file has this group. A live group, or a live removal of the same, hides it. */
  putFromFile(group: Group): Promise<{ readonly created: boolean }> {
    return this.inTurn(async () => {
      this.plan.mustRun();
      const { name } = group;
      const before = this.held.get(name);
      const effective = this.discovery.effective(group, before?.group);
      const after = await holdGroup(effective, 'file', pause);
      if (before?.origin === 'api' || this.waiting.has(name) || this.removed.get(name) === after.digest) {
        this.file.set(name, { ...after, group });
        this.logger.warn({ group: name }, whyHidden(this.known(name)));
        return { created: false };
      }
      this.check(effective);
      const change = await this.plan.prepare(effective);
      try {
        // The file says something else than what was removed: that counts again.
        if (this.removed.has(name)) await this.state?.save(name, undefined);
      } catch (error) {
        this.plan.discard(change);
        throw error;
      }
      this.removed.delete(name);
      this.file.set(name, { ...after, group });
      await this.carryOut(after, change);
      this.discovery.follow(group, before?.group);
      return { created: before === undefined };
    });
  }

  /** The config file has the group no more. */
  deleteFromFile(name: string): Promise<void> {
    return this.inTurn(async () => {
      this.plan.mustRun();
      if (!this.file.has(name)) throw unknownGroup(name);
      if (this.removed.has(name)) await this.state?.save(name, undefined);
      this.removed.delete(name);
      this.file.delete(name);
      if (this.held.get(name)?.origin === 'file') await this.remove(name);
    });
  }

  /** What the config file says now, all of it in one turn or nothing; see `reloadFile`. */
  reloadFile(groups: readonly Group[]): Promise<FileReload> {
    const { logger, plan, state, discovery, held, waiting, file, removed } = this;
    return this.inTurn(() => reloadFile({ logger, plan, state, discovery, held, waiting, file, removed }, groups));
  }

  /** A source's answer: the group gets other targets, unless it was replaced or removed meanwhile. What it is defined as stays, and so does its tag. */
  private setTargets(name: string, make: () => Group | undefined, done: () => void): Promise<void> {
    return this.inTurn(async () => {
      const before = this.held.get(name);
      const group = before === undefined ? undefined : make();
      if (before === undefined || group === undefined) return;
      this.plan.mustRun();
      if (JSON.stringify(group) !== JSON.stringify(before.group)) {
        this.check(group);
        await this.carryOut({ ...before, group }, await this.plan.prepare(group));
      }
      done();
    });
  }

  private known(name: string): KnownGroup | undefined {
    return this.held.get(name) ?? this.waiting.get(name);
  }

  /**
   * A live group of the state directory; undefined when it is no group to this version of LLAMA, or names a file or a URL that REST may not
   * name: its state file is sound, so it waits as it is.
   */
  private async readSaved(name: string, input: unknown, rules: GroupRules): Promise<Group | undefined> {
    try {
      return await parseGroupInTurns(input, name, pause, rules);
    } catch (error) {
      const text = JSON.stringify(input);
      this.state?.remember(name, { kind: 'group', text });
      this.waiting.add(name, undefined, text, messageOf(error));
      return undefined;
    }
  }

  /** A live group that does not fit the plan any more must not keep the others from being measured; it stays in the state directory. */
  private async putSavedOrWait(group: Group): Promise<void> {
    const { text } = await holdGroup(group, 'api', pause);
    this.state?.remember(group.name, { kind: 'group', text });
    try {
      await this.inTurn(() => this.putSaved(group));
    } catch (error) {
      this.waiting.add(group.name, group, text, messageOf(error));
    }
  }

  private async putSaved(group: Group): Promise<void> {
    this.plan.mustRun();
    const effective = this.discovery.effective(group, undefined);
    this.check(effective);
    await this.carryOut(await holdGroup(effective, 'api', pause), await this.plan.prepare(effective));
    this.discovery.follow(group, undefined);
  }

  /** The config file's group of a name that a live group has. */
  private async hide(group: Group): Promise<void> {
    this.file.set(group.name, await holdGroup(group, 'file', pause));
    this.logger.warn({ group: group.name }, 'a live group hides the group of this name in the config file');
  }

  /** Kept first, then carried out: who is told of the change finds it after any crash. */
  private async putLive(group: Group, before: HeldGroup | undefined, after: HeldGroup): Promise<void> {
    const { name } = group;
    const change = await this.plan.prepare(after.group);
    const entry: StateEntry | undefined = after.origin === 'file' ? undefined : { kind: 'group', text: after.text };
    try {
      await this.keeping(name, entry, () => this.carryOut(after, change));
    } catch (error) {
      if (this.held.get(name) !== after) this.plan.discard(change);
      throw error;
    }
    this.removed.delete(name);
    this.discovery.follow(group, before?.group);
  }

  private async removeLive(name: string): Promise<void> {
    const digest = this.file.get(name)?.digest;
    const entry: StateEntry | undefined = digest === undefined ? undefined : { kind: 'removed', digest };
    await this.keeping(name, entry, () => this.remove(name));
    if (digest !== undefined) this.removed.set(name, digest);
    this.waiting.delete(name);
    this.keptTargets?.forget(name);
  }

  /** Keeps the entry in the state directory while `apply` carries it out; when that fails the directory is as before. */
  private async keeping(name: string, entry: StateEntry | undefined, apply: () => Promise<void>): Promise<void> {
    const before = this.state?.entry(name);
    await this.state?.save(name, entry);
    try {
      await apply();
    } catch (error) {
      await this.state?.save(name, before);
      throw error;
    }
  }

  private check(group: Group): void {
    const others = this.all().filter(({ group: other }) => other.name !== group.name);
    this.plan.check(
      group,
      others.map((held) => held.group),
    );
  }

  private async carryOut(after: HeldGroup, change: PlanChange): Promise<void> {
    await this.plan.carryOut(change, after.origin, () => {
      this.held.set(after.group.name, after);
      this.waiting.delete(after.group.name);
    });
    this.waiting.roomMade();
  }

  private async remove(name: string): Promise<void> {
    if (!this.held.delete(name)) return;
    this.discovery.drop(name);
    await this.plan.remove(name);
    this.waiting.roomMade();
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function newerVersion(version: string): string {
  return `its state file was written by a newer version of LLAMA (format ${version}): that version reads it, a PUT replaces it, a DELETE removes it`;
}

function unknownGroup(name: string): LlamaError {
  return new LlamaError(
    'LLAMA_GROUP_UNKNOWN',
    `there is no group named ${JSON.stringify(name)}; GET /v1/groups lists them`,
  );
}
