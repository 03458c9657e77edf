/**
 * Reads the config again while the collector measures: for SIGHUP and for `POST /v1/reload` alike. The groups of the file are made
 * what the file now says; a file that is wrong changes nothing.
 */

import type { LoadedConfig } from '../config/config.js';
import { groupToJson } from '../config/group.js';
import { checkPlan, groupFigures } from '../config/limits.js';
import type { Group } from '../config/types.js';
import type { CollectorService } from './service.js';

/** What a reload did: names of groups, and of options. */
export interface ReloadReport {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
  /** Groups of the file that were set or removed over REST: what REST said stays, a removal until the file changes the group. */
  readonly kept: readonly string[];
  /** Options that now have another value than when the collector started; they take effect at the next start. */
  readonly restart: readonly string[];
  readonly notes: readonly string[];
}

export type ReloadTarget = Pick<
  CollectorService,
  'config' | 'groups' | 'group' | 'heldGroup' | 'inFile' | 'putGroup' | 'deleteGroup'
>;

export class ConfigReloader {
  private readonly collector: ReloadTarget;
  private readonly load: () => LoadedConfig;
  private readonly started: LoadedConfig;
  /** Groups of the file, as it was last read. */
  private fromFile: ReadonlyMap<string, Group>;
  private turn: Promise<unknown> = Promise.resolve();

  /** `started` is what the collector runs by; `load` reads the file again and throws when it is wrong. */
  constructor(collector: ReloadTarget, started: LoadedConfig, load: () => LoadedConfig) {
    this.collector = collector;
    this.started = started;
    this.load = load;
    this.fromFile = byName(started.config.groups);
  }

  /**
   * Reloads happen one behind the other.
   * @throws LlamaError what reading the config throws (with problems and lines), `LLAMA_PLAN_TOO_LARGE`, or why the collector refused a
   * group; the groups are what they were before then.
   */
  reload(): Promise<ReloadReport> {
    const result = this.turn.then(() => this.reloadNow());
    this.turn = result.catch(() => undefined);
    return result;
  }

  private async reloadNow(): Promise<ReloadReport> {
    const loaded = this.load();
    const wanted = byName(loaded.config.groups);
    const names = [...new Set([...this.fromFile.keys(), ...wanted.keys()])];
    const kept = names.filter((name) => this.isLive(name, wanted.get(name)));
    const mine = loaded.config.groups.filter(({ name }) => !kept.includes(name));
    const removed = [...this.fromFile.keys()].filter((name) => !wanted.has(name) && !kept.includes(name));
    const others = this.collector
      .groups()
      .filter(({ name }) => !removed.includes(name) && !mine.some((g) => g.name === name));
    checkPlan(this.collector.config, [...others, ...mine]);
    const different = mine.filter((group) => !same(this.collector.group(group.name), group));
    const added = different.filter(({ name }) => this.collector.group(name) === undefined).map(({ name }) => name);
    const hidden = kept.filter((name) => !same(this.fromFile.get(name), wanted.get(name)));
    await this.apply(
      [...removed, ...hidden.filter((name) => !wanted.has(name) && this.collector.inFile(name))],
      [...different, ...loaded.config.groups.filter(({ name }) => hidden.includes(name))],
    );
    this.fromFile = wanted;
    return {
      added,
      changed: different.map(({ name }) => name).filter((name) => !added.includes(name)),
      removed,
      kept,
      restart: changedOptions(this.started, loaded),
      notes: loaded.notes,
    };
  }

  /** Whether REST has the last word on a group: it was set over REST, or removed and the file says nothing else of it than it did then. */
  private isLive(name: string, wanted: Group | undefined): boolean {
    const held = this.collector.heldGroup(name);
    if (held !== undefined) return held.origin === 'api';
    const before = this.fromFile.get(name);
    return before !== undefined && (wanted === undefined || same(before, wanted));
  }

  /**
   * All of it or nothing: what was done before a group is refused is undone. The collector is told of groups that REST has the last word on as
   * well: it knows then what the file has in their place, and leaves them alone.
   */
  private async apply(removed: readonly string[], put: readonly Group[]): Promise<void> {
    const undo: (() => Promise<unknown>)[] = [];
    try {
      for (const name of removed) {
        const old = this.hadFromFile(name);
        await this.collector.deleteGroup(name);
        if (old !== undefined) undo.push(() => this.collector.putGroup(old));
      }
      for (const group of this.smallestGrowthFirst(put)) {
        const old = this.hadFromFile(group.name);
        await this.collector.putGroup(group);
        undo.push(() => (old === undefined ? this.collector.deleteGroup(group.name) : this.collector.putGroup(old)));
      }
    } catch (error) {
      for (const step of undo.reverse()) await step();
      throw error;
    }
  }

  /** What the collector knows the file to have under a name, in force or not. */
  private hadFromFile(name: string): Group | undefined {
    if (this.collector.heldGroup(name)?.origin === 'file') return this.collector.group(name);
    return this.collector.inFile(name) ? this.fromFile.get(name) : undefined;
  }

  /** Groups that shrink make room for those that grow, so that no step on the way passes a limit that the whole keeps. */
  private smallestGrowthFirst(groups: readonly Group[]): Group[] {
    const bytes = (group: Group): number => groupFigures(group, this.collector.config.source.ports).memoryBytes;
    const growth = (group: Group): number => {
      const old = this.collector.group(group.name);
      return bytes(group) - (old === undefined ? 0 : bytes(old));
    };
    return groups.toSorted((a, b) => growth(a) - growth(b));
  }
}

function byName(groups: readonly Group[]): ReadonlyMap<string, Group> {
  return new Map(groups.map((group) => [group.name, group]));
}

function same(a: Group | undefined, b: Group | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return JSON.stringify(groupToJson(a)) === JSON.stringify(groupToJson(b));
}

/** Names of the options that are written otherwise than they were. */
function changedOptions(before: LoadedConfig, after: LoadedConfig): string[] {
  const written = new Map(before.options.map((option) => [option.name, JSON.stringify(option.written)]));
  return after.options
    .filter((option) => written.get(option.name) !== JSON.stringify(option.written))
    .map(({ name }) => name);
}
