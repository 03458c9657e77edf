/**
 * Keeps finished intervals over a clean restart, in the state directory: above all the one that the end cut off, which
 * hardly any reader can fetch in time. They are written once, when the collector ends, and served by the next process
 * with its own until its memory is full. They are not selected by their times: the wall clock may have been wrong then,
 * or be wrong now. The file is deleted when the next process has an interval of its own: a later one must not take it
 * for the newest data.
 *
 * The file: `LKR2`, the CRC-32 of the rest (little-endian), then an object by `v8.serialize`. Only the same version
 * reads it. A failure to write or read costs those intervals, and a line in the log, never a start or an end.
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { crc32 } from 'node:zlib';
import type { Logger } from 'pino';
import { atMost } from '../../base/atMost.js';
import { messageOf } from '../../base/errors.js';
import { removeFile, replaceFile } from '../../base/files/syncedFile.js';
import { SerialQueue } from '../../base/serialQueue.js';
import { VERSION } from '../../base/version.js';
import type { HeldResults } from '../results/results.js';
import type { StateDirectory } from './state.js';

export const KEPT_RESULTS = 'results.bin';
const MAGIC = Buffer.from('LKR2', 'latin1');
/** Begins files of before: their intervals have no incarnation. */
const OLDER_MAGIC = Buffer.from('LKR1', 'latin1');
const HEADER_BYTES = MAGIC.length + 4;
/** At the end a disk that hangs is not waited for longer than this. */
const SAVE_MS = 500;

interface Content extends HeldResults {
  readonly version: string;
  readonly collector: string;
}

export class KeptResults {
  private readonly directory: Pick<StateDirectory, 'path' | 'setAside'>;
  private readonly collector: string;
  private readonly logger: Logger;
  private readonly queue = new SerialQueue();

  constructor(directory: Pick<StateDirectory, 'path' | 'setAside'>, collector: string, logger: Logger) {
    this.directory = directory;
    this.collector = collector;
    this.logger = logger;
  }

  /** Never rejects. */
  async save({ intervals, droppedCursor }: HeldResults): Promise<void> {
    try {
      const content: Content = { version: VERSION, collector: this.collector, intervals, droppedCursor };
      const bytes = serialize(content);
      const header = Buffer.alloc(HEADER_BYTES);
      MAGIC.copy(header);
      header.writeUInt32LE(crc32(bytes), MAGIC.length);
      const saved = this.queue.run(() => replaceFile(this.path, Buffer.concat([header, bytes]))).then(() => true);
      if ((await atMost(saved, SAVE_MS)) !== true) throw new Error(`the disk took longer than ${SAVE_MS} ms`);
    } catch (error) {
      this.logger.error(
        { file: this.path, error: messageOf(error) },
        'the last intervals cannot be kept; readers that have not read them by now lack them',
      );
    }
  }

  /** The newest of them, at most `most`; undefined without any. Damaged files are quarantined. Never rejects. */
  async load(most: number): Promise<HeldResults | undefined> {
    try {
      const file = await readFile(this.path);
      if (file.subarray(0, OLDER_MAGIC.length).equals(OLDER_MAGIC)) return undefined;
      const content = readContent(file);
      if (content === undefined) {
        await this.directory.setAside(KEPT_RESULTS, 'its bytes are not those that were written');
        return undefined;
      }
      if (content.version !== VERSION || content.collector !== this.collector) return undefined;
      const intervals = content.intervals.slice(-most);
      const dropped = content.intervals.at(-most - 1);
      return intervals.length === 0
        ? undefined
        : { intervals, droppedCursor: dropped?.cursor ?? content.droppedCursor };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        this.logger.error({ file: this.path, error: messageOf(error) }, 'the intervals that were kept cannot be read');
      return undefined;
    }
  }

  /** The kept intervals are no longer the newest. Never rejects. */
  discard(): Promise<void> {
    return this.queue
      .run(() => removeFile(this.path))
      .catch((error: unknown) =>
        this.logger.warn(
          { file: this.path, error: messageOf(error) },
          'the intervals that were kept cannot be removed',
        ),
      );
  }

  private get path(): string {
    return join(this.directory.path, KEPT_RESULTS);
  }
}

function readContent(file: Buffer): Content | undefined {
  const bytes = file.subarray(HEADER_BYTES);
  const whole =
    file.length > HEADER_BYTES &&
    file.subarray(0, MAGIC.length).equals(MAGIC) &&
    file.readUInt32LE(MAGIC.length) === crc32(bytes);
  return whole ? (deserialize(bytes) as Content) : undefined;
}
