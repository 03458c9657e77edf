/**
 * Recent measurements, by series and time slot, within a fixed amount of memory. `/v1/matrix` and `/v1/history` are
 * answered from it: in a collector over its own results, in a scraper over those of all collectors.
 *
 * An interval is filed in the slot that it ends in; slots are 10 s long at first. When memory runs out, or the next
 * slot would not fit, slots are merged into ones of half a minute, one, five minutes and so on, the oldest first, so
 * that resolution falls with age. When no more slots can be merged, the oldest are dropped. Counts and extremes stay
 * exact throughout. Histograms have at least half of the memory; when it is full, those of the oldest slots are
 * dropped. Bytes in typed arrays, for S series:
 *
 *     S x SERIES_BYTES + slots x S x SLOT_BYTES + slots with histograms x (S x ADDRESS_BYTES + sum of histograms)
 *
 * and for a moment, while slots are merged, those of one more slot. A sparse histogram takes 1 to 2 bytes a sample at
 * first, less when merged.
 *
 * All times are of a steady clock (`src/base/steadyClock.ts`): an interval comes with the offset of its own times from
 * that clock, and shown times are moved to the current wall clock. So a step of any clock neither empties a window nor
 * freezes it.
 *
 * It must never count an interval twice, or answer for a time without data.
 */

import { SerialQueue } from '../base/serialQueue.js';
import { Breather } from '../base/yielding.js';
import { fitMemory, makeRoomFor } from './fitting.js';
import { Merging } from './merging.js';
import { TakenByCollector } from './seenIntervals.js';
import { SERIES_BYTES, SeriesTable } from './series.js';
import { SLOT_WITH_HISTOGRAMS_BYTES, Slot } from './slot.js';
import type { HistoryInterval, HistoryRow } from './types.js';

/** Length of the shortest slots. */
export const SLOT_MS = 10_000;
/** A clock that is ahead by more would push everybody's data out of the window. */
const MOST_AHEAD_MS = 5 * 60_000;
/** Series are allocated in steps of this many. */
const CAPACITY_STEP = 64;
/** After this time without a new interval, ms, all collectors whose intervals ended together have sent them. */
const QUIET_MS = 500;
/** Growth of a slot in which new series turn up. */
const GROWTH = 1.125;

interface HistoryOptions {
  /** How far back it reaches at most. */
  readonly horizonMs: number;
  /** Bytes. */
  readonly memoryBytes: number;
  /** Epoch ms, without steps: `SteadyClock.nowMs`. Everything in the history is ordered and aged by this clock. */
  readonly now?: () => number;
  /** The wall clock minus the steady clock, ms: added to all times that are shown. */
  readonly clockAheadMs?: () => number;
  /**
   * Called with the bytes that became garbage after slots were merged or dropped; also before slots are merged, which
   * allocates as many for a moment.
   */
  readonly letGo?: (bytes: number) => void;
}

/** Data that were refused, since the start. */
export interface HistoryRefusals {
  /** Intervals that had been filed before. */
  duplicates: number;
  /** Intervals that ended before the horizon. */
  tooOld: number;
  /**
   * Intervals that end more than five minutes in the future, even after correction for the known offset of the
   * collector's clock: its clock or this one is wrong.
   */
  ahead: number;
  /** Rows of new series for which there is no memory. */
  seriesWithoutRoom: number;
}

export class MatrixHistory {
  readonly horizonMs: number;
  readonly memoryBytes: number;
  readonly now: () => number;
  readonly clockAheadMs: () => number;
  readonly letGo: (bytes: number) => void;
  readonly series = new SeriesTable();
  readonly refused: HistoryRefusals = { duplicates: 0, tooOld: 0, ahead: 0, seriesWithoutRoom: 0 };
  /** Oldest first; they don't overlap. Only this class and `fitting.ts` change it. */
  slots: Slot[] = [];
  /** End of the newest interval, epoch ms; 0 without one. */
  newestMs = 0;
  private readonly mostSeries: number;
  private readonly taken = new TakenByCollector();
  private readonly merging = new Merging();
  private readonly queue = new SerialQueue();
  private quiet: NodeJS.Timeout | undefined;

  constructor({ horizonMs, memoryBytes, now = Date.now, clockAheadMs = () => 0, letGo = () => {} }: HistoryOptions) {
    this.horizonMs = horizonMs;
    this.memoryBytes = memoryBytes;
    this.now = now;
    this.clockAheadMs = clockAheadMs;
    this.letGo = letGo;
    // Enough for three slots, one of them being merged, and the table while it grows.
    this.mostSeries = Math.floor(memoryBytes / (2 * SERIES_BYTES + 3 * SLOT_WITH_HISTOGRAMS_BYTES));
  }

