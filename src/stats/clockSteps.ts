/**
 * Tells steps of the wall clock from noise of reading it. CLOCK_REALTIME and CLOCK_MONOTONIC are slewed alike, so the offset between
 * them changes by steps only (settimeofday, leap seconds, a machine that slept).
 *
 * The offset in use stays the same number until a step: stamps that are subtracted from each other were moved by the very same amount.
 */

/** Beside the two readings' own uncertainty, what a step must exceed. */
const NOISE_NS = 2_000;
/** A reading less certain than this says nothing. */
const USELESS_NS = 50_000;

export class ClockSteps {
  /** CLOCK_REALTIME (since the epoch second) minus the time line, ns: subtract it from a kernel stamp. */
  offsetNs: number;
  /** Changes at each step, modulo 256: a probe that was sent in one epoch and answered in another has no RTT. */
  epoch = 0;
  private errorNs: number;

  constructor(offsetNs: number, errorNs: number) {
    this.offsetNs = offsetNs;
    this.errorNs = errorNs;
  }

  /** Takes a reading of the offset, exact to `errorNs`; true when the clock was stepped since the last one. */
  see(offsetNs: number, errorNs: number): boolean {
    if (errorNs > USELESS_NS) return false;
    if (Math.abs(offsetNs - this.offsetNs) <= this.errorNs + errorNs + NOISE_NS) return false;
    this.offsetNs = offsetNs;
    this.errorNs = errorNs;
    this.epoch = (this.epoch + 1) & 0xff;
    return true;
  }
}
