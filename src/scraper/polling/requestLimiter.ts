/**
 * Limits the number of concurrent requests, first come, first served. A slow request keeps its connection but loses its
 * slot: collectors that hang or trickle must not block requests to others.
 */

import { Admission } from '../../base/admission.js';
import type { Timing } from '../../base/timing.js';

/** A slot is released after this time, ms, whether the request is done or not. */
const LONGEST_HOLD_MS = 1_000;

export class Gate {
  private readonly admission: Admission;
  private readonly timing: Timing;

  constructor(limit: number, timing: Timing) {
    this.admission = new Admission(limit);
    this.timing = timing;
  }

  /** Runs `work` when a slot is free. Rejects with the signal's reason when aborted before. */
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
