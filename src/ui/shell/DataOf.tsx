/**
 * The time that the numbers below cover, on the screen and on paper: slots of the history are whole, and may exceed the
 * requested range.
 */

import { clockText } from '../lib/time.js';

interface DataOfProps {
  readonly window: { readonly startMs: number; readonly endMs: number } | undefined;
  /** Further texts before the time. */
  readonly what?: readonly string[];
}

export function DataOf({ window, what = [] }: DataOfProps) {
  if (window === undefined || window.endMs === 0) return null;
  const { startMs, endMs } = window;
  const day = new Date(endMs).toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });
  return (
    <p class="data-of">
      {[...what, `data of ${day}, ${clockText(startMs, endMs)} to ${clockText(endMs, endMs)}`].join(' · ')}
    </p>
  );
}
