/**
 * Derives delays of each direction from differences between two clocks.
 *
 * Where both clocks are synchronised, the differences are delays. Otherwise the clocks are an unknown time apart.
 * Delays are then relative to the recent minimum over all paths of the row. They show how much longer than at best a
 * probe took, and so in which direction a queue is, but not the full delay.
 *
 * The minimum of each direction is taken over this interval and up to five before it. Clocks that drift apart or are
 * set would make it meaningless. But the sum of both minima never exceeds the minimum RTT, which one clock measures,
 * and without drift it is hardly smaller. So older intervals count only as far back as both agree.
 */

/** Intervals of the window, including the present one. */
const WINDOW = 6;
const FORWARD = 0;
const REVERSE = 1;
const RTT = 2;
const FIELDS = 3;
/** Tolerance between the two minimum delays and the minimum RTT: a share of it, and ns. */
const TOLERANCE_SHARE = 1 / 8;
const TOLERANCE_NS = 20_000;

/** Offsets to subtract from the differences to get delays. */
export class Baseline {
  forwardNs = 0;
  reverseNs = 0;
  relative = true;
}

export class OneWayHistory {
  /**
   * By stream: the minima of each direction and of the RTT in the last intervals, newest first; a minimum RTT of 0
   * marks an unused entry.
   */
  private readonly least: (Float64Array | undefined)[] = [];

  /**
   * Adds the minima of this interval over all paths of the row. `kept`: both clocks were synchronised for all of its
   * measurements.
   */
  close(stream: number, forwardNs: number, reverseNs: number, rttNs: number, kept: boolean, into: Baseline): void {
    const window = this.windowOf(stream);
    window.copyWithin(FIELDS, 0, (WINDOW - 1) * FIELDS);
    window[FORWARD] = forwardNs;
    window[REVERSE] = reverseNs;
    // At least 1, because 0 marks an unused entry.
    window[RTT] = Math.max(1, rttNs);
    // A packet can't arrive before it was sent: negative delays prove that the clocks disagree.
    into.relative = !kept || forwardNs < 0 || reverseNs < 0;
    into.forwardNs = 0;
    into.reverseNs = 0;
    if (into.relative) findBaseline(window, into);
  }

  forget(stream: number): void {
    this.least[stream] = undefined;
  }

  private windowOf(stream: number): Float64Array {
    const known = this.least[stream];
    if (known !== undefined) return known;
    const window = new Float64Array(WINDOW * FIELDS);
    this.least[stream] = window;
    return window;
  }
}

function findBaseline(window: Float64Array, into: Baseline): void {
  let forward = Number.POSITIVE_INFINITY;
  let reverse = Number.POSITIVE_INFINITY;
  let rtt = Number.POSITIVE_INFINITY;
  for (let at = 0; at < window.length && window[at + RTT] !== 0; at += FIELDS) {
    const leastForward = Math.min(forward, window[at + FORWARD]);
    const leastReverse = Math.min(reverse, window[at + REVERSE]);
    const leastRtt = Math.min(rtt, window[at + RTT]);
    if (at > 0 && leastRtt - leastForward - leastReverse > leastRtt * TOLERANCE_SHARE + TOLERANCE_NS) {
      // The clocks had another offset in older intervals.
      window.fill(0, at);
      break;
    }
    forward = leastForward;
    reverse = leastReverse;
    rtt = leastRtt;
  }
  into.forwardNs = forward;
  into.reverseNs = reverse;
}
