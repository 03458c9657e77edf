/**
 * Where the last interval was, from the end of a process to the start of the next one, in the state directory: so that cursor and `clockEpoch` go on
 * from there, whatever the wall clock says then.
 *
 * It is written at a clean end, and taken away by the process that goes on from it, before that has an interval of its own. So a process that was
 * killed leaves none: how far it came is not known, the next one begins an incarnation of its own, and readers are told of a gap.
 *
 * In the form of `sealedFile.ts` the file has an entry: `{"incarnation":…,"cursor":…,"endMs":…,"clockEpoch":…}`. What cannot be read, or not be
 * removed, counts as absent.
 */

import { join } from 'node:path';
import type { Logger } from 'pino';
import { damageOf, readSealed, writeSealed } from '../../base/files/sealedFile.js';
import { removeFile } from '../../base/files/syncedFile.js';
import { isRecord } from '../../config/files/problems.js';
import { messageOf } from '../../targets/source.js';
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

  /** For the process that goes on from there; undefined when there is none. Never rejects. */
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

  /** After a start that failed: no interval came of it. Never rejects. */
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
