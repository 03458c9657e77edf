/**
 * The registry of groups: one record a name, and the transitions between records. Pure bookkeeping: no I/O, no clock,
 * no waiting.
 *
 * A transition changes nothing. It returns the steps for a deployment, and the entries for the state directory. The
 * registry learns the outcome through `inForce` and `commit`.
 */

import { LlamaError } from '../../base/errors.js';
import { sameKeys } from '../../config/group/groupFormat.js';
import type { Group } from '../../config/types.js';
import type { StateEntry } from '../state/stateFormat.js';
import type { ActiveGroup, DefinedGroup, GroupRecord, KnownGroup, SuspendedGroup } from './groupRecord.js';

/** One group replaces another of the same name. Undefined: no group is probed. */
export interface Step {
  readonly name: string;
  readonly before: ActiveGroup | undefined;
  readonly after: ActiveGroup | undefined;
}

/** The new fields of a record; `active` follows from the steps. */
type RecordChange = Partial<Omit<GroupRecord, 'name' | 'active'>>;

export interface Transition {
  readonly steps: readonly Step[];
  /**
   * By name: the entries to save in the state directory before the steps are carried out. Undefined: delete the entry.
   */
  readonly entries: ReadonlyMap<string, StateEntry | undefined>;
  /** By name: the changes of records when all steps are carried out. */
  readonly changes: ReadonlyMap<string, RecordChange>;
}

/** A group of the config file. */
export interface FileGroup extends DefinedGroup {
  /** Why this process can't probe it; undefined when it can. */
  readonly refused: string | undefined;
}

/** The effect of applying the config file, by names of groups. */
export interface FileReload {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
  /**
   * Groups of the file that were set or removed over REST: the change by REST stays, a removal until the file changes
   * the group.
   */
  readonly kept: readonly string[];
}

export interface FileTransition extends Transition {
  readonly report: FileReload;
  /**
   * Changed groups of the file that do not take effect, by name: the live group that overrides them; undefined: they
   * were removed live.
   */
  readonly hidden: ReadonlyMap<string, KnownGroup | undefined>;
}

type MutableRecord = { -readonly [Key in keyof GroupRecord]: GroupRecord[Key] };

export class GroupRegistry {
  /** In the order in which the groups came into force, or went. */
  private readonly records = new Map<string, MutableRecord>();

  get(name: string): GroupRecord | undefined {
    return this.records.get(name);
  }

  active(): readonly ActiveGroup[] {
    return [...this.records.values()].flatMap(({ active }) => active ?? []);
  }

  /**
   * Groups that are defined but not in force: first the groups set by REST, then groups of the config file that this
   * process can't probe.
   */
  suspended(): readonly SuspendedGroup[] {
    const records = [...this.records.values()];
    return [...records.flatMap(({ suspended }) => suspended ?? []), ...records.flatMap((one) => refusedOf(one) ?? [])];
  }

  /** The suspended group that `GET` shows. */
  suspendedOf(name: string): SuspendedGroup | undefined {
    const record = this.records.get(name);
    return record?.suspended ?? (record && refusedOf(record));
  }

  /** The group that a live change finds. REST does not see a refused group of the config file. */
  known(name: string): KnownGroup | undefined {
    const record = this.records.get(name);
    return record?.active ?? record?.suspended;
  }

  /** The group of the config file, where this process can probe it. */
  fileGroup(name: string): DefinedGroup | undefined {
    const record = this.records.get(name);
    return record && usable(record);
  }

  /** All groups of the config file. */
  file(): readonly FileGroup[] {
    return [...this.records.values()].flatMap(({ file, refused }) => (file === undefined ? [] : { ...file, refused }));
  }

  /** Names of groups of the config file that were removed by REST. */
  removed(): readonly string[] {
    return [...this.records.values()].filter((one) => one.removed !== undefined && usable(one)).map(({ name }) => name);
  }

  /** All groups that are in force after these steps; the new ones are last. */
  groupsAfter(steps: readonly Step[]): readonly Group[] {
    const touched = new Set(steps.map(({ name }) => name));
    const others = this.active().filter(({ group }) => !touched.has(group.name));
    return [...others, ...steps.flatMap(({ after }) => after ?? [])].map(({ group }) => group);
  }

