/**
 * The polled collectors: from the list, or from a source. Creates and ends pollers; a collector that stays is not
 * affected by changes of others.
 */

import type { Logger } from 'pino';
import type { Timing } from '../../base/timing.js';
import type { CollectorAddress, CollectorList } from '../../config/scraper/types.js';
import type { CollectorSourceState, CollectorState, ScraperReloadReport } from '../../contract/scraperStatus.js';
import { formatEndpoint } from '../../net/endpoint.js';
import { createSource, type SourceTools } from '../../targets/create.js';
import { Follower } from '../../targets/follower.js';
import type { Entry } from '../../targets/source.js';
import { TargetParser } from '../../targets/targetParser.js';
import { isoTime } from './collectorStatus.js';
import { Poller, type PollerTools } from './poller.js';

interface FleetOptions {
  readonly poller: PollerTools;
  readonly source: SourceTools;
}

type FollowedList = Extract<CollectorList, { kind: 'followed' }>;
/** URLs. */
export type FleetChange = Pick<ScraperReloadReport, 'added' | 'changed' | 'removed'>;

interface Member {
  readonly address: CollectorAddress;
  /** Undefined until the one before it at this URL has ended. */
  poller: Poller | undefined;
  ended: boolean;
}

export class Fleet {
  private readonly options: FleetOptions;
  private readonly timing: Timing;
  private readonly logger: Logger;
  private readonly parser = new TargetParser();
  private readonly members = new Map<string, Member>();
  /** Ends of pollers that are no members any more. */
  private readonly leaving = new Map<string, Promise<void>>();
  private list: CollectorList | undefined;
  private follower: Follower | undefined;
  private closed = false;

  constructor(options: FleetOptions) {
    this.options = options;
    this.timing = options.poller.timing;
    this.logger = options.poller.logger;
  }

  get size(): number {
    return this.members.size;
  }

  /**
   * Polls the collectors of a list. With a source: the collectors of its last good answer, or the previous ones until
   * its first good answer.
   */
  follow(list: CollectorList): FleetChange {
    const before = this.list;
    this.list = list;
    if (list.kind === 'listed') {
      this.follower?.close();
      this.follower = undefined;
      return this.sync(list.collectors);
    }
    if (before?.kind === 'followed' && this.follower !== undefined && sourceKey(before) === sourceKey(list)) {
      this.follower.askNow();
      // The source is the same, but how its collectors are asked may not be.
      return this.sync(addressesOf(list, this.follower.entries));
    }
    this.follower?.close();
    this.follower = this.startFollower(list);
    return { added: [], changed: [], removed: [] };
  }

  states(): CollectorState[] {
    return [...this.members.values()].flatMap(({ poller }) => (poller === undefined ? [] : [poller.state()]));
  }

  pollers(): Poller[] {
    return [...this.members.values()].flatMap(({ poller }) => poller ?? []);
  }

  sourceState(): CollectorSourceState | null {
    if (this.list?.kind !== 'followed' || this.follower === undefined) return null;
    const { updatedAtMs, error, warnings, nextAtMs } = this.follower;
    const aheadMs = this.options.poller.clockAheadMs?.() ?? 0;
    return {
      source: this.list.from.kind,
      collectors: this.members.size,
      updatedAt: updatedAtMs === null ? null : isoTime(updatedAtMs + aheadMs),
      ageMs: updatedAtMs === null ? null : Math.max(0, this.timing.nowMs() - updatedAtMs),
      error,
      warnings,
      nextAt: nextAtMs === null ? null : isoTime(nextAtMs + aheadMs),
    };
  }

  /** Resolves when no poller does anything any more. */
  async close(): Promise<void> {
    this.closed = true;
    this.follower?.close();
    for (const url of [...this.members.keys()]) this.remove(url);
    await Promise.all([...this.leaving.values(), this.parser.close()]);
  }

  private sync(addresses: readonly CollectorAddress[]): FleetChange {
    if (this.closed) return { added: [], changed: [], removed: [] };
    const wanted = new Map(addresses.map((address) => [address.url, address]));
    const removed = [...this.members.keys()].filter((url) => !wanted.has(url));
    const added: string[] = [];
    const changed: string[] = [];
    for (const [url, address] of wanted) {
      const member = this.members.get(url);
      if (member === undefined) added.push(url);
      else if (JSON.stringify(member.address) !== JSON.stringify(address)) changed.push(url);
    }
    for (const url of [...removed, ...changed]) this.remove(url);
    for (const url of [...added, ...changed]) this.add(wanted.get(url) as CollectorAddress);
    return { added, changed, removed };
  }

  /** Starts when the last poller of this URL has ended: the new one continues from its cursor. */
  private add(address: CollectorAddress): void {
    const member: Member = { address, poller: undefined, ended: false };
    this.members.set(address.url, member);
    const start = (): void => {
      if (!member.ended) member.poller = new Poller(address, this.options.poller);
    };
    const leaving = this.leaving.get(address.url);
    if (leaving === undefined) start();
    else void leaving.then(start);
  }

  private remove(url: string): void {
    const member = this.members.get(url);
    if (member === undefined) return;
    this.members.delete(url);
    member.ended = true;
    if (member.poller === undefined) return;
    const gone = member.poller.close().then(() => {
      if (this.leaving.get(url) === gone) this.leaving.delete(url);
    });
    this.leaving.set(url, gone);
  }

  private startFollower(list: FollowedList): Follower {
    const follower: Follower = new Follower({
      source: createSource(list.from, this.timing, this.parser, this.options.source),
      timing: this.timing,
      logger: this.logger,
      refreshMs: list.from.refreshMs,
      allowEmpty: list.from.allowEmpty,
      subject: 'collectors',
      entries: [],
      apply: async (entries) => {
        if (this.follower !== follower || this.list?.kind !== 'followed') return [];
        follower.entries = entries;
        const change = this.sync(addressesOf(this.list, entries));
        if (change.added.length + change.removed.length > 0) this.logger.info(change, 'collectors changed');
        return [];
      },
    });
    // Not before it is in force: a source may answer at once.
    queueMicrotask(() => {
      if (this.follower === follower) follower.start();
    });
    return follower;
  }
}

function sourceKey({ from }: FollowedList): string {
  return JSON.stringify(from);
}

function addressesOf({ scheme, port, access }: FollowedList, entries: readonly Entry[]): CollectorAddress[] {
  return entries.map((entry) => ({
    url: `${scheme}://${formatEndpoint({ address: entry.address, port: entry.port ?? port })}`,
    ...access,
  }));
}
