/**
 * Start of the cursors of a process. A process without knowledge of the previous one draws a random start. A cursor of
 * another process is therefore outside its range (inside by chance once in 10^9, with a million intervals each), and
 * its reader learns of the gap, whatever the clocks said.
 */

/** Every cursor is greater. Epoch milliseconds are smaller, so a reader may give a time in place of a cursor. */
export const LEAST_CURSOR = 2 ** 50;

/** A process never counts from its start to 2^53, the limit of exact integers. */
const STARTS = 2 ** 52;

/** Every cursor of the process is greater than this. */
export function drawCursorStart(random: () => number = Math.random): number {
  return LEAST_CURSOR + Math.floor(random() * STARTS);
}
