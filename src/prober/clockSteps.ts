/**
 * Tells steps of the wall clock from noise of reading it. CLOCK_REALTIME and CLOCK_MONOTONIC are slewed alike, so the offset between
 * them changes by steps only (settimeofday, leap seconds, a machine that slept).
 *
 * The offset in use stays the same number through an epoch: stamps that are subtracted from each other were moved by the very same amount.
 * An epoch ends with a step, or when the offset, taken while the thread was held up, can be made more exact.
 */

/** Beside the two readings' own uncertainty, what a step must exceed. */
const NOISE_NS = 2_000;
/** An offset less certain than this is replaced by the next that is twice as certain. */
const UNCERTAIN_NS = 50_000;

export class ClockSteps {
  /** CLOCK_REALTIME (since the epoch second) minus the time line, ns: subtract it from a kernel stamp. */
  offsetNs: number;
  /** Changes with the offset, modulo 256: a probe that was sent in one epoch and answered in another has no RTT. */
  epoch = 0;
  private errorNs: number;

  constructor(offsetNs: number, errorNs: number) {
    this.offsetNs = offsetNs;
    this.errorNs = errorNs;
  }

  /** Takes a reading of the offset, exact to `errorNs`; true when the clock was stepped since the last one. */
  see(offsetNs: number, errorNs: number): boolean {
    const stepped = Math.abs(offsetNs - this.offsetNs) > this.errorNs + errorNs + NOISE_NS;
    const moreExact = this.errorNs > UNCERTAIN_NS && errorNs <= this.errorNs / 2;
    if (!stepped && !moreExact) return false;
    this.offsetNs = offsetNs;
    this.errorNs = errorNs;
    this.epoch = (this.epoch + 1) & 0xff;
    return stepped;
  }
}
