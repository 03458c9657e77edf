/** Sends a reader interval after interval, at the reader's pace: the next one is looked up when there is room for it, not before. */

import type { EventStream, ServerEvent } from './eventStream.js';

/** Where intervals come from, with a cursor over them. */
export interface Followed<Interval> {
  /**
   * The first interval after a cursor, undefined while there is none; `gap`: one between them is no longer held; `seen`: where to go on
   * looking when nothing in between is for this reader.
   */
  firstAfter(cursor: number): {
    readonly interval: Interval | undefined;
    readonly gap: boolean;
    readonly seen?: number;
  };
  /** Calls `listener` when there is something new; the result ends that. */
  subscribe(listener: () => void): () => void;
  cursorOf(interval: Interval): number;
  /** Data of the events. */
  data(interval: Interval): ServerEvent['data'];
  gap(after: number, next: Interval): string;
}

export interface Reader {
  readonly stream: EventStream;
  /** Of the last interval that it has. */
  readonly cursor: number;
  /** Most intervals. */
  readonly limit: number | undefined;
  /** Whether it may have another interval. */
  readonly allowed: () => boolean;
  /** Called with every gap that it is told of. */
  readonly missed: () => void;
}

/** Resolves when the stream is over. */
export async function follow<Interval>(reader: Reader, followed: Followed<Interval>): Promise<void> {
  const { stream } = reader;
  let wake = (): void => {};
  const unsubscribe = followed.subscribe(() => wake());
  void stream.closed.then(() => wake());
  try {
    let { cursor } = reader;
    let left = reader.limit ?? Number.POSITIVE_INFINITY;
    while (stream.open && left > 0) {
      const { interval, gap, seen } = followed.firstAfter(cursor);
      if (interval === undefined) {
        if (!gap) cursor = seen ?? cursor;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      if (!reader.allowed()) break;
      if (gap) {
        reader.missed();
        await stream.send({ event: 'gap', data: followed.gap(cursor, interval) });
      }
      const id = followed.cursorOf(interval);
      await stream.send({ event: 'interval', id, data: followed.data(interval) });
      cursor = id;
      left -= 1;
    }
  } finally {
    unsubscribe();
    stream.end();
  }
}
