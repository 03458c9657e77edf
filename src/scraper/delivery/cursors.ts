/**
 * How far each collector was read: the cursor of the last interval that is safe with every writer, and the data that
 * tell its intervals apart. Saved to disk about a second later at most. After a crash, intervals delivered since are
 * fetched again, which does no harm. Invariant: a cursor is never ahead of the safe intervals.
 */

import { dirname } from 'node:path';
import type { Logger } from 'pino';
import { makeDirectory } from '../../base/files/makeDirectory.js';
import { damageOf, readSealed, setAside, writeSealed } from '../../base/files/sealedFile.js';
import { SerialQueue } from '../../base/serialQueue.js';
import { isRecord } from '../../config/files/problems.js';
import { diskReason } from '../../net/ownDirectory.js';
import { CollectorEpochs } from '../results/collectorEpochs.js';
import { SameEnds } from './sameEnds.js';

const SAVE_AFTER_MS = 1000;
const PRIVATE = 0o700;
const FORMAT = 'llama-cursors';

export class Cursors {
  /** Saves that the disk refused. */
  errors = 0;
  /** Kept as often as the cursors. */
  readonly epochs: CollectorEpochs;
  readonly ends: SameEnds;
  private readonly path: string;
  private readonly logger: Logger;
  private readonly saveAfterMs: number;
  private readonly cursors: Map<string, number>;
  private changed = false;
  private timer: NodeJS.Timeout | undefined;
  private readonly queue = new SerialQueue();
  private failing = false;

  private constructor(path: string, { cursors, epochs, ends }: Content, logger: Logger, saveAfterMs: number) {
    this.path = path;
    this.cursors = cursors;
    this.epochs = epochs;
    this.ends = ends;
    this.logger = logger;
    this.saveAfterMs = saveAfterMs;
  }

  /**
   * Reads the file at `path`; its directory must exist. A damaged file is quarantined and logged; all intervals are
   * then fetched again.
   */
  static async open(path: string, logger: Logger, saveAfterMs: number = SAVE_AFTER_MS): Promise<Cursors> {
    return new Cursors(path, await load(path, logger), logger, saveAfterMs);
  }

  /** Cursor of the collector's last safe interval; undefined when absent. */
  get(key: string): number | undefined {
    return this.cursors.get(key);
  }

  /** Every interval of this collector up to `cursor` is safe. A cursor smaller than the stored one changes nothing. */
  advance(key: string, cursor: number): void {
    const before = this.cursors.get(key);
    if (!Number.isFinite(cursor) || (before !== undefined && cursor <= before)) return;
    this.cursors.set(key, cursor);
    this.saveSoon();
  }

  /**
   * Forgets a collector's cursor, so that the collector is read from its oldest interval again. Used when the collector
   * does not know the cursor.
   */
  forget(key: string): void {
    if (this.cursors.delete(key)) this.saveSoon();
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
      // The failure is logged already, and the save is retried.
      this.flush().catch(() => undefined);
    }, this.saveAfterMs).unref();
  }

  private async save(): Promise<void> {
    if (!this.changed) return;
    this.changed = false;
    const { epochs, ends } = this;
    const cursors = Object.fromEntries([...this.cursors].sort(([a], [b]) => (a < b ? -1 : 1)));
    try {
      // The directory may have been removed since the last time.
      await makeDirectory(dirname(this.path), PRIVATE);
      await writeSealed(this.path, FORMAT, JSON.stringify({ cursors, epochs, ends }));
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

interface Content {
  readonly cursors: Map<string, number>;
  readonly epochs: CollectorEpochs;
  readonly ends: SameEnds;
}

const nothing = (): Content => ({ cursors: new Map(), epochs: new CollectorEpochs(), ends: new SameEnds() });

async function load(path: string, logger: Logger): Promise<Content> {
  let damage: string;
  try {
    const read = await readSealed(path, FORMAT);
    if (read === undefined) return nothing();
    const content = 'body' in read ? contentOf(JSON.parse(read.body)) : damageOf(read);
    if (typeof content !== 'string') return content;
    damage = content;
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
  return nothing();
}

/** The content, or a description of the error in it. */
function contentOf(content: unknown): Content | string {
  if (!isRecord(content) || !isRecord(content.cursors)) return 'it has no object of cursors';
  const read = nothing();
  for (const [key, cursor] of Object.entries(content.cursors)) {
    if (typeof cursor !== 'number' || !Number.isFinite(cursor)) return `the cursor of ${key} is not a number`;
    read.cursors.set(key, cursor);
  }
  if (!read.epochs.restore(content.epochs)) return 'its epochs are not those of collectors';
  if (!read.ends.restore(content.ends)) return 'its ends are not those of intervals';
  return read;
}