  /**
   * Files an interval, yielding to the event loop: a reader in between finds some series with it and some without,
   * never half of a row. Resolves when that is done and the memory is within its bounds again. Refused data are
   * counted. After a pause without intervals, memory is freed in advance for the next ones.
   */
  add(given: HistoryInterval): Promise<void> {
    return this.queue.run(async () => {
      const { aheadMs = 0 } = given;
      if (!this.accepts(given, aheadMs)) return;
      const interval = { ...given, startMs: given.startMs - aheadMs, endMs: given.endMs - aheadMs };
      const slots = this.slots.length;
      await this.file(interval, new Breather());
      if (this.slots.length > slots || this.bytes > this.memoryBytes) await this.fit();
      this.quiet ??= setTimeout(() => this.makeRoom(), QUIET_MS).unref();
      this.quiet.refresh();
    });
  }

  /** Bytes of all typed arrays. */
  get bytes(): number {
    return this.slots.reduce((sum, slot) => sum + slot.columnBytes + slot.histogramBytes, this.series.bytes);
  }

  /** Epoch ms: data that ended at or before this are gone. */
  get oldestMs(): number {
    return Math.min(this.newestMs, this.now()) - this.horizonMs;
  }

  /** Slots with anything that ended after `ms`. */
  slotsAfter(ms: number): readonly Slot[] {
    return this.slots.filter((slot) => slot.endMs > ms);
  }

  private accepts(interval: HistoryInterval, aheadMs: number): boolean {
    const { startMs, endMs, intervalMs } = interval;
    if (!(intervalMs > 0) || !(endMs > startMs)) throw new Error(`found an interval from ${startMs} to ${endMs}`);
    if (endMs - aheadMs > this.now() + MOST_AHEAD_MS) {
      this.refused.ahead += 1;
      return false;
    }
    if (endMs - aheadMs <= this.oldestMs) {
      this.refused.tooOld += 1;
      return false;
    }
    if (this.taken.take(interval)) return true;
    this.refused.duplicates += 1;
    return false;
  }

  private async file(interval: HistoryInterval, breather: Breather): Promise<void> {
    const { collector, startMs, endMs, intervalMs, rows } = interval;
    this.newestMs = Math.max(this.newestMs, endMs);
    let slot: Slot | undefined;
    for (const row of rows) {
      if (breather.due) await breather.breathe();
      if (slot === undefined) {
        slot = this.slotOf(endMs);
        slot.cover(startMs, endMs);
      }
      let series = this.series.find(collector, row);
      if (series < 0) {
        if (this.series.size >= this.mostSeries) {
          this.refused.seriesWithoutRoom += 1;
          continue;
        }
        series = this.series.add(collector, row);
      }
      this.series.seen(series, row, endMs, intervalMs);
      if (series >= slot.capacity) slot.resize(capacityFor(Math.max(this.series.length, slot.capacity * GROWTH)));
      if (slot.has(series)) this.join(slot, series, row);
      else slot.writeRow(series, row);
    }
  }

  /** More data of a series in the same slot: a short interval, or one that came late. */
  private join(slot: Slot, series: number, row: HistoryRow): void {
    const { merging } = this;
    merging.begin();
    merging.addSlot(slot, series);
    merging.addRow(row);
    merging.finish();
    merging.writeTo(slot, series);
  }

  /** The slot that an interval is filed in; created when missing. */
  private slotOf(endMs: number): Slot {
    let at = this.slots.length;
    for (; at > 0; at--) {
      const { fromMs, lengthMs } = this.slots[at - 1];
      if (endMs > fromMs + lengthMs) break;
      if (endMs > fromMs) return this.slots[at - 1];
    }
    // Two stay open: intervals of several collectors end at the same time and come one after the other.
    if (at === this.slots.length) this.slots.at(-2)?.histograms?.seal();
    const fromMs = (Math.ceil(endMs / SLOT_MS) - 1) * SLOT_MS;
    const slot = new Slot(fromMs, SLOT_MS, capacityFor(this.series.length));
    this.slots.splice(at, 0, slot);
    return slot;
  }

  /** Drops data beyond the horizon, and brings the memory within its bounds. */
  private async fit(): Promise<void> {
    const { oldestMs } = this;
    this.slots = this.slots.filter((slot) => slot.endMs > oldestMs);
    await fitMemory(this, this.merging, new Breather());
    this.forget();
  }

  private makeRoom(): void {
    this.queue
      .run(async () => {
        const last = this.slots.at(-1);
        // More will be filed in it, else.
        const isWhole = last !== undefined && this.newestMs >= last.fromMs + last.lengthMs;
        if (isWhole) await makeRoomFor(last, this, this.merging, new Breather());
      })
      .catch(() => {
        // The caller that adds the next interval gets the error.
      });
  }

  /** Forgets series and collectors without any data. */
  private forget(): void {
    const { oldestMs } = this;
    // An interval begins before it ends: one that ended before the start of every slot is in none of them.
    this.series.forgetUpTo(this.slots.reduce((least, { startMs }) => Math.min(least, startMs), oldestMs));
    this.taken.forgetUpTo(oldestMs);
  }
}

function capacityFor(series: number): number {
  return Math.ceil(series / CAPACITY_STEP) * CAPACITY_STEP;
}