  /** REST sets a group. */
  put(group: DefinedGroup): Transition {
    const { name } = group.defined;
    return this.become(name, group, { kind: 'group', text: group.text }, { removed: undefined, suspended: undefined });
  }

  /**
   * REST removes a group. One of the config file stays removed until the file changes it.
   * @throws LlamaError `LLAMA_GROUP_UNKNOWN`
   */
  remove(name: string): Transition {
    if (this.known(name) === undefined) throw unknownGroup(name);
    const removed = this.fileGroup(name)?.digest;
    const entry: StateEntry | undefined = removed === undefined ? undefined : { kind: 'removed', digest: removed };
    return this.become(name, undefined, entry, { removed, suspended: undefined });
  }

  /**
   * Drops the change of a group by REST: the group of the config file takes effect again.
   * @throws LlamaError `LLAMA_GROUP_UNKNOWN`, `LLAMA_GROUP_CONFLICT` when there is nothing to revert
   */
  revert(name: string): Transition {
    const known = this.known(name);
    const inFile = this.fileGroup(name);
    if (inFile === undefined && known === undefined) throw unknownGroup(name);
    if (inFile === undefined)
      throw new LlamaError(
        'LLAMA_GROUP_CONFLICT',
        `found the group ${name}, which the config file does not have: there is nothing to go back to; leave revert out to remove the group`,
      );
    if (known?.origin === 'file')
      throw new LlamaError(
        'LLAMA_GROUP_CONFLICT',
        `found the group ${name} as the config file has it, expected one that was set or removed by REST: there is nothing to revert`,
      );
    return this.become(name, inFile, undefined, { removed: undefined, suspended: undefined });
  }

  /**
   * Makes these the groups of the config file, and no others. Groups that REST set or removed stay as they are; a
   * removal ends when the file changes the group.
   */
  applyFile(groups: readonly FileGroup[]): FileTransition {
    const fromFile = new Map(groups.map((group) => [group.defined.name, group]));
    const steps = this.fileSteps(fromFile);
    const stepped = new Set(steps.map(({ name }) => name));
    const entries = new Map<string, StateEntry | undefined>();
    const changes = new Map<string, RecordChange>();
    const hidden = new Map<string, KnownGroup | undefined>();
    for (const [name, { refused, ...file }] of fromFile) changes.set(name, { file, refused });
    for (const { name, removed, file } of this.records.values()) {
      const now = fromFile.get(name);
      if (now === undefined && file !== undefined) changes.set(name, { file: undefined, refused: undefined });
      const gone = now === undefined || now.refused !== undefined;
      if (removed === undefined || !(gone || stepped.has(name))) continue;
      entries.set(name, undefined);
      changes.set(name, { ...changes.get(name), removed: undefined });
    }
    const kept: string[] = [];
    for (const [name, { refused, digest }] of fromFile) {
      if (refused !== undefined || stepped.has(name) || this.get(name)?.active?.origin === 'file') continue;
      kept.push(name);
      if (this.fileGroup(name)?.digest !== digest) hidden.set(name, this.known(name));
    }
    for (const record of this.records.values()) {
      const vanishes = usable(record) !== undefined && isAbsent(fromFile.get(record.name));
      if (vanishes && !stepped.has(record.name)) kept.push(record.name);
    }
    return { steps, entries, changes, hidden, report: { ...reportOf(steps), kept } };
  }

  /** A suspended group comes into force. */
  resume(group: DefinedGroup): Transition {
    const { name } = group.defined;
    const steps = [{ name, before: undefined, after: activate(group) }];
    return { steps, entries: new Map(), changes: new Map([[name, { suspended: undefined }]]) };
  }

  /** A source gives a group in force other targets. Its definition stays. */
  retarget(before: ActiveGroup, group: Group): Transition {
    return {
      steps: [{ name: group.name, before, after: { ...before, group } }],
      entries: new Map(),
      changes: new Map(),
    };
  }

