/**
 * The groups whose targets are not simply those that are listed: one follower for each, from the moment that the group is in force until it is
 * replaced or removed. It decides what such a group probes; the collector puts that into effect.
 */

import type { Logger } from 'pino';
import type { Group, Target, TargetSource } from '../config/types.js';
import { LlamaError } from '../errors.js';
import { createSource, type SourceTools } from './create.js';
import { Follower } from './follower.js';
import { type Entry, type Source, SYSTEM_TIMING, type Timing } from './source.js';

/** How often a group without a source looks whether this host has other addresses. */
const SELF_REFRESH_MS = 30_000;

/** How a group's source does, as the API shows it. */
export interface DiscoveryStatus {
  readonly source: TargetSource['kind'];
  /** How many targets are in force. */
  readonly targets: number;
  /** ISO 8601: when the source last gave a good answer, and how long ago; null before the first. */
  readonly updatedAt: string | null;
  readonly ageMs: number | null;
  /** Why the latest answer is not in force; null when it is. */
  readonly error: string | null;
  /** What was left out of the answer in force. */
  readonly warnings: readonly string[];
  /** ISO 8601; null while it is being asked. */
  readonly nextAt: string | null;
}

/** Clocks and the outer world; each has the system's as its default. */
export interface DiscoveryTools extends SourceTools {
  readonly timing?: Timing;
}

export interface DiscoveryOptions extends DiscoveryTools {
  readonly logger: Logger;
  readonly ownAddresses: () => ReadonlySet<string>;
  /** False when this host cannot send to addresses of a family at all. */
  readonly reachable: (family: 4 | 6) => boolean;
  /**
   * Puts a group into effect, which is made when its turn has come; undefined: it is not wanted any more. `done` is called before the next
   * change of any group, so that a `PUT` finds what is in force. Rejects when it can't be, and changes nothing.
   */
  readonly apply: (name: string, make: () => Group | undefined, done: () => void) => Promise<void>;
}

interface Followed {
  group: Group;
  /** Identifies what is followed: a group with the same source goes on with its follower. */
  readonly key: string;
  readonly follower: Follower;
}

interface Derived {
  readonly group: Group;
  readonly leftOut: readonly string[];
}

export class Discovery {
  private readonly options: DiscoveryOptions;
  private readonly timing: Timing;
  private readonly followed = new Map<string, Followed>();
  private closed = false;

  constructor(options: DiscoveryOptions) {
    this.options = options;
    this.timing = options.timing ?? SYSTEM_TIMING;
  }

  /**
   * The group with the targets that it probes from now on. With a source, those are what the source gave last, or until its first good answer
   * what the group of this name probed before.
   */
  effective(group: Group, before: Group | undefined): Group {
    return isFollowed(group) ? this.derive(group, this.firstEntries(group, before)).group : group;
  }

  /** Follows a group that is in force now, in the place of what its name meant before. */
  follow(group: Group, before: Group | undefined): void {
    if (!isFollowed(group) || this.closed) {
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
    this.drop(group.name);
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
        apply: (found) => this.apply(followed, found),
      }),
    };
    this.followed.set(group.name, followed);
    followed.follower.start();
  }

  drop(name: string): void {
    this.followed.get(name)?.follower.close();
    this.followed.delete(name);
  }

  /** Undefined for a group whose targets are listed. `targets`: how many are in force. */
  status(name: string, targets: number): DiscoveryStatus | undefined {
    const followed = this.followed.get(name);
    if (followed?.group.from === undefined) return undefined;
    const { updatedAtMs, error, warnings, nextAtMs } = followed.follower;
    return {
      source: followed.group.from.kind,
      targets,
      updatedAt: isoTime(updatedAtMs),
      ageMs: updatedAtMs === null ? null : Math.max(0, this.timing.nowMs() - updatedAtMs),
      error,
      warnings,
      nextAt: isoTime(nextAtMs),
    };
  }

  /** Of the sources that fail, a line each. */
  failures(): string[] {
    return [...this.followed].flatMap(([name, { follower }]) =>
      follower.error === null ? [] : [`group ${name}: its targets are not up to date: ${follower.error}`],
    );
  }

  /** Ends everything; nothing is applied afterwards. */
  close(): void {
    this.closed = true;
    for (const name of [...this.followed.keys()]) this.drop(name);
  }

  private async apply(followed: Followed, entries: readonly Entry[]): Promise<readonly string[]> {
    const { name } = followed.group;
    let leftOut: readonly string[] = [];
    try {
      const make = (): Group | undefined => {
        if (this.followed.get(name) !== followed) return undefined;
        const derived = this.derive(followed.group, entries);
        leftOut = derived.leftOut;
        return derived.group;
      };
      await this.options.apply(name, make, () => {
        followed.follower.entries = entries;
      });
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
    const targets: Target[] = [];
    const leftOut: string[] = [];
    const seen = new Set<string>();
    let unreachable = 0;
    for (const entry of entries) {
      if (own?.has(entry.address)) continue;
      if (group.from !== undefined && !this.options.reachable(entry.family)) {
        unreachable++;
        continue;
      }
      const { address, family, tags } = entry;
      const target = { address, family, port: entry.port ?? group.port, tags };
      const key = `${address} ${target.port}`;
      if (seen.has(key)) leftOut.push(`found ${address} with port ${target.port} a second time; the first one counts`);
      else targets.push(target);
      seen.add(key);
    }
    if (unreachable > 0) leftOut.push(`${unreachable} IPv6 addresses are left out: this host has no IPv6`);
    const listed =
      group.from === undefined && targets.length < entries.length ? (group.listed ?? group.targets) : undefined;
    const { listed: _, ...rest } = group;
    return { group: { ...rest, targets, ...(listed === undefined ? {} : { listed }) }, leftOut };
  }

  private sourceOf(group: Group): Source {
    const { from } = group;
    if (from === undefined) {
      const answer = { entries: entriesOf(group), warnings: [] };
      return { ask: async () => answer };
    }
    return createSource(from, this.timing, this.options);
  }
}

function isFollowed(group: Group): boolean {
  return group.from !== undefined || group.skipSelf === true;
}

function keyOf(group: Group): string {
  return JSON.stringify(group.from ?? entriesOf(group));
}

/** The listed targets of a group, or those in force; the port only where it is not the group's, which may change. */
function entriesOf(group: Group): Entry[] {
  return (group.listed ?? group.targets).map(({ address, family, port, tags }) => ({
    address,
    family,
    port: port === group.port ? null : port,
    tags,
  }));
}

function isoTime(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
