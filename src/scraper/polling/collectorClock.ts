/**
 * How far the clock of a collector is ahead of this process's steady clock, so that results of all collectors are filed and aged by one clock, whichever
 * of them is wrong, this host's included.
 *
 * It stays the same number while the clocks keep their distance, and is 0 between clocks that agree: results are moved by steps of clocks, never by
 * the noise of asking.
 */

/** Clocks that agree to this are taken to be the same: collectors of older kinds tell theirs to half a second, and answers are on their way. */
export const CLOCKS_AGREE_MS = 2_000;

export class CollectorClock {
  /** The collector's clock less the steady one, ms. */
  offsetMs = 0;

  /** The collector said `theirsMs` in an answer to a question that was asked at `askedMs` and answered at `answeredMs`. */
  see(theirsMs: number, askedMs: number, answeredMs: number): void {
    const least = theirsMs - answeredMs;
    const most = theirsMs - askedMs;
    if (this.offsetMs >= least - CLOCKS_AGREE_MS && this.offsetMs <= most + CLOCKS_AGREE_MS) return;
    const offsetMs = Math.round((least + most) / 2);
    this.offsetMs = Math.abs(offsetMs) <= CLOCKS_AGREE_MS ? 0 : offsetMs;
  }
}
