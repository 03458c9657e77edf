/**
 * How far a collector's clock is ahead of this process's steady clock. With it, results of all collectors are filed and
 * aged by one clock, whichever clock is wrong, this host's included.
 *
 * The value is constant while the clocks keep their distance, and 0 between clocks that agree. Results are moved by
 * steps of clocks, never by the noise of the measurement.
 */

/**
 * Clocks count as equal within this bound: older kinds of collectors report theirs to half a second, and answers take
 * time on the way.
 */
export const CLOCKS_AGREE_MS = 2_000;

export class CollectorClock {
  /** The collector's clock less the steady one, ms. */
  offsetMs = 0;

  /**
   * The collector said `theirsMs` in an answer to a question that was asked at `askedMs` and answered at `answeredMs`.
   */
  see(theirsMs: number, askedMs: number, answeredMs: number): void {
    const least = theirsMs - answeredMs;
    const most = theirsMs - askedMs;
    if (this.offsetMs >= least - CLOCKS_AGREE_MS && this.offsetMs <= most + CLOCKS_AGREE_MS) return;
    const offsetMs = Math.round((least + most) / 2);
    this.offsetMs = Math.abs(offsetMs) <= CLOCKS_AGREE_MS ? 0 : offsetMs;
  }
}
