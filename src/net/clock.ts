/**
 * The collector's time line: nanoseconds, as a double, that run with CLOCK_MONOTONIC. It starts at the CLOCK_REALTIME
 * of the process start, counted from a whole second. So a step of the wall clock never bends the line, and one
 * subtraction converts a kernel stamp (CLOCK_REALTIME) to it.
 */

import { CLOCK_MONOTONIC, CLOCK_REALTIME } from './constants.js';
import { libc } from './libc.js';
import { NativeMemory } from './memory.js';

const NS_PER_S = 1_000_000_000;

/** The origin of the line; the same for all threads of a process. */
export interface TimeBase {
  /** Whole second of CLOCK_REALTIME that times are counted from. */
  readonly epochS: number;
  /** Subtracted from CLOCK_MONOTONIC (ns since boot) to get the time line. */
  readonly monotonicBaseNs: number;
  /** For tests: a simulated step of CLOCK_REALTIME, in whole seconds (`InjectedStep`). */
  readonly injected?: SharedArrayBuffer;
}

/**
 * For tests: a step of the wall clock for all threads of one process, in every reading of CLOCK_REALTIME and in the
 * kernel's stamps. The machine's clock stays unchanged.
 */
export class InjectedStep {
  readonly memory: SharedArrayBuffer;
  private readonly seconds: Float64Array;

  constructor(memory = new SharedArrayBuffer(Float64Array.BYTES_PER_ELEMENT)) {
    this.memory = memory;
    this.seconds = new Float64Array(memory);
  }

  /** Whole seconds by which CLOCK_REALTIME is simulated to be ahead of the machine's. */
  get aheadS(): number {
    return this.seconds[0];
  }

  set aheadS(seconds: number) {
    this.seconds[0] = seconds;
  }
}

/** A reading of both clocks. Logic takes this as an argument, so that tests can pass their own clock. */
export interface Clock {
  readonly timeBase: TimeBase;
  /** Now, on the time line, ns. */
  nowNs(): number;
  /** (CLOCK_REALTIME - epoch second) minus the time line, ns: 0 at start, changed by steps of the wall clock only. */
  wallOffsetNs(): number;
  /** Uncertainty of the last `wallOffsetNs`: the time between the two readings of CLOCK_MONOTONIC around it. */
  readonly wallOffsetErrorNs: number;
}

/** A reading of both clocks with a longer delay of the thread is repeated. */
const HELD_UP_NS = 5_000;
const TRIES = 3;

/** The machine's clocks: 60 ns a reading. */
export class SystemClock implements Clock {
  readonly timeBase: TimeBase;
  wallOffsetErrorNs = 0;
  private readonly memory = new NativeMemory(16);
  /** The base in two parts: after 104 days of uptime, nanoseconds since boot are no longer exact in a double. */
  private readonly baseS: number;
  private readonly baseNs: number;

  constructor(timeBase?: TimeBase) {
    this.timeBase = timeBase ?? this.startOfLine();
    this.baseS = Math.floor(this.timeBase.monotonicBaseNs / NS_PER_S);
    this.baseNs = this.timeBase.monotonicBaseNs - this.baseS * NS_PER_S;
  }

  nowNs(): number {
    return this.read(CLOCK_MONOTONIC, this.baseS) - this.baseNs;
  }

  wallOffsetNs(): number {
    let offset = 0;
    let error = Number.POSITIVE_INFINITY;
    for (let i = 0; i < TRIES && error > HELD_UP_NS; i++) {
      const before = this.nowNs();
      const wall = this.read(CLOCK_REALTIME, this.timeBase.epochS);
      const after = this.nowNs();
      if (after - before >= error) continue;
      error = after - before;
      offset = wall - (before + after) / 2;
    }
    this.wallOffsetErrorNs = error;
    return offset;
  }

  /** CLOCK_REALTIME now, ns since the epoch second. */
  wallNs(): number {
    return this.read(CLOCK_REALTIME, this.timeBase.epochS);
  }

  private read(clock: number, fromS: number): number {
    libc.clock_gettime(clock, this.memory.address);
    return (this.memory.u32[0] - fromS) * NS_PER_S + this.memory.u32[2];
  }

  private startOfLine(): TimeBase {
    libc.clock_gettime(CLOCK_REALTIME, this.memory.address);
    const epochS = this.memory.u32[0];
    const wallNs = this.memory.u32[2];
    return { epochS, monotonicBaseNs: this.read(CLOCK_MONOTONIC, 0) - wallNs };
  }
}

/** A time line that starts now, optionally with a step for tests. */
export function timeBaseNow(step?: InjectedStep): TimeBase {
  const { timeBase } = new SystemClock();
  if (step === undefined) return timeBase;
  // As if the clock had been ahead before: the line starts at the simulated time.
  return { ...timeBase, epochS: timeBase.epochS + step.aheadS, injected: step.memory };
}

export function systemClock(timeBase?: TimeBase): SystemClock {
  return new SystemClock(timeBase?.injected === undefined ? timeBase : stepped(timeBase, timeBase.injected));
}

/**
 * For tests. The clock readings and the kernel's stamps are fixed, but the second that they are counted from can be
 * changed. That looks like a step of CLOCK_REALTIME.
 */
function stepped({ epochS, monotonicBaseNs }: TimeBase, injected: SharedArrayBuffer): TimeBase {
  const step = new InjectedStep(injected);
  return {
    get epochS(): number {
      return epochS - step.aheadS;
    },
    monotonicBaseNs,
  };
}
