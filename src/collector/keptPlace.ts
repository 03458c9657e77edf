/**
 * Where the last interval was, over restarts, in the state directory: so that the cursor and `clockEpoch` go on from there, whatever the wall
 * clock says then.
 *
 * It is written at a clean end and, while the cursor is ahead of the wall clock (after a set-back), in advance for many intervals, so that a
 * `kill -9` costs cursors but never repeats one. Without a set-back the cursor of the next process is greater by itself.
 *
 * The file: JSON, `{ "version": 1, "cursor", "endMs", "clockEpoch" }`. What cannot be read counts as absent: readers are told of a gap then.
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { SerialQueue } from '../base/serialQueue.js';
import { messageOf } from '../discovery/source.js';
import { replaceFile } from '../files/syncedFile.js';
import type { IntervalPlace } from './results.js';

export const KEPT_PLACE = 'cursor.json';
const FORMAT = 1;
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
      const content: unknown = JSON.parse(await readFile(this.path, 'utf8'));
      if (isPlace(content)) return content;
      this.logger.error({ file: this.path }, 'the kept cursor cannot be read; readers may be told of a gap');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        this.logger.error(
          { file: this.path, error: messageOf(error) },
          'the kept cursor cannot be read; readers may be told of a gap',
        );
    }
    return undefined;
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
    const text = `${JSON.stringify({ version: FORMAT, cursor, endMs, clockEpoch })}\n`;
    return this.queue
      .run(() => replaceFile(this.path, text))
      .catch((error: unknown) =>
        this.logger.error(
          { file: this.path, error: messageOf(error) },
          'the cursor cannot be kept; after a restart readers may be told of a gap',
        ),
      );
  }
}

function isPlace(content: unknown): content is IntervalPlace {
  if (typeof content !== 'object' || content === null || Reflect.get(content, 'version') !== FORMAT) return false;
  return ['cursor', 'endMs', 'clockEpoch'].every((name) => {
    const value: unknown = Reflect.get(content, name);
    return Number.isSafeInteger(value) && (value as number) >= 0;
  });
}
