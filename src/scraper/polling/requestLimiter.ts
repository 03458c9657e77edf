/**
 * Lets a bounded number of requests be under way at a time, first come, first served. One that takes long keeps its connection but not its
 * place: collectors that hang or drip must not keep the others from being asked.
 */

import { Admission } from '../../base/admission.js';
import type { Timing } from '../../targets/source.js';

/** A place is given back after this, done or not. */
const LONGEST_HOLD_MS = 1_000;

export class Gate {
  private readonly admission: Admission;
  private readonly timing: Timing;

  constructor(limit: number, timing: Timing) {
    this.admission = new Admission(limit);
    this.timing = timing;
  }

  /** Runs `work` when a place is free. Rejects with the signal's reason when it is aborted before. */
  async run<Result>(work: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
    await this.admission.enter(1, signal);
    let inside = true;
    const leave = (): void => {
      if (inside) this.admission.change(-1);
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
}
