/**
 * The groups whose targets come from a source or are filtered: one follower for each, from the moment the group is in
 * force until it is replaced or removed. It decides which targets such a group probes; the collector applies that.
 */

import type { Logger } from 'pino';
import { LlamaError, messageOf } from '../base/errors.js';
import { SYSTEM_TIMING, type Timing } from '../base/timing.js';
import type { Allowed, Group, TargetSource } from '../config/types.js';
import { createSource, type SourceTools } from './create.js';
import { type Derived, deriveGroup, entriesOf } from './derive.js';
import { Follower } from './follower.js';
import type { Entry, Source } from './source.js';
import { TargetParser } from './targetParser.js';

/** Interval of checks for changed addresses of this host, for a group without a source. */
const SELF_REFRESH_MS = 30_000;

/** The state of a group's source, as the API shows it. */
export interface DiscoveryStatus {
  readonly source: TargetSource['kind'];
  /** How many targets are in force. */
  readonly targets: number;
  /** ISO 8601: when the source last gave a good answer, and how long ago; null before the first. */
  readonly updatedAt: string | null;
  readonly ageMs: number | null;
  /** The targets in force come from an earlier run: the source has not given a good answer since the start. */
  readonly restored: boolean;
  /** Why the latest answer is not in force; null when it is. */
  readonly error: string | null;
  /** Entries that were left out of the answer in force. */
  readonly warnings: readonly string[];
  /** ISO 8601; null while it is being asked. */
  readonly nextAt: string | null;
  /**
   * Why the targets in force are not in the state directory; null when they are, or will be in a moment, or when
   * targets are not saved at all.
   */
  readonly keepError: string | null;
  /** How often that was tried in vain. */
  readonly keepFailures: number;
}

/** The entries of a source, and when they came. */
export interface GivenTargets {
  readonly entries: readonly Entry[];
  readonly updatedAtMs: number;
}

/**
 * Keeps the last good targets over the end of the process. None of its methods may throw, or be waited for except
 * `load`, which never rejects.
 */
export interface TargetKeeper {
  load(name: string, from: TargetSource): Promise<GivenTargets | undefined>;
  keep(name: string, from: TargetSource, entries: readonly Entry[]): void;
  forget(name: string): void;
  status(name: string): { readonly failures: number; readonly error: string | null };
}

/** Clocks and the outer world; each has the system's as its default. */
export interface DiscoveryTools extends SourceTools {
  readonly timing?: Timing;
}

interface DiscoveryOptions extends DiscoveryTools {
  readonly logger: Logger;
  readonly ownAddresses: () => ReadonlySet<string>;
  /** False when this host cannot send to addresses of a family at all. */
  readonly reachable: (family: 4 | 6) => boolean;
  /**
   * Applies a group, which is built when the change is carried out; undefined: it is not wanted any more. `done` is
   * called before the next change of any group, so that a `PUT` finds the group in force. Rejects on failure, and
   * changes nothing.
   */
  readonly apply: (name: string, make: () => Group | undefined, done: () => void) => Promise<void>;
  /**
   * Files and URLs that the source of a group may read, evaluated on each use; undefined: any, for a source from the
   * config file.
   */
  readonly allowed?: (group: Group) => Allowed | undefined;
  /** None: targets are forgotten at the end. */
  readonly keeper?: TargetKeeper;
}

interface Followed {
  group: Group;
  /** Identifies the source: a group with the same source keeps its follower. */
  readonly key: string;
  readonly follower: Follower;
}

export class Discovery {
  private readonly options: DiscoveryOptions;
  private readonly timing: Timing;
  private readonly followed = new Map<string, Followed>();
  private readonly parser = new TargetParser();
  private closed = false;

  constructor(options: DiscoveryOptions) {
    this.options = options;
    this.timing = options.timing ?? SYSTEM_TIMING;
  }

  /**
   * The group with the targets that it probes from now on. With a source, those are its last entries, or until its
   * first good answer the targets that the group of this name probed before.
   */
  effective(group: Group, before: Group | undefined): Group {
    return isFollowed(group) ? this.derive(group, this.firstEntries(group, before)).group : group;
  }

  /** Follows a group that is in force now; replaces the follower of the same name. */
  follow(group: Group, before: Group | undefined): void {
    if (this.closed) return;
    if (!isFollowed(group)) {
      this.drop(group.name);
      return;
    }
    const key = keyOf(group);
    const old = this.followed.get(group.name);
    if (old !== undefined && old.key === key) {
      old.group = group;
      old.follower.askNow();
      return;
    }
    const entries = this.firstEntries(group, before);
    this.end(group.name);
    const { from } = group;
    const followed: Followed = {
      group,
      key,
      follower: new Follower({
        source: this.sourceOf(group),
        timing: this.timing,
        logger: this.options.logger.child({ group: group.name }),
        refreshMs: from === undefined ? SELF_REFRESH_MS : from.refreshMs,
        allowEmpty: from === undefined || from.allowEmpty,
        entries,
        apply: (found) => this.take(followed, found),
      }),
    };
    this.followed.set(group.name, followed);
    followed.follower.start();
  }

