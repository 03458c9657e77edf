/**
 * Epoch milliseconds that are unaffected by steps of the wall clock: its time at the start, continued by
 * CLOCK_MONOTONIC. Data in memory is ordered and aged by it. `aheadMs` converts its times to those of the wall clock,
 * and a step corrects all of them.
 *
 * Both clocks are slewed alike, so their difference changes by steps only. A difference below `CLOCK_NOISE_MS` is due
 * to a delayed reading.
 */

import { formatDuration, MS_PER_S, msToNs } from './units.js';

/** A smaller difference is not a step: both readings are whole milliseconds, and may be taken apart on a busy host. */
export const CLOCK_NOISE_MS = 10;

/** A reading of both clocks with a longer delay of the thread is repeated. */
const HELD_UP_MS = 2;
const TRIES = 3;

interface Clocks {
  /** Epoch ms of the host. */
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

  /** Epoch ms, without steps. */
  nowMs(): number {
    return Math.round(this.baseMs + this.clocks.monotonicMs());
  }

  /**
   * The wall clock minus this one, ms: the sum of its steps since the start; forwards is positive. The last value while
   * every reading of both clocks is delayed.
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

  /** The least delayed of several readings: every later step is measured against it. */
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

  /** Epoch ms of the host. */
  wallMs(): number {
    return this.clocks.wallMs();
  }
}

/** `2h ahead`, `90s behind`. */
export function offText(aheadMs: number): string {
  const ms = Math.abs(aheadMs);
  // Milliseconds are irrelevant in a step of seconds.
  const shownMs = ms < MS_PER_S ? ms : Math.round(ms / MS_PER_S) * MS_PER_S;
  return `${formatDuration(msToNs(shownMs))} ${aheadMs < 0 ? 'behind' : 'ahead'}`;
}
