/** Clocks for tests. */

import type { Clock, TimeBase } from '../../../src/net/clock.js';
import { SystemClock } from '../../../src/net/clock.js';

/** A clock that goes only when told to. */
export class ManualClock implements Clock {
  readonly timeBase: TimeBase = { epochS: 1_700_000_000, monotonicBaseNs: 0 };
  readonly wallOffsetErrorNs = 100;
  offsetNs = 0;
  private ns: number;

  constructor(startNs = 1e9) {
    this.ns = startNs;
  }

  nowNs(): number {
    return this.ns;
  }

  wallOffsetNs(): number {
    return this.offsetNs;
  }

  advance(ns: number): void {
    this.ns += ns;
  }
}

/**
 * The machine's clock, whose wall clock can be stepped by whole seconds. The kernel's stamps can't be changed, but the second that they are
 * counted from can: that looks as if CLOCK_REALTIME were stepped before the stamps that are read from now on.
 */
export class SteppedClock implements Clock {
  timeBase: TimeBase;
  private readonly real = new SystemClock();
  private steppedS = 0;
  private skippedNs = 0;

  constructor() {
    this.timeBase = this.real.timeBase;
  }

  nowNs(): number {
    return this.real.nowNs() + this.skippedNs;
  }

  wallOffsetNs(): number {
    return this.real.wallOffsetNs() + this.steppedS * 1e9;
  }

  get wallOffsetErrorNs(): number {
    return this.real.wallOffsetErrorNs;
  }

  /** Skips time on both clocks, as if the machine had done nothing for so long. Stamps that the kernel makes afterwards are too early by it. */
  skip(ns: number): void {
    this.skippedNs += ns;
  }

  step(seconds: number): void {
    this.steppedS += seconds;
    this.timeBase = { ...this.timeBase, epochS: this.timeBase.epochS - seconds };
  }
}
