/**
 * The last RTT of each path, for jitter. It outlives the intervals, so that a difference across their border is not
 * lost.
 *
 * Jitter here is the mean absolute delay variation between consecutive packets: RFC 3393's ipdv with its selection
 * function of consecutive packets (section 2), for round trips, without sign. A pair counts only when the two sequence
 * numbers follow each other: for a pair with a lost packet RFC 3393 leaves the value undefined (section 4.1). So it
 * must only pair probes that were sent consecutively.
 *
 * Per path 16 bytes: f64 RTT in ns, u32 sequence number that would follow, u32 1 when it is set.
 */

import { OneWayHistory } from '../stats/oneWay.js';
import { PathTraits } from '../stats/pathTraits.js';

const INITIAL_PATHS = 1024;

export class PathHistory {
  /** Markings, hops and one-way delays, with the same lifetime. */
  readonly traits: PathTraits;
  readonly oneWay = new OneWayHistory();
  private readonly sourcePorts: number;
  private doubles = new Float64Array(INITIAL_PATHS * 2);
  private words = new Uint32Array(this.doubles.buffer);

  constructor(sourcePorts: number) {
    this.sourcePorts = sourcePorts;
    this.traits = new PathTraits(sourcePorts);
  }

  /** Grows the columns to a stream's paths. */
  open(stream: number): void {
    this.traits.open(stream);
    const needed = (stream + 1) * this.sourcePorts * 2;
    if (needed <= this.doubles.length) return;
    const larger = new Float64Array(Math.max(needed, this.doubles.length * 2));
    larger.set(this.doubles);
    this.doubles = larger;
    this.words = new Uint32Array(larger.buffer);
  }

  /** Hot: notes an RTT. Returns its distance from the previous probe's RTT, or -1 when that is unknown. */
  difference(path: number, sequence: number, rttNs: number): number {
    const double = path * 2;
    const word = path * 4;
    const words = this.words;
    const follows = words[word + 3] === 1 && words[word + 2] === sequence;
    const difference = follows ? Math.abs(rttNs - this.doubles[double]) : -1;
    this.doubles[double] = rttNs;
    words[word + 2] = sequence + 1;
    words[word + 3] = 1;
    return difference;
  }

  /** Forgets a stream: its number may be reused. */
  forget(stream: number): void {
    this.traits.forget(stream);
    this.oneWay.forget(stream);
    const first = stream * this.sourcePorts * 2;
    this.doubles.fill(0, first, first + this.sourcePorts * 2);
  }
}
