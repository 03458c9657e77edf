/** Columns of numbers by series, as small as the numbers allow. */

import { NS_PER_US } from '../base/units.js';
import { highestNsAt, indexOfNs, MAX_SAMPLE_NS } from '../stats/histogram.js';

type CountArray = Uint16Array | Uint32Array | Float64Array;

const MAX_U16 = 2 ** 16 - 1;
const MAX_U32 = 2 ** 32 - 1;

/** Counts: two bytes each until one does not fit, then four, then eight. Sums are exact up to 2^53. */
export class CountColumn {
  /** Read it freely; it is another array after `set` or `resize`. A rare column is empty until a count is above 0. */
  values: CountArray;
  private most = MAX_U16;
  private length: number;
  /** True while every count is 0; the column then takes no memory. */
  private absent: boolean;

  /** `rare`: takes no memory until a count is above 0. */
  constructor(length: number, rare = false) {
    this.length = length;
    this.absent = rare;
    this.values = new Uint16Array(rare ? 0 : length);
  }

  get(at: number): number {
    return this.absent ? 0 : this.values[at];
  }

  set(at: number, value: number): void {
    if (this.absent) {
      if (value === 0) return;
      this.absent = false;
      this.values = new Uint16Array(this.length);
    }
    while (value > this.most) this.widen();
    this.values[at] = value;
  }

  resize(length: number): void {
    const { values } = this;
    this.length = length;
    if (this.absent) return;
    const larger = values instanceof Uint16Array ? new Uint16Array(length) : wideArray(this.most, length);
    larger.set(values);
    this.values = larger;
  }

  private widen(): void {
    this.most = this.most === MAX_U16 ? MAX_U32 : Number.POSITIVE_INFINITY;
    const wider = wideArray(this.most, this.values.length);
    wider.set(this.values);
    this.values = wider;
  }
}

function wideArray(most: number, length: number): Uint32Array | Float64Array {
  return most === MAX_U32 ? new Uint32Array(length) : new Float64Array(length);
}

/** From here on a packed time is in microseconds. */
const IN_US = 2 ** 31;

/**
 * A time of up to 35 minutes in 32 bits: 0 unknown, then nanoseconds plus one (up to 2.1 s: exact to the published
 * precision), above that microseconds.
 */
export function packTime(ns: number): number {
  if (!(ns >= 0)) return 0;
  const whole = Math.round(ns);
  return whole + 1 < IN_US ? whole + 1 : IN_US + Math.min(IN_US - 1, Math.round(ns / NS_PER_US));
}

/** ns; NaN when it is not known. */
export function unpackTime(packed: number): number {
  if (packed === 0) return Number.NaN;
  return packed < IN_US ? packed - 1 : (packed - IN_US) * NS_PER_US;
}

/**
 * A percentile in 16 bits: 0 unknown, else its index in the histogram plus one; lossless for a percentile of a
 * histogram.
 */
export function packPercentile(ns: number): number {
  return ns >= 0 ? indexOfNs(Math.min(Math.round(ns), MAX_SAMPLE_NS)) + 1 : 0;
}

/**
 * ns: the greatest value of the index; NaN when it is not known. It may be above the exact maximum, by less than 0.1 %.
 */
export function unpackPercentile(packed: number): number {
  return packed === 0 ? Number.NaN : highestNsAt(packed - 1);
}
