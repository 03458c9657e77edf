/**
 * The local address that probes leave from, and the interface of a link-local target. Routes and addresses change, and
 * a host may have neither when the collector starts, so both are looked up periodically. Rows show the address. The
 * prober needs it for checksums over it (SYNs over IPv4), and needs the interface's index for the socket address.
 */

import { yieldNow } from '../../base/yielding.js';
import type { StreamInfo } from '../results/results.js';
import { type GroupPlan, localOf } from './plan.js';

/** Some 3 us each. */
const CHUNK = 200;

export interface LocalChange {
  readonly plan: GroupPlan;
  /** Streams with another source, or another value of `StreamTable.locals`. */
  readonly changed: readonly StreamInfo[];
  /**
   * Streams to announce to the probers, even if they may know the value already, and their new value of
   * `StreamTable.locals`.
   */
  readonly moved: readonly StreamInfo[];
  readonly locals: readonly number[];
}

/** The local address towards the target of a stream; undefined when there is no route now. */
type SourceOf = (info: Pick<StreamInfo, 'group' | 'target'>) => string | undefined;

export class LocalAddresses {
  /** Last announced to the probers, by stream. */
  private readonly known = new Map<number, number>();
  private readonly sourceOf: SourceOf;

  constructor(sourceOf: SourceOf) {
    this.sourceOf = sourceOf;
  }

  /**
   * The differences from the last look, or from the start of the streams; undefined without any. A stream without a
   * route keeps its source.
   */
  async look(plan: GroupPlan): Promise<LocalChange | undefined> {
    const streams: StreamInfo[] = [];
    const changed: StreamInfo[] = [];
    const moved: StreamInfo[] = [];
    const locals: number[] = [];
    /** The classes of a target leave from one address. */
    const sources = new Map<string, string | undefined>();
    for (const [i, info] of plan.streams.entries()) {
      if (i % CHUNK === CHUNK - 1) await yieldNow();
      const { address } = info.target;
      if (!sources.has(address)) sources.set(address, this.sourceOf(info));
      const source = sources.get(address) ?? info.source;
      const now = source === info.source ? info : { ...info, source };
      streams.push(now);
      const move = this.moveOf(info, now);
      if (move !== 'none') {
        moved.push(now);
        locals.push(localOf(now));
      }
      if (move === 'moved' || now !== info) changed.push(now);
    }
    return changed.length + moved.length === 0 ? undefined : { plan: { ...plan, streams }, changed, moved, locals };
  }

  /** The numbers mean other streams from now on. */
  forget(infos: readonly StreamInfo[]): void {
    for (const { id } of infos) this.known.delete(id);
  }

  /**
   * `unknown` at the first check of a link-local target: its interface may have been recreated since its streams began,
   * and the index that the probers got then is not recorded.
   */
  private moveOf(before: StreamInfo, now: StreamInfo): 'none' | 'moved' | 'unknown' {
    if (!isTold(now)) return 'none';
    const local = localOf(now);
    const told = this.known.get(now.id) ?? (isLinkLocal(now) ? undefined : localOf(before));
    this.known.set(now.id, local);
    if (told === undefined) return 'unknown';
    return local === told ? 'none' : 'moved';
  }
}

const isLinkLocal = ({ target }: StreamInfo): boolean => target.address.includes('%');

/** Whether the prober knows the address or interface of a stream. */
const isTold = (info: StreamInfo): boolean =>
  (info.group.protocol === 'tcp-syn' && info.target.family === 4) || isLinkLocal(info);
