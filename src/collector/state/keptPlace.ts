/**
 * The identity of the last interval, kept in the state directory from the end of a process to the start of the next, so
 * that cursor and `clockEpoch` continue from it whatever the wall clock shows then.
 *
 * It is written at a clean end. The process that continues from it deletes it before its first interval. So a killed
 * process leaves none: how far it came is unknown, the next one begins a new incarnation, and readers are told of a
 * gap.
 *
 * In the form of `sealedFile.ts` the file has an entry: `{"incarnation":…,"cursor":…,"endMs":…,"clockEpoch":…}`. A file
 * that cannot be read, or not be removed, counts as absent.
 */

import { join } from 'node:path';
import type { Logger } from 'pino';
import { messageOf } from '../../base/errors.js';
import { damageOf, readSealed, writeSealed } from '../../base/files/sealedFile.js';
import { removeFile } from '../../base/files/syncedFile.js';
import { isRecord } from '../../config/files/problems.js';
import type { IntervalPlace } from '../results/results.js';

export const KEPT_PLACE = 'cursor.json';
const FORMAT = 'llama-place';

export class KeptPlace {
  private readonly path: string;
  private readonly logger: Logger;
  private taken: IntervalPlace | undefined;

  constructor(directory: string, logger: Logger) {
    this.path = join(directory, KEPT_PLACE);
    this.logger = logger;
  }

  /** For the process that continues from there; undefined when absent. Never rejects. */
  async take(): Promise<IntervalPlace | undefined> {
    try {
      const read = await readSealed(this.path, FORMAT);
      if (read === undefined) return undefined;
      await removeFile(this.path);
      if (!('body' in read)) throw new Error(damageOf(read));
      const content: unknown = JSON.parse(read.body);
      if (isPlace(content)) {
        this.taken = content;
        return content;
      }
      throw new Error('it does not hold the place of an interval');
    } catch (error) {
      this.logger.error(
        { file: this.path, error: messageOf(error) },
        'the kept cursor cannot be taken over; readers are told of a gap',
      );
      return undefined;
    }
  }

  /** After a failed start, which produced no interval. Never rejects. */
  async giveBack(): Promise<void> {
    if (this.taken !== undefined) await this.save(this.taken);
  }

  /** At a clean end. Never rejects. */
  async save({ incarnation, cursor, endMs, clockEpoch }: IntervalPlace): Promise<void> {
    const body = JSON.stringify({ incarnation, cursor, endMs, clockEpoch });
    await writeSealed(this.path, FORMAT, body).catch((error: unknown) =>
      this.logger.error(
        { file: this.path, error: messageOf(error) },
        'the cursor cannot be kept; after the restart readers are told of a gap',
      ),
    );
  }
}

function isPlace(content: unknown): content is IntervalPlace {
  if (!isRecord(content)) return false;
  return [content.incarnation, content.cursor, content.endMs, content.clockEpoch].every(
    (value) => Number.isSafeInteger(value) && Number(value) >= 0,
  );
}
