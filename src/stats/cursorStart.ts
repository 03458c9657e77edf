/**
 * Where the cursors of a process begin. A process that knows nothing of the one before draws a random start, so a cursor of another process lies
 * outside of its own cursors (by chance inside once in 10^9, with a million intervals each): its reader can be told of a gap, whatever the clocks said.
 */

/** Every cursor is greater. Epoch milliseconds are smaller, so a reader may give a time in place of a cursor. */
export const LEAST_CURSOR = 2 ** 50;

/** No process counts further than from its start to 2^53, where numbers end to be exact. */
const STARTS = 2 ** 52;

/** Every cursor of the process is greater than this. */
export function drawCursorStart(random: () => number = Math.random): number {
  return LEAST_CURSOR + Math.floor(random() * STARTS);
}
