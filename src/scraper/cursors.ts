/**
 * How far each collector was read: the end of the last interval that is safe with every writer. On the disk at most about a second later, so
 * that a crash fetches again what was delivered since, which does no harm; a cursor is never ahead of what is safe.
 */

import { dirname } from 'node:path';
import type { Logger } from 'pino';
import { SerialQueue } from '../base/serialQueue.js';
import { isRecord } from '../config/problems.js';
import { makeDirectory } from '../files/makeDirectory.js';
import { diskReason } from '../files/ownDirectory.js';
import { damageOf, readSealed, setAside, writeSealed } from '../files/sealedFile.js';

const SAVE_AFTER_MS = 1000;
const PRIVATE = 0o700;
const FORMAT = 'llama-cursors';

export class Cursors {
  /** Saves that the disk refused. */
  errors = 0;
  private readonly path: string;
  private readonly logger: Logger;
  private readonly saveAfterMs: number;
  private readonly ends: Map<string, number>;
  private changed = false;
  private timer: NodeJS.Timeout | undefined;
  private readonly queue = new SerialQueue();
  private failing = false;

  private constructor(path: string, ends: Map<string, number>, logger: Logger, saveAfterMs: number) {
    this.path = path;
    this.ends = ends;
    this.logger = logger;
    this.saveAfterMs = saveAfterMs;
  }

  /** Reads the file at `path`, whose directory must be there. A damaged one is set aside, and the log says so: all is fetched again then. */
  static async open(path: string, logger: Logger, saveAfterMs: number = SAVE_AFTER_MS): Promise<Cursors> {
    return new Cursors(path, await load(path, logger), logger, saveAfterMs);
  }

  /** End of the last interval of this collector that is safe, epoch ms; undefined when there is none. */
  get(url: string): number | undefined {
    return this.ends.get(url);
  }

  /** Every interval of this collector up to `endMs` is safe. A cursor never goes back: an earlier end changes nothing. */
  advance(url: string, endMs: number): void {
    const before = this.ends.get(url);
    if (!Number.isFinite(endMs) || (before !== undefined && endMs <= before)) return;
    this.ends.set(url, endMs);
    this.saveSoon();
  }

  /** Forgets a collector, so that it is read from its oldest interval again: it was removed, or its clock was set back. */
  forget(url: string): void {
    if (this.ends.delete(url)) this.saveSoon();
  }

  /** Puts all cursors on the disk. Rejects with the disk's error; they are saved later then. */
  async flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    await this.queue.run(() => this.save());
  }

  private saveSoon(): void {
    this.changed = true;
    this.timer ??= setTimeout(() => {
      // It was told, and is tried again.
      this.flush().catch(() => undefined);
    }, this.saveAfterMs).unref();
  }

  private async save(): Promise<void> {
    if (!this.changed) return;
    this.changed = false;
    const cursors = Object.fromEntries([...this.ends].sort(([a], [b]) => (a < b ? -1 : 1)));
    try {
      // The directory may have been removed since the last time.
      await makeDirectory(dirname(this.path), PRIVATE);
      await writeSealed(this.path, FORMAT, JSON.stringify(cursors));
      if (this.failing) this.logger.info({ file: this.path }, 'the cursors are saved again');
      this.failing = false;
    } catch (error) {
      this.errors++;
      if (!this.failing)
        this.logger.error(
          { file: this.path, error: diskReason(error) },
          'the cursors cannot be saved; after a crash more is fetched again',
        );
      this.failing = true;
      this.saveSoon();
      throw error;
    }
  }
}

async function load(path: string, logger: Logger): Promise<Map<string, number>> {
  let damage: string;
  try {
    const read = await readSealed(path, FORMAT);
    if (read === undefined) return new Map();
    const ends = 'body' in read ? endsOf(JSON.parse(read.body)) : damageOf(read);
    if (typeof ends !== 'string') return ends;
    damage = ends;
  } catch (error) {
    damage = `it cannot be read: ${diskReason(error)}`;
  }
  try {
    const aside = await setAside(path);
    logger.error(
      { file: path, aside, damage },
      'a damaged file of cursors was set aside; what collectors still hold is fetched again',
    );
  } catch (error) {
    logger.error(
      { file: path, damage, why: diskReason(error) },
      'a damaged file of cursors cannot be set aside; what collectors still hold is fetched again',
    );
  }
  return new Map();
}

/** The cursors, or what is wrong with them. */
function endsOf(cursors: unknown): Map<string, number> | string {
  if (!isRecord(cursors)) return 'it has no object of cursors';
  const ends = new Map<string, number>();
  for (const [url, endMs] of Object.entries(cursors)) {
    if (typeof endMs !== 'number' || !Number.isFinite(endMs)) return `the cursor of ${url} is not a number`;
    ends.set(url, endMs);
  }
  return ends;
}
