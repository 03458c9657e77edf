/**
 * Makes delays of each direction from differences between two clocks.
 *
 * Where both clocks are kept the differences are delays. Else the clocks are some unknown time apart, and delays are given relative to the least that was
 * seen on any path of the row lately: how much longer than at best, which shows in which direction a queue is, but not how long the way is.
 *
 * The least of each direction is of this interval and up to five before it. Clocks that drift apart, or are set, would turn that into nonsense; but
 * the two least delays together are never more than the least RTT, whose measurement needs one clock only, and without drift hardly less: so older
 * intervals count only as far back as the two agree.
 */

/** Intervals that are looked back on, the present one included. */
const WINDOW = 6;
const FORWARD = 0;
const REVERSE = 1;
const RTT = 2;
const FIELDS = 3;
/** How far the two least delays may be from the least RTT: part of it, and ns. */
const TOLERANCE_SHARE = 1 / 8;
const TOLERANCE_NS = 20_000;

/** What is to be taken from the differences to have delays. */
export class Baseline {
  forwardNs = 0;
  reverseNs = 0;
  relative = true;
}

export class OneWayHistory {
  /** By stream: the least of each direction and of the RTT, of the last intervals, newest first; a least RTT of 0: none. */
  private readonly least: (Float64Array | undefined)[] = [];

  /** What is least in this interval, of all paths of the row; `kept`: all of it was measured with two clocks that are kept. */
  close(stream: number, forwardNs: number, reverseNs: number, rttNs: number, kept: boolean, into: Baseline): void {
    const window = this.windowOf(stream);
    window.copyWithin(FIELDS, 0, (WINDOW - 1) * FIELDS);
    window[FORWARD] = forwardNs;
    window[REVERSE] = reverseNs;
    // At least 1, which says that it is there.
    window[RTT] = Math.max(1, rttNs);
    // Nothing arrives before it was sent: then the clocks are not what they say.
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
      // What is older was measured by clocks that were otherwise apart.
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
