/**
 * Keeps a history within its memory: decides which slots are merged, whose histograms are dropped, and which slots are
 * dropped.
 */

import type { Breather } from '../base/yielding.js';
import type { Merging } from './merging.js';
import { Slot } from './slot.js';

const MINUTE_MS = 60_000;
/**
 * Lengths that slots are merged to; each is a multiple of those before. Fewer slots of a length are needed than make
 * the next one, so about sixteen slots reach back for hours: with small steps few slots are needed.
 */
const LENGTHS_MS = [0.5, 1, 5, 15, 60, 3 * 60, 12 * 60].map((minutes) => minutes * MINUTE_MS);
/** Slots with histograms are merged up to this, so that a window of minutes does not begin long before it should. */
const LONGEST_WITH_HISTOGRAMS_MS = MINUTE_MS;
/** Share of the memory that columns may take. */
const COLUMNS_SHARE = 0.5;
/** Size of a merged histogram as a share of its parts: 480 samples of a series took four fifths of three times 160. */
const MERGED_SHARE = 0.8;
/** In lengths of the merged slot; excludes slots that are still being filled. */
const LEAST_AGE = 1;

/** The part of a history that its memory is counted by. */
interface FittedHistory {
  readonly memoryBytes: number;
  /** Called with the bytes that were given up. */
  readonly letGo: (bytes: number) => void;
  /** Oldest first. */
  slots: Slot[];
  /** The table of series, with its size. */
  readonly series: { readonly bytes: number };
}

interface Merge {
  readonly fromMs: number;
  readonly lengthMs: number;
  readonly slots: readonly Slot[];
  /** Age of the result in its own lengths. */
  readonly age: number;
}

/**
 * Merges in advance the slots that would have to be merged when the next slot like this one comes; yields to the event
 * loop. The next interval then does not have to wait for it. Data that may still fit are not dropped. No interval may
 * be filed meanwhile.
 */
export async function makeRoomFor(
  slot: Slot,
  history: FittedHistory,
  merging: Merging,
  breather: Breather,
): Promise<void> {
  for (;;) {
    const short = shortOf(history, slot);
    if (short === undefined) return;
    const merge = short === 'columns' ? bestMerge(history) : bestMergeOfHistograms(history);
    if (merge === undefined) return;
    await carryOut(history, merge, merging, breather);
  }
}

/**
 * Merges and drops, yielding to the event loop, until the history is within its memory. No interval may be filed
 * meanwhile.
 */
export async function fitMemory(history: FittedHistory, merging: Merging, breather: Breather): Promise<void> {
  for (;;) {
    const short = shortOf(history);
    if (short === undefined) return;
    if (short === 'columns') {
      const merge = bestMerge(history);
      if (merge === undefined) history.slots = history.slots.slice(1);
      else await carryOut(history, merge, merging, breather);
    } else {
      const merge = bestMergeOfHistograms(history);
      if (merge !== undefined) await carryOut(history, merge, merging, breather);
      else if (!dropHistograms(history)) return;
    }
  }
}

/** The part that exceeds its memory with `more` in addition: the columns, or the total. */
function shortOf(
  history: FittedHistory,
  more: Pick<Slot, 'columnBytes' | 'histogramBytes'> = { columnBytes: 0, histogramBytes: 0 },
): 'columns' | 'memory' | undefined {
  const { memoryBytes, slots } = history;
  const { columns, histograms } = bytesOf(history);
  if (columns + more.columnBytes > memoryBytes * COLUMNS_SHARE && slots.length > 1) return 'columns';
  return columns + histograms + more.columnBytes + more.histogramBytes > memoryBytes ? 'memory' : undefined;
}

function bytesOf({ slots, series }: FittedHistory): { readonly columns: number; readonly histograms: number } {
  return {
    columns: slots.reduce((sum, slot) => sum + slot.columnBytes, series.bytes),
    histograms: slots.reduce((sum, slot) => sum + slot.histogramBytes, 0),
  };
}

/**
 * Also undefined when the result would be dropped before as many new slots have come as it is made of. Histograms then
 * reach back no further than without merging, and to merge those of 100,000 series takes two seconds of CPU time, and
 * as much memory again.
 */
function bestMergeOfHistograms(history: FittedHistory): Merge | undefined {
  const merge = bestMerge(history, LONGEST_WITH_HISTOGRAMS_MS, true);
  if (merge === undefined) return undefined;
  const parts = merge.slots.reduce((sum, { histogramBytes }) => sum + histogramBytes, 0);
  const room = history.memoryBytes - bytesOf(history).columns;
  return MERGED_SHARE * parts + parts > room ? undefined : merge;
}

/** The slots whose merging loses least: the oldest ones, relative to the length of the merged slot. */
function bestMerge(
  history: FittedHistory,
  longestMs = Number.POSITIVE_INFINITY,
  withHistograms = false,
): Merge | undefined {
  let best: Merge | undefined;
  const newest = history.slots.at(-1);
  if (newest === undefined) return undefined;
  for (const lengthMs of LENGTHS_MS) {
    if (lengthMs > longestMs) break;
    let from = 0;
    while (from < history.slots.length) {
      const fromMs = Math.floor(history.slots[from].fromMs / lengthMs) * lengthMs;
      let to = from;
      while (to < history.slots.length && history.slots[to].fromMs < fromMs + lengthMs) to += 1;
      const slots = history.slots.slice(from, to);
      from = to;
      // Merging with a slot without histograms would lose the histograms of the others.
      if (slots.length < 2 || (withHistograms && slots.some((slot) => slot.histograms === null))) continue;
      const age = (newest.fromMs + newest.lengthMs - fromMs) / lengthMs;
      if (age >= LEAST_AGE && (best === undefined || age > best.age)) best = { fromMs, lengthMs, slots, age };
    }
  }
  return best;
}

async function carryOut(history: FittedHistory, merge: Merge, merging: Merging, breather: Breather): Promise<void> {
  const { slots } = merge;
  const bytes = slots.reduce((sum, slot) => sum + slot.columnBytes + slot.histogramBytes, 0);
  // The same number of bytes again is allocated for a moment, and released then.
  history.letGo(bytes);
  const capacity = Math.max(...slots.map((slot) => slot.capacity));
  const keep = slots.every(({ histograms }) => histograms !== null);
  const whole = new Slot(merge.fromMs, merge.lengthMs, capacity, keep);
  for (const slot of slots) whole.cover(slot.startMs, slot.endMs);
  for (let series = 0; series < capacity; series++) {
    if (breather.due) await breather.breathe();
    merging.begin();
    for (const slot of slots) merging.addSlot(slot, series);
    if (merging.parts === 0) continue;
    merging.finish();
    merging.writeTo(whole, series);
  }
  whole.histograms?.seal();
  history.slots = history.slots.flatMap((slot) => (slot === slots[0] ? [whole] : slots.includes(slot) ? [] : [slot]));
  history.letGo(bytes);
}

/** Drops the oldest histograms, except in the last slot: without them there would be no percentiles at all. */
function dropHistograms(history: FittedHistory): boolean {
  const oldest = history.slots.findIndex(({ histograms }) => histograms !== null);
  if (oldest < 0 || oldest === history.slots.length - 1) return false;
  history.letGo(history.slots[oldest].histogramBytes);
  history.slots[oldest].histograms = null;
  return true;
}
