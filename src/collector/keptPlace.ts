/**
 * Where the last interval was, over restarts, in the state directory: so that the cursor and `clockEpoch` go on from there, whatever the wall
 * clock says then.
 *
 * It is written at a clean end and, while the cursor is ahead of the wall clock (after a set-back), in advance for many intervals, so that a
 * `kill -9` costs cursors but never repeats one. Without a set-back the cursor of the next process is greater by itself.
 *
 * In the form of `sealedFile.ts` the file has an entry: `{"cursor":…,"endMs":…,"clockEpoch":…}`. What cannot be read counts as absent: readers are told of a gap then.
 */

import { join } from 'node:path';
import type { Logger } from 'pino';
import { SerialQueue } from '../base/serialQueue.js';
import { isRecord } from '../config/problems.js';
import { messageOf } from '../discovery/source.js';
import { damageOf, readSealed, writeSealed } from '../files/sealedFile.js';
import type { IntervalPlace } from './results.js';

export const KEPT_PLACE = 'cursor.json';
const FORMAT = 'llama-place';
/** Cursors that are set aside at a time. */
const IN_ADVANCE = 1_000;

export class KeptPlace {
  private readonly path: string;
  private readonly logger: Logger;
  private readonly queue = new SerialQueue();
  /** Cursors up to this one are on the disk, or on their way to it. */
  private savedCursor = 0;

  constructor(directory: string, logger: Logger) {
    this.path = join(directory, KEPT_PLACE);
    this.logger = logger;
  }

  /** undefined when there is none. Never rejects. */
  async load(): Promise<IntervalPlace | undefined> {
    try {
      const read = await readSealed(this.path, FORMAT);
      if (read === undefined) return undefined;
      if (!('body' in read)) throw new Error(damageOf(read));
      const content: unknown = JSON.parse(read.body);
      if (isPlace(content)) return content;
      throw new Error('it does not hold the place of an interval');
    } catch (error) {
      this.logger.error(
        { file: this.path, error: messageOf(error) },
        'the kept cursor cannot be read; readers may be told of a gap',
      );
      return undefined;
    }
  }

  /** Call with every interval; returns at once. */
  moved({ cursor, endMs, clockEpoch }: IntervalPlace): void {
    if (cursor === endMs || cursor <= this.savedCursor) return;
    this.savedCursor = cursor + IN_ADVANCE;
    // A process that is killed may have reported any end by then: the next one begins an epoch of its own.
    void this.write({ cursor: this.savedCursor, endMs: 0, clockEpoch: clockEpoch + 1 });
  }

  /** At a clean end. Never rejects. */
  async save(place: IntervalPlace): Promise<void> {
    if (place.cursor > 0) await this.write(place);
  }

  private write({ cursor, endMs, clockEpoch }: IntervalPlace): Promise<void> {
    const body = JSON.stringify({ cursor, endMs, clockEpoch });
    return this.queue
      .run(() => writeSealed(this.path, FORMAT, body))
      .catch((error: unknown) =>
        this.logger.error(
          { file: this.path, error: messageOf(error) },
          'the cursor cannot be kept; after a restart readers may be told of a gap',
        ),
      );
  }
}

function isPlace(content: unknown): content is IntervalPlace {
  if (!isRecord(content)) return false;
  return [content.cursor, content.endMs, content.clockEpoch].every(
    (value) => Number.isSafeInteger(value) && Number(value) >= 0,
  );
}
