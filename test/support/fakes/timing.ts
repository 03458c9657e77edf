/** A clock that tests move by hand, with timers that run when they are due. */

import type { Timing } from '../../../src/base/timing.js';

interface Timer {
  readonly atMs: number;
  readonly run: () => void;
}

export class FakeTiming implements Timing {
  now = 1_000_000;
  chance = 0;
  readonly timers = new Set<Timer>();

  nowMs(): number {
    return this.now;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { atMs: this.now + ms, run };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }

  random(): number {
    return this.chance;
  }

  /** How long until the next timer; undefined when there is none. */
  get waitMs(): number | undefined {
    const times = [...this.timers].map(({ atMs }) => atMs - this.now);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** Moves to the next timer, runs it, and lets what it started go on. */
  async next(): Promise<void> {
    const timer = [...this.timers].sort((a, b) => a.atMs - b.atMs)[0];
    if (timer === undefined) throw new Error('there is no timer');
    this.timers.delete(timer);
    this.now = timer.atMs;
    timer.run();
    await settled();
  }
}

/** Resolves when all that only waits for promises has gone on. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** What a promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
  throw new Error('it did not reject');
}

export const NEVER = new AbortController().signal;