  /** A kept group does not come into force, or not yet. */
  suspend(suspended: SuspendedGroup): void {
    this.recordOf(suspended.name).suspended = suspended;
  }

  /** The state directory keeps the removal of a group of the config file. */
  restoreRemoval(name: string, digest: string): void {
    this.recordOf(name).removed = digest;
  }

  /** These steps are carried out. */
  inForce(steps: readonly Step[]): void {
    for (const { name, before, after } of steps) {
      const record = this.recordOf(name);
      record.active = after;
      if ((before === undefined) === (after === undefined)) continue;
      this.records.delete(name);
      this.records.set(name, record);
    }
  }

  /** All steps of the transition are carried out. */
  commit({ changes }: Transition): void {
    for (const [name, change] of changes) {
      const record = Object.assign(this.recordOf(name), change);
      const { file, removed, active, suspended } = record;
      if ([file, removed, active, suspended].every((one) => one === undefined)) this.records.delete(name);
    }
  }

  /** Groups to add, change and remove. Removals come first. */
  private fileSteps(fromFile: ReadonlyMap<string, FileGroup>): Step[] {
    const steps: Step[] = [];
    for (const { name, active } of this.records.values())
      if (active?.origin === 'file' && isAbsent(fromFile.get(name)))
        steps.push({ name, before: active, after: undefined });
    for (const [name, { refused, ...group }] of fromFile) {
      const { active, suspended, removed } = this.records.get(name) ?? {};
      if (refused !== undefined || suspended !== undefined || active?.origin === 'api') continue;
      if (active === undefined ? removed === group.digest : isSame(active, group)) continue;
      steps.push({ name, before: active, after: activate(group) });
    }
    return steps;
  }

  private become(
    name: string,
    after: DefinedGroup | undefined,
    entry: StateEntry | undefined,
    change: RecordChange,
  ): Transition {
    const before = this.records.get(name)?.active;
    const idle = before === undefined && after === undefined;
    return {
      steps: idle ? [] : [{ name, before, after: after && activate(after) }],
      entries: new Map([[name, entry]]),
      changes: new Map([[name, change]]),
    };
  }

  private recordOf(name: string): MutableRecord {
    let record = this.records.get(name);
    if (record === undefined) {
      const none = { file: undefined, refused: undefined, removed: undefined, active: undefined, suspended: undefined };
      record = { name, ...none };
      this.records.set(name, record);
    }
    return record;
  }
}

/** The group of the config file that applies, unless REST overrides it. */
function usable({ file, refused }: GroupRecord): DefinedGroup | undefined {
  return refused === undefined ? file : undefined;
}

/** The group of the config file that this process can't probe; undefined while a live group hides it. */
function refusedOf({ name, file, refused, active, suspended }: GroupRecord): SuspendedGroup | undefined {
  if (file === undefined || refused === undefined || active !== undefined || suspended !== undefined) return undefined;
  const { defined: group, origin, text, etag } = file;
  return { name, group, origin, text, etag, reason: refused };
}

/** To the groups in force, a refused group of the config file is absent from it. */
function isAbsent(group: FileGroup | undefined): boolean {
  return group === undefined || group.refused !== undefined;
}

/** The text names a file of keys, not the keys in it. */
function isSame(active: ActiveGroup, group: DefinedGroup): boolean {
  return active.digest === group.digest && sameKeys(active.group, group.defined);
}

/** With the listed targets; targets of a source come later. */
function activate(group: DefinedGroup): ActiveGroup {
  return { ...group, group: group.defined };
}

function reportOf(steps: readonly Step[]): Omit<FileReload, 'kept'> {
  const named = (of: (step: Step) => boolean): string[] => steps.filter(of).map(({ name }) => name);
  return {
    added: named(({ before }) => before === undefined),
    changed: named(({ before, after }) => before !== undefined && after !== undefined),
    removed: named(({ after }) => after === undefined),
  };
}

export function unknownGroup(name: string): LlamaError {
  return new LlamaError(
    'LLAMA_GROUP_UNKNOWN',
    `there is no group named ${JSON.stringify(name)}; GET /v1/groups lists them`,
  );
}
