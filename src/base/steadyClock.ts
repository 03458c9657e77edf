/**
 * Epoch milliseconds that no step of the wall clock bends: the wall clock's at the start, and from then on by CLOCK_MONOTONIC. What is held in
 * memory is ordered and aged by it; `aheadMs` turns its times into those of the wall clock, which a step corrects for all of them.
 *
 * Both clocks are slewed alike, so the difference between them changes by steps only. A difference below `CLOCK_NOISE_MS` is a reading that was held up.
 */

import { formatDuration, MS_PER_S, msToNs } from './units.js';

/** Less than this is no step: both readings are whole milliseconds, and may be taken apart on a busy host. */
export const CLOCK_NOISE_MS = 10;

/** A reading of both clocks in which the thread was held up for longer is tried again. */
const HELD_UP_MS = 2;
const TRIES = 3;

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
    this.baseMs = this.readBase();
  }

  /** Epoch ms, steadily. */
  nowMs(): number {
    return Math.round(this.baseMs + this.clocks.monotonicMs());
  }

  /**
   * The wall clock less this one, ms: all that it was stepped by since the start; forwards is positive. While every reading of both clocks is
   * held up, it is what it was.
   */
  aheadMs(): number {
    const { clocks } = this;
    for (let i = 0; i < TRIES; i++) {
      const beforeMs = clocks.monotonicMs();
      const wallMs = clocks.wallMs();
      const afterMs = clocks.monotonicMs();
      if (afterMs - beforeMs > HELD_UP_MS) continue;
      const aheadMs = Math.round(wallMs - (beforeMs + afterMs) / 2 - this.baseMs);
      if (Math.abs(aheadMs - this.stepMs) >= CLOCK_NOISE_MS)
        this.stepMs = Math.abs(aheadMs) < CLOCK_NOISE_MS ? 0 : aheadMs;
      break;
    }
    return this.stepMs;
  }

  /** Of several readings the one that was held up least: every later step is told by it. */
  private readBase(): number {
    let [base, least] = [0, Number.POSITIVE_INFINITY];
    for (let i = 0; i < TRIES && least > 0; i++) {
      const beforeMs = this.clocks.monotonicMs();
      const wallMs = this.clocks.wallMs();
      const afterMs = this.clocks.monotonicMs();
      if (afterMs - beforeMs >= least) continue;
      least = afterMs - beforeMs;
      base = wallMs - (beforeMs + afterMs) / 2;
    }
    return base;
  }

  /** Epoch ms, as the host has it. */
  wallMs(): number {
    return this.clocks.wallMs();
  }
}

/** `2h ahead`, `90s behind`. */
export function offText(aheadMs: number): string {
  const ms = Math.abs(aheadMs);
  // Of a step of seconds its milliseconds say nothing.
  const shownMs = ms < MS_PER_S ? ms : Math.round(ms / MS_PER_S) * MS_PER_S;
  return `${formatDuration(msToNs(shownMs))} ${aheadMs < 0 ? 'behind' : 'ahead'}`;
}
