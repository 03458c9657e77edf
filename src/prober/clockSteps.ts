/**
 * Tells steps of the wall clock from the noise of reading it. CLOCK_REALTIME and CLOCK_MONOTONIC are slewed alike, so
 * their offset changes by steps only (settimeofday, leap seconds, a suspended machine).
 *
 * The offset in use is constant through an epoch, so that stamps of one epoch are shifted by the same amount. An epoch
 * ends with a step, or when a more exact reading replaces an offset that was read while the thread was delayed.
 */

/** A step must exceed this plus the uncertainty of both readings. */
const NOISE_NS = 2_000;
/** A less certain offset is replaced by the next reading that is at least twice as certain. */
const UNCERTAIN_NS = 50_000;

export class ClockSteps {
  /** CLOCK_REALTIME (since the epoch second) minus the time line, ns: subtract it from a kernel stamp. */
  offsetNs: number;
  /** Changes with the offset, modulo 256. A probe sent in one epoch and answered in another has no RTT. */
  epoch = 0;
  private errorNs: number;

  constructor(offsetNs: number, errorNs: number) {
    this.offsetNs = offsetNs;
    this.errorNs = errorNs;
  }

  /**
   * Takes a reading of the offset, exact to `errorNs`. Returns true when the clock was stepped since the last reading.
   */
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
