/**
 * The worst paths of an interval, found with yields: a heap of the `limit` worst so far, never a sort of all of them.
 */

import type { Breather } from '../../base/yielding.js';
import { failureRank } from '../../stats/outcome.js';
import { type IntervalReport, PATH_COLUMNS } from '../../threads/messages.js';

const COLUMNS = PATH_COLUMNS.length;
const RECEIVED = PATH_COLUMNS.indexOf('received');
const LOST = PATH_COLUMNS.indexOf('lost');
const UNREACHABLE = PATH_COLUMNS.indexOf('unreachable');
const TOO_BIG = PATH_COLUMNS.indexOf('tooBig');
const SEND_ERRORS = PATH_COLUMNS.indexOf('sendErrors');

function rankOf({ pathCounters }: IntervalReport, row: number): number {
  const at = row * COLUMNS;
  const failed =
    pathCounters[at + LOST] +
    pathCounters[at + UNREACHABLE] +
    pathCounters[at + TOO_BIG] +
    pathCounters[at + SEND_ERRORS];
  return failureRank(pathCounters[at + RECEIVED], failed);
}

/**
 * Negative when row `a` is worse than row `b`: more failures (`failureRank`), then a higher mean RTT, then the lower
 * path number.
 */
export function comparePaths(report: IntervalReport, a: number, b: number): number {
  return (
    rankOf(report, b) - rankOf(report, a) ||
    report.pathRttNs[b * 3 + 1] - report.pathRttNs[a * 3 + 1] ||
    report.paths[a] - report.paths[b]
  );
}

/** Rows of `report.paths` that `matches`, worst first, at most `limit`; and how many match in all. */
export async function worstPaths(
  report: IntervalReport,
  limit: number,
  matches: (row: number) => boolean,
  breather: Breather,
): Promise<{ readonly rows: Int32Array; readonly total: number }> {
  const heap = new Int32Array(Math.min(limit, report.paths.length));
  let size = 0;
  let total = 0;
  for (let row = 0; row < report.paths.length; row++) {
    if (breather.due) await breather.breathe();
    if (!matches(row)) continue;
    total += 1;
    if (size < heap.length) {
      heap[size] = row;
      size += 1;
      raise(report, heap, size - 1);
    } else if (comparePaths(report, row, heap[0]) < 0) {
      heap[0] = row;
      sink(report, heap, size);
    }
  }
  // The best of the heap is on top: taking it to the end again and again leaves the worst in front.
  const rows = heap.subarray(0, size);
  for (let end = size - 1; end > 0; end--) {
    if (breather.due) await breather.breathe();
    swap(heap, 0, end);
    sink(report, heap, end);
  }
  return { rows, total };
}

function swap(heap: Int32Array, a: number, b: number): void {
  const kept = heap[a];
  heap[a] = heap[b];
  heap[b] = kept;
}

/** Invariant: a parent is never worse than its children. */
function raise(report: IntervalReport, heap: Int32Array, from: number): void {
  let child = from;
  while (child > 0) {
    const parent = (child - 1) >> 1;
    if (comparePaths(report, heap[parent], heap[child]) >= 0) return;
    swap(heap, parent, child);
    child = parent;
  }
}

function sink(report: IntervalReport, heap: Int32Array, size: number): void {
  let parent = 0;
  for (;;) {
    const left = 2 * parent + 1;
    if (left >= size) return;
    const right = left + 1;
    const best = right < size && comparePaths(report, heap[right], heap[left]) > 0 ? right : left;
    if (comparePaths(report, heap[parent], heap[best]) >= 0) return;
    swap(heap, parent, best);
    parent = best;
  }
}