  /**
   * Restores the targets that the source of a group gave in an earlier run, unless it has answered since. Never
   * rejects; targets that exceed the limits now are logged.
   */
  async restore(name: string): Promise<void> {
    const { keeper, logger } = this.options;
    const followed = this.followed.get(name);
    const from = followed?.group.from;
    if (followed === undefined || from === undefined || followed.follower.answered) return;
    const given = await keeper?.load(name, from);
    if (given === undefined) return;
    const { entries, updatedAtMs } = given;
    try {
      await this.apply(followed, entries, {
        wanted: () => !followed.follower.answered,
        done: () => followed.follower.restore(entries, updatedAtMs),
      });
    } catch (error) {
      logger.warn({ group: name, error: messageOf(error) }, 'the last targets of an earlier run are not in force');
    }
  }

  drop(name: string): void {
    this.end(name);
    this.options.keeper?.forget(name);
  }

  private end(name: string): void {
    this.followed.get(name)?.follower.close();
    this.followed.delete(name);
  }

  /** Undefined for a group whose targets are listed. `targets`: the number in force. */
  status(name: string, targets: number): DiscoveryStatus | undefined {
    const followed = this.followed.get(name);
    if (followed?.group.from === undefined) return undefined;
    const { updatedAtMs, restored, error, warnings, nextAtMs } = followed.follower;
    const keeping = this.options.keeper?.status(name);
    return {
      source: followed.group.from.kind,
      targets,
      updatedAt: isoTime(updatedAtMs),
      ageMs: updatedAtMs === null ? null : Math.max(0, this.timing.nowMs() - updatedAtMs),
      restored,
      error,
      warnings,
      nextAt: isoTime(nextAtMs),
      keepError: keeping?.error ?? null,
      keepFailures: keeping?.failures ?? 0,
    };
  }

  /** A line for each source that fails, and for targets that can't be saved. */
  failures(): string[] {
    return [...this.followed].flatMap(([name, { follower }]) => {
      const unkept = this.options.keeper?.status(name).error ?? null;
      return [
        ...(follower.error === null ? [] : [`group ${name}: its targets are not up to date: ${follower.error}`]),
        ...(unkept === null ? [] : [`group ${name}: its targets cannot be kept in the state directory: ${unkept}`]),
      ];
    });
  }

  /** Stops everything; no change is applied after the call. Resolves when its thread has ended. */
  close(): Promise<void> {
    this.closed = true;
    for (const name of [...this.followed.keys()]) this.end(name);
    return this.parser.close();
  }

  /** Applies a good answer of a source. Resolves with the entries that are left out. */
  private take(followed: Followed, entries: readonly Entry[]): Promise<readonly string[]> {
    const done = (): void => {
      followed.follower.entries = entries;
      followed.follower.answered = true;
      const { name, from } = followed.group;
      if (from !== undefined) this.options.keeper?.keep(name, from, entries);
    };
    return this.apply(followed, entries, { wanted: () => true, done });
  }

  private async apply(
    followed: Followed,
    entries: readonly Entry[],
    { wanted, done }: { readonly wanted: () => boolean; readonly done: () => void },
  ): Promise<readonly string[]> {
    const { name } = followed.group;
    let leftOut: readonly string[] = [];
    try {
      const make = (): Group | undefined => {
        if (this.followed.get(name) !== followed || !wanted()) return undefined;
        const derived = this.derive(followed.group, entries);
        leftOut = derived.leftOut;
        return derived.group;
      };
      await this.options.apply(name, make, done);
    } catch (cause) {
      if (!(cause instanceof LlamaError)) throw cause;
      throw new Error(`found ${entries.length} targets, which can't be put in force: ${cause.message}`, { cause });
    }
    return leftOut;
  }

  private firstEntries(group: Group, before: Group | undefined): readonly Entry[] {
    if (group.from === undefined) return entriesOf(group);
    const old = this.followed.get(group.name);
    if (old !== undefined && old.group.from !== undefined) return old.follower.entries;
    return before === undefined ? [] : entriesOf(before);
  }

  private derive(group: Group, entries: readonly Entry[]): Derived {
    const own = group.skipSelf === true ? this.options.ownAddresses() : undefined;
    return deriveGroup(group, entries, own, this.options.reachable);
  }

  private sourceOf(group: Group): Source {
    const { from } = group;
    if (from === undefined) {
      const answer = { entries: entriesOf(group), warnings: [] };
      return { ask: async () => answer };
    }
    return createSource(from, this.timing, this.parser, this.options, () => this.options.allowed?.(group));
  }
}

function isFollowed(group: Group): boolean {
  return group.from !== undefined || group.skipSelf === true;
}

function keyOf(group: Group): string {
  return JSON.stringify(group.from ?? entriesOf(group));
}

function isoTime(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
