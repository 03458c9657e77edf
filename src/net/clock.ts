export interface TimeBase {
  /** Whole second of CLOCK_REALTIME that times are counted from. */
  readonly epochS: number;
  /** Subtract from (CLOCK_MONOTONIC ns since boot) to get on the time line. */
  readonly monotonicBaseNs: number;
}
