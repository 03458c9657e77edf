/**
 * Lets a bounded number of requests be under way at a time, first come, first served. One that takes long keeps its connection but not its
 * place: collectors that hang or drip must not keep the others from being asked.
 */

import type { Timing } from '../discovery/source.js';

/** A place is given back after this, done or not. */
const LONGEST_HOLD_MS = 1_000;

export class Gate {
  private readonly limit: number;
  private readonly timing: Timing;
  private held = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(limit: number, timing: Timing) {
    this.limit = limit;
    this.timing = timing;
  }

  /** Runs `work` when a place is free. Rejects with the signal's reason when it is aborted before. */
  async run<Result>(work: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
    await this.enter(signal);
    let inside = true;
    const leave = (): void => {
      if (inside) this.leave();
      inside = false;
    };
    const cancel = this.timing.after(LONGEST_HOLD_MS, leave);
    try {
      return await work();
    } finally {
      cancel();
      leave();
    }
  }

  private enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.held < this.limit) {
      this.held += 1;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const enter = (): void => {
        signal.removeEventListener('abort', give);
        resolve();
      };
      const give = (): void => {
        this.waiting.splice(this.waiting.indexOf(enter), 1);
        reject(signal.reason);
      };
      signal.addEventListener('abort', give, { once: true });
      this.waiting.push(enter);
    });
  }

  /** The place goes to the first of those that wait, or is free. */
  private leave(): void {
    const next = this.waiting.shift();
    if (next === undefined) this.held -= 1;
    else next();
  }
}
