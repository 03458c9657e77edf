/**
 * Local addresses and interfaces that probes are sent from, where the prober must know them: the source of SYNs over IPv4 (their checksum is made here),
 * and the interface of a link-local target. Routes and interfaces change; they are looked up again from time to time.
 */

import { setImmediate as pause } from 'node:timers/promises';
import { type GroupPlan, localOf } from './plan.js';
import type { StreamInfo } from './results.js';

/** How soon a change of routes is noticed. Until then SYNs from an address that is gone are send errors, none is sent with a wrong checksum. */
export const LOOK_EVERY_MS = 5_000;
const CHUNK = 200;

export interface LocalChange {
  readonly plan: GroupPlan;
  readonly changed: readonly StreamInfo[];
  readonly locals: readonly number[];
}

export class LocalAddresses {
  /** As last told to the probers, by stream. */
  private readonly known = new Map<number, number>();
  private readonly sourceOf: (info: StreamInfo) => string;

  constructor(sourceOf: (info: StreamInfo) => string) {
    this.sourceOf = sourceOf;
  }

  /** What is different from what the streams of a plan were made with, or from the last look; undefined: nothing. */
  async look(plan: GroupPlan): Promise<LocalChange | undefined> {
    if (!plan.streams.some(depends)) return undefined;
    const streams: StreamInfo[] = [];
    const changed: StreamInfo[] = [];
    const locals: number[] = [];
    for (const [i, info] of plan.streams.entries()) {
      if (i % CHUNK === CHUNK - 1) await pause();
      if (!depends(info)) {
        streams.push(info);
        continue;
      }
      const source = this.sourceOf(info);
      const now = source === info.source ? info : { ...info, source };
      const local = localOf(now);
      const before = this.known.get(info.id) ?? localOf(info);
      this.known.set(info.id, local);
      streams.push(now);
      if (now === info && local === before) continue;
      changed.push(now);
      locals.push(local);
    }
    return changed.length === 0 ? undefined : { plan: { ...plan, streams }, changed, locals };
  }

  /** The numbers mean other streams from now on. */
  forget(infos: readonly StreamInfo[]): void {
    for (const { id } of infos) this.known.delete(id);
  }
}

const depends = ({ group, target }: StreamInfo): boolean =>
  (group.protocol === 'tcp-syn' && target.family === 4) || target.address.includes('%');
