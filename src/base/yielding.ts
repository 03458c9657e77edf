/**
 * Long work on a thread that also serves others: it yields to the event loop every few milliseconds. There are two ways
 * to yield.
 *
 * `yieldNow` continues in the next iteration of the event loop: for work that counts its items and must make progress
 * in every iteration. A `Breather` watches the clock, and all breathers together continue one in each iteration: for
 * answers, because hundreds may be in progress.
 */

import { setImmediate } from 'node:timers/promises';

const TURN_MS = 2;

/** Lets the event loop run once. */
export function yieldNow(): Promise<void> {
  return setImmediate();
}

/** Lets other work run when this work has taken long enough. Cheap to ask: the clock is read every 64th time. */
export class Breather {
  private sinceMs = performance.now();
  private asked = 0;

  /** True when it is time to `await breathe()`. */
  get due(): boolean {
    this.asked += 1;
    return (this.asked & 63) === 0 && this.dueNow;
  }

  /** The same for longer pieces of work: the clock is read every time. */
  get dueNow(): boolean {
    return performance.now() - this.sinceMs > TURN_MS;
  }

  async breathe(): Promise<void> {
    await nextTurn();
    this.sinceMs = performance.now();
  }
}

/** Runs work written as a generator, without yielding. */
export function atOnce<Result>(work: Generator<void, Result>): Result {
  let step = work.next();
  while (step.done !== true) step = work.next();
  return step.value;
}

/** Runs work written as a generator, and lets other work run at each yield. */
export async function inTurns<Result>(work: Generator<void, Result>, pause = yieldNow): Promise<Result> {
  let step = work.next();
  for (; step.done !== true; step = work.next()) await pause();
  return step.value;
}

const waiting: (() => void)[] = [];

/**
 * One breather continues in each iteration of the event loop: the short slices of a hundred answers must not add up to
 * a long one.
 */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    if (waiting.length === 1) startNext();
  });
}

function startNext(): void {
  // An immediate that is set by an immediate runs in the next iteration.
  globalThis.setImmediate(() => {
    const resolve = waiting.shift();
    if (waiting.length > 0) startNext();
    resolve?.();
  });
}
