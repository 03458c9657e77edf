/**
 * Tells dead targets from dead flows when a target answers none of its paths. A stale NAT or conntrack entry, or a path
 * that ECMP pins, loses every packet of a flow for ever, while any other flow gets through. A reply to one probe from a
 * fresh port proves that. Silence or an ICMP error proves nothing about this host: the target or the network may be
 * down. The results report that with the reason, so there is no warning.
 */

import { LlamaError } from '../../base/errors.js';
import { MS_PER_S } from '../../base/units.js';
import type { FreshProbeStatus } from '../../contract/collectorStatus.js';
import { formatEndpoint } from '../../net/endpoint.js';
import { type IntervalReport, PATH_COLUMNS, type PathColumn } from '../../threads/messages.js';
import type { StreamInfo } from '../results/results.js';
import type { FreshProber } from './freshProber.js';

/** An address is asked at most this often, by all groups and ports together. */
export const ASK_EVERY_MS = 10 * MS_PER_S;
const LOOK_EVERY_MS = MS_PER_S;
/** A target is forgotten when no interval has reported it for two of its periods plus this time. */
const FORGET_MS = 60 * MS_PER_S;
/** Most targets that are watched at a time; more are probed when others are finished. */
export const MOST_WATCHED = 1_000;
/** Most targets in the status. */
const MOST_TOLD = 100;

interface Watched {
  info: StreamInfo;
  seenMs: number;
  askedMs: number;
  asking: boolean;
  /** When the last fresh probe was decided, epoch ms; undefined before the first. */
  decidedMs: number | undefined;
  /** Whether any fresh probe was answered. */
  answered: boolean;
}

interface StaleFlowsOptions {
  readonly ask: Pick<FreshProber, 'free' | 'ask'>;
  /** A clock that no step moves, epoch ms. */
  readonly nowMs: () => number;
  /** Advice to an operator about dead flows. */
  readonly remedy: string;
  /** Interval of the checks for due targets. */
  readonly lookEveryMs?: number;
}

const column = (name: PathColumn): number => PATH_COLUMNS.indexOf(name);
const [SENT, RECEIVED, LOST] = (['sent', 'received', 'lost'] as const).map(column);

export class StaleFlows {
  private readonly options: StaleFlowsOptions;
  private readonly watched = new Map<string, Watched>();
  /**
   * When an address was last asked; kept when its targets are forgotten, so that no change of groups makes it asked
   * sooner.
   */
  private readonly askedMs = new Map<string, number>();
  private readonly timer: NodeJS.Timeout;

  constructor(options: StaleFlowsOptions) {
    this.options = options;
    this.timer = setInterval(() => this.look(), options.lookEveryMs ?? LOOK_EVERY_MS);
    this.timer.unref();
  }

  /** Processes an interval: a target with loss on all classes and ports is watched, one that answered is not. */
  interval({ rowCounters }: Pick<IntervalReport, 'rowCounters'>, infos: readonly StreamInfo[]): void {
    const nowMs = this.options.nowMs();
    const width = PATH_COLUMNS.length;
    const lost = new Map<string, StreamInfo>();
    let lossy = this.watched.size > 0;
    for (let row = 0; row < infos.length && !lossy; row++) lossy = rowCounters[row * width + LOST] > 0;
    if (!lossy) return;
    const answered = new Set<string>();
    for (const [row, info] of infos.entries()) {
      const at = row * width;
      if (rowCounters[at + RECEIVED] > 0) answered.add(keyOf(info));
      else if (rowCounters[at + SENT] > 0 && rowCounters[at + LOST] === rowCounters[at + SENT])
        lost.set(keyOf(info), info);
    }
    for (const key of answered) {
      lost.delete(key);
      this.watched.delete(key);
    }
    for (const [key, info] of lost) this.watch(key, info, nowMs);
    for (const [key, { seenMs, info }] of this.watched)
      if (nowMs - seenMs > FORGET_MS + (2 * info.group.periodNs) / 1e6) this.watched.delete(key);
  }

  /** The group is not probed any more. */
  forget(group: string): void {
    for (const [key, { info }] of this.watched) if (info.group.name === group) this.watched.delete(key);
  }

  warnings(): string[] {
    const dead = [...this.watched.values()].filter(({ answered }) => answered);
    return said(
      dead,
      `no answer on any source port, but one on a fresh port: these flows are dead, by a stale NAT or conntrack entry or a path that drops them; ${this.options.remedy}`,
    );
  }

  /** The targets that were asked and are still silent on all paths, at most `MOST_TOLD`; the answered ones first. */
  status(): FreshProbeStatus[] {
    return [...this.watched.values()]
      .flatMap(({ info, answered, decidedMs }) =>
        decidedMs === undefined ? [] : [{ group: info.group.name, target: textOf(info), answered, decidedMs }],
      )
      .sort((a, b) => Number(b.answered) - Number(a.answered))
      .slice(0, MOST_TOLD);
  }

  close(): void {
    clearInterval(this.timer);
    this.watched.clear();
  }

  private watch(key: string, info: StreamInfo, nowMs: number): void {
    const known = this.watched.get(key);
    if (known !== undefined) {
      known.info = info;
      known.seenMs = nowMs;
    } else if (this.watched.size < MOST_WATCHED) {
      const never = Number.NEGATIVE_INFINITY;
      this.watched.set(key, {
        info,
        seenMs: nowMs,
        askedMs: never,
        asking: false,
        decidedMs: undefined,
        answered: false,
      });
    }
  }

  /** Asks the targets that were not asked for the longest time, as many as may be under way. The timer calls it. */
  look(): void {
    const { ask, nowMs } = this.options;
    const now = nowMs();
    for (const [address, askedMs] of this.askedMs) if (now - askedMs >= ASK_EVERY_MS) this.askedMs.delete(address);
    const longestFirst = [...this.watched.values()].sort((a, b) => a.askedMs - b.askedMs);
    for (const one of longestFirst) {
      if (ask.free === 0) return;
      const { address } = one.info.target;
      if (one.asking || this.askedMs.has(address)) continue;
      this.askedMs.set(address, now);
      void this.askOf(one, now);
    }
  }

  private async askOf(one: Watched, nowMs: number): Promise<void> {
    one.asking = true;
    one.askedMs = nowMs;
    try {
      one.answered = (await this.options.ask.ask(one.info)) || one.answered;
      one.decidedMs = this.options.nowMs();
    } catch (error) {
      // No port, no address or no files: no probe was sent. The warnings about source ports report it.
      if (!(error instanceof LlamaError)) throw error;
    } finally {
      one.asking = false;
    }
  }
}

const keyOf = ({ group, target }: StreamInfo): string => `${group.name} ${target.address} ${target.port}`;

function said(watched: readonly Watched[], what: string): string[] {
  if (watched.length === 0) return [];
  const [{ info }] = watched;
  const some = watched.length === 1 ? '' : `${watched.length} targets, such as `;
  return [`${some}${textOf(info)} of ${info.group.name}: ${what}`];
}

const textOf = ({ group, target }: StreamInfo): string =>
  group.protocol === 'icmp' ? target.address : formatEndpoint(target);
