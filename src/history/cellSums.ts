/** Sums over the series and slots of each cell of a matrix. */

import type { Breather } from '../base/yielding.js';
import type { OutcomeCounts } from '../stats/outcome.js';
import { type Answering, newestEndOf, stateOf } from './answering.js';
import { unpackTime } from './columns.js';
import type { SeriesTable } from './series.js';
import type { Slot } from './slot.js';

/** Series between two looks at the clock. */
const STRIDE = 1024;

export class CellSums {
  readonly length: number;
  readonly sent: Float64Array;
  readonly received: Float64Array;
  readonly lost: Float64Array;
  readonly unreachable: Float64Array;
  readonly tooBig: Float64Array;
  readonly sendErrors: Float64Array;
  readonly localDrops: Float64Array;
  /** Round trips that the times are of. */
  readonly samples: Float64Array;
  /** Extremes; NaN as soon as one part does not know its own. */
  readonly minNs: Float64Array;
  readonly maxNs: Float64Array;
  /** Each mean times its samples. */
  readonly meanNs: Float64Array;
  readonly jitterNs: Float64Array;
  readonly jitterSamples: Float64Array;
  /** How many series have data in the window. */
  readonly series: Uint32Array;
  /** Number of them that are silent, and unmeasured (`Answering`), by their newest intervals. */
  readonly silentSeries: Uint32Array;
  readonly unmeasuredSeries: Uint32Array;
  /** End of the newest interval of any of its series, epoch ms. */
  readonly newestMs: Float64Array;
  /** When the cell becomes stale, epoch ms. */
  readonly staleMs: Float64Array;
  /** A series with a reason for missing answers in the newest interval, plus one; 0: none has one. */
  readonly reasonOf: Uint32Array;

  constructor(length: number) {
    this.length = length;
    this.sent = new Float64Array(length);
    this.received = new Float64Array(length);
    this.lost = new Float64Array(length);
    this.unreachable = new Float64Array(length);
    this.tooBig = new Float64Array(length);
    this.sendErrors = new Float64Array(length);
    this.localDrops = new Float64Array(length);
    this.samples = new Float64Array(length);
    this.minNs = new Float64Array(length).fill(Number.POSITIVE_INFINITY);
    this.maxNs = new Float64Array(length).fill(Number.NEGATIVE_INFINITY);
    this.meanNs = new Float64Array(length);
    this.jitterNs = new Float64Array(length);
    this.jitterSamples = new Float64Array(length);
    this.series = new Uint32Array(length);
    this.silentSeries = new Uint32Array(length);
    this.unmeasuredSeries = new Uint32Array(length);
    this.newestMs = new Float64Array(length);
    this.staleMs = new Float64Array(length);
    this.reasonOf = new Uint32Array(length);
  }

  /** `cellOf`: by series, its cell plus one; 0: no cell. */
  async addSlot(slot: Slot, cellOf: Uint32Array, breather: Breather): Promise<void> {
    for (let from = 0; from < cellOf.length; from += STRIDE) {
      if (breather.dueNow) await breather.breathe();
      // After a pause the slot may have longer columns.
      const to = Math.min(from + STRIDE, cellOf.length, slot.capacity);
      this.addSome(slot, cellOf, from, to);
    }
  }

  /**
   * The age of each cell's data, whether they are stale, and the number of its series without an answer. `slots`: of a
   * window in the past, as for `stateOf`.
   */
  async addAges(
    table: SeriesTable,
    cellOf: Uint32Array,
    staleIntervals: number,
    breather: Breather,
    slots?: readonly Slot[],
  ): Promise<void> {
    for (let series = 0; series < cellOf.length; series++) {
      if (breather.due) await breather.breathe();
      if (cellOf[series] === 0) continue;
      const cell = cellOf[series] - 1;
      const endMs = newestEndOf(table, series, slots);
      this.series[cell] += 1;
      const state = stateOf(table, series, slots);
      if (state === 'silent') this.silentSeries[cell] += 1;
      else if (state === 'unmeasured') this.unmeasuredSeries[cell] += 1;
      if (slots === undefined && table.hasReason(series) && (this.reasonOf[cell] === 0 || endMs > this.newestMs[cell]))
        this.reasonOf[cell] = series + 1;
      this.newestMs[cell] = Math.max(this.newestMs[cell], endMs);
      this.staleMs[cell] = Math.max(this.staleMs[cell], endMs + staleIntervals * table.cadenceMs(series));
    }
  }

  staleAt(atMs: number): Uint8Array {
    const stale = new Uint8Array(this.length);
    for (let cell = 0; cell < stale.length; cell++) stale[cell] = atMs > this.staleMs[cell] ? 1 : 0;
    return stale;
  }

  /** A cell answers while one of its series does. */
  answering(cell: number): Answering {
    const silent = this.silentSeries[cell];
    if (this.series[cell] > silent + this.unmeasuredSeries[cell]) return 'answers';
    return silent > 0 ? 'silent' : 'unmeasured';
  }

  countsOf(cell: number): OutcomeCounts {
    return {
      sent: this.sent[cell],
      received: this.received[cell],
      lost: this.lost[cell],
      unreachable: this.unreachable[cell],
      tooBig: this.tooBig[cell],
      sendErrors: this.sendErrors[cell],
      localDrops: this.localDrops[cell],
    };
  }

  private addSome(slot: Slot, cellOf: Uint32Array, from: number, to: number): void {
    const sent = slot.sent.values;
    const received = slot.received.values;
    const lost = slot.lost.values;
    const unreachable = slot.unreachable.values;
    const samples = slot.samples.values;
    for (let series = from; series < to; series++) {
      if (cellOf[series] === 0 || !slot.has(series)) continue;
      const cell = cellOf[series] - 1;
      this.sent[cell] += sent[series];
      this.received[cell] += received[series];
      this.lost[cell] += lost[series];
      this.unreachable[cell] += unreachable[series];
      this.tooBig[cell] += slot.tooBig.get(series);
      this.sendErrors[cell] += slot.sendErrors.get(series);
      this.localDrops[cell] += slot.localDrops.get(series);
      const count = samples[series];
      if (count === 0) continue;
      this.samples[cell] += count;
      this.minNs[cell] = Math.min(this.minNs[cell], unpackTime(slot.min[series]));
      this.maxNs[cell] = Math.max(this.maxNs[cell], unpackTime(slot.max[series]));
      this.meanNs[cell] += unpackTime(slot.mean[series]) * count;
      if (slot.jitter[series] === 0) continue;
      this.jitterNs[cell] += unpackTime(slot.jitter[series]) * count;
      this.jitterSamples[cell] += count;
    }
  }
}
