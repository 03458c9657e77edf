/**
 * Counts the clock epochs of each collector's intervals, and remembers where its last interval was. Kept over restarts,
 * with the cursors. A collector that restarts without memory of the process before begins with epoch 0 again, as
 * another incarnation. Its intervals are different ones, even if they end at the same times. An epoch here grows in the
 * order in which intervals were closed.
 */

import { isRecord } from '../../config/files/problems.js';
import { isCount } from './answer.js';
import type { CollectedInterval } from './types.js';

/** For one collector; the oldest are forgotten. */
const MOST_EPOCHS = 16;

/** The last interval that is safe. */
interface LastInterval {
  readonly incarnation: number | undefined;
  readonly endMs: number;
  /** How far that was ahead of this process's steady clock, ms. */
  readonly aheadMs: number;
}

interface Known {
  /** The greatest epoch; -1 before the first. */
  newest: number;
  /** Counts the restarts of a collector that reports no incarnation. */
  beginnings: number;
  /** Each as `INCARNATION CLOCKEPOCH`, with the epoch here. */
  readonly epochs: Map<string, number>;
  last: LastInterval | undefined;
}

export class CollectorEpochs {
  private readonly byKey = new Map<string, Known>();

  /** `name`: of the collector, whatever its address. */
  of(name: string, { incarnation, clockEpoch = 0 }: Pick<CollectedInterval, 'incarnation' | 'clockEpoch'>): number {
    const known = this.known(name);
    const epoch = `${incarnation ?? known.beginnings} ${clockEpoch}`;
    const before = known.epochs.get(epoch);
    if (before !== undefined) return before;
    known.newest = Math.max(known.newest + 1, clockEpoch);
    known.epochs.set(epoch, known.newest);
    const [oldest] = known.epochs.keys();
    if (known.epochs.size > MOST_EPOCHS && oldest !== undefined) known.epochs.delete(oldest);
    return known.newest;
  }

  /** A collector that reports no incarnation forgets the intervals it reported before. */
  startOver(name: string): void {
    this.known(name).beginnings += 1;
  }

  /** An interval is safe. `key` names a collector at its address. */
  moved(key: string, { incarnation, endMs, aheadMs = 0 }: CollectedInterval): void {
    this.known(key).last = { incarnation, endMs, aheadMs };
  }

  last(key: string): LastInterval | undefined {
    return this.byKey.get(key)?.last;
  }

  toJSON(): unknown {
    return Object.fromEntries(
      [...this.byKey].map(([key, { newest, beginnings, epochs, last = null }]) => [
        key,
        { newest, beginnings, epochs: Object.fromEntries(epochs), last },
      ]),
    );
  }

  /** Restores the output of `toJSON`. Returns false, and starts empty, when the content has another shape. */
  restore(content: unknown): boolean {
    if (!isRecord(content)) return false;
    for (const [key, value] of Object.entries(content)) {
      if (!isKept(value)) return false;
      const { newest, beginnings, epochs, last } = value;
      this.byKey.set(key, {
        ...{ newest, beginnings, epochs: new Map(Object.entries(epochs)) },
        last: last === null ? undefined : { ...last, incarnation: last.incarnation },
      });
    }
    return true;
  }

  private known(key: string): Known {
    const known = this.byKey.get(key) ?? { newest: -1, beginnings: 0, epochs: new Map(), last: undefined };
    this.byKey.set(key, known);
    return known;
  }
}

interface Kept {
  readonly newest: number;
  readonly beginnings: number;
  readonly epochs: Readonly<Record<string, number>>;
  readonly last: LastInterval | null;
}

function isKept(value: unknown): value is Kept {
  if (!isRecord(value)) return false;
  const { newest, beginnings, epochs, last } = value;
  if (!Number.isSafeInteger(newest) || !isCount(beginnings)) return false;
  if (!isRecord(epochs) || !Object.values(epochs).every(isCount)) return false;
  if (last === null) return true;
  if (!isRecord(last) || !isCount(last.endMs) || !Number.isSafeInteger(last.aheadMs)) return false;
  return last.incarnation === undefined || isCount(last.incarnation);
}
