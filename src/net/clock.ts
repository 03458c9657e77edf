/**
 * The collector's time line: nanoseconds, as a double, that run with CLOCK_MONOTONIC and start at what CLOCK_REALTIME said at
 * the start of the process, counted from a whole second. So a step of the wall clock never bends the line,
 * and a kernel stamp (CLOCK_REALTIME) gets on it by one subtraction.
 */

/** Where the line starts; the same for all threads of a process. */
export interface TimeBase {
  /** Whole second of CLOCK_REALTIME that times are counted from. */
  readonly epochS: number;
  /** Subtracted from CLOCK_MONOTONIC (ns since boot) to get on the time line. */
  readonly monotonicBaseNs: number;
}

/** A reading of both clocks. Logic takes this as an argument, so that tests pass a clock of their own. */
export interface Clock {
  readonly timeBase: TimeBase;
  /** Now, on the time line, ns. */
  nowNs(): number;
  /** (CLOCK_REALTIME - epoch second) minus the time line, ns: 0 at start, changed by steps of the wall clock only. */
  wallOffsetNs(): number;
}

/** The real clocks. */
export function systemClock(timeBase: TimeBase): Clock {
  const nowNs = (): number => Number(process.hrtime.bigint()) - timeBase.monotonicBaseNs;
  return {
    timeBase,
    nowNs,
    wallOffsetNs: () => (Date.now() - timeBase.epochS * 1_000) * 1_000_000 - nowNs(),
  };
}
