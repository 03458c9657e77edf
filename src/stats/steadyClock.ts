/**
 * Epoch milliseconds that no step of the wall clock bends: the wall clock's at the start, and from then on by CLOCK_MONOTONIC. What is held in
 * memory is ordered and aged by it; `aheadMs` turns its times into those of the wall clock, which a step corrects for all of them.
 *
 * Both clocks are slewed alike, so the difference between them changes by steps only. A difference below `CLOCK_NOISE_MS` is a reading that was held up.
 */

/** Less than this is no step: both readings are whole milliseconds, and may be taken apart on a busy host. */
export const CLOCK_NOISE_MS = 10;

export interface Clocks {
  /** Epoch ms, as the host has it. */
  readonly wallMs: () => number;
  /** Milliseconds from any start, without steps. */
  readonly monotonicMs: () => number;
}

const SYSTEM: Clocks = { wallMs: Date.now, monotonicMs: () => performance.now() };

export class SteadyClock {
  private readonly clocks: Clocks;
  private readonly baseMs: number;
  private stepMs = 0;

  constructor(clocks: Partial<Clocks> = {}) {
    this.clocks = { ...SYSTEM, ...clocks };
    this.baseMs = this.clocks.wallMs() - this.clocks.monotonicMs();
  }

  /** Epoch ms, steadily. */
  nowMs(): number {
    return Math.round(this.baseMs + this.clocks.monotonicMs());
  }

  /** The wall clock less this one, ms: all that it was stepped by since the start; forwards is positive. */
  aheadMs(): number {
    const aheadMs = Math.round(this.clocks.wallMs() - this.clocks.monotonicMs() - this.baseMs);
    if (Math.abs(aheadMs - this.stepMs) >= CLOCK_NOISE_MS)
      this.stepMs = Math.abs(aheadMs) < CLOCK_NOISE_MS ? 0 : aheadMs;
    return this.stepMs;
  }

  /** Epoch ms, as the host has it. */
  wallMs(): number {
    return this.clocks.wallMs();
  }
}
