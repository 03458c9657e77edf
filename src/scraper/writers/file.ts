/**
 * Points in files of line protocol. Acknowledged points are on the disk, and no interval is there twice: a database
 * overwrites a repeated point, a file would not. So the writer knows which intervals its open file and the last closed
 * ones contain, and counts their lines. When an interval comes again after a crash in its middle, the writer adds only
 * the missing lines.
 *
 * One write at a time: a second call waits for the first.
 */

import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { stillThere, syncDirectory } from '../../base/files/syncedFile.js';
import { type FileConfig, type PointLayout, WRITER_DEFAULTS } from '../../config/scraper/writerConfig.js';
import { DirectoryLock } from '../../net/directoryLock.js';
import { diskReason } from '../../net/ownDirectory.js';
import type { CollectedInterval, Writer, Written } from '../results/types.js';
import {
  begunMsOf,
  closeName,
  cutTorn,
  keyOf,
  linesWithKey,
  listFiles,
  openName,
  removeOldest,
  scanFile,
} from './files.js';
import { linesOf } from './points.js';
import { WriteLater } from './retryableError.js';

const LOCK = '.lock';
/** Readable by others: Telegraf and similar tools read the files. */
const MODE = 0o644;
const DIR_MODE = 0o755;

/**
 * Closed files that are searched for a repeated interval: more than one write of the delivery and one segment of its
 * spool.
 */
const KNOWN_BYTES = 128 * 1024 * 1024;

interface ClosedFile {
  readonly name: string;
  readonly bytes: number;
  readonly counts: ReadonlyMap<string, number>;
}

interface OpenFile {
  readonly name: string;
  readonly begunMs: number;
  readonly handle: FileHandle;
  bytes: number;
  /** Size up to which the content is acknowledged. */
  syncedBytes: number;
}

/** @throws LlamaError `LLAMA_STATE_UNWRITABLE`, or `LLAMA_STATE_IN_USE` when another writer has the directory. */
export async function openFileWriter(
  config: FileConfig,
  name: string,
  logger: Logger,
  now: () => number = Date.now,
): Promise<Writer> {
  const lock = await DirectoryLock.open(config.dir, LOCK, 'by dir', DIR_MODE);
  return new FileWriter(config, name, logger, now, lock);
}

class FileWriter implements Writer {
  readonly name: string;
  private readonly dir: string;
  private readonly layout: PointLayout;
  private readonly maxBytes: number;
  private readonly maxAgeMs: number;
  private readonly keep: number;
  private readonly logger: Logger;
  private readonly now: () => number;
  private readonly lock: DirectoryLock;
  /**
   * Undefined before the first write, after a rotation, and after an error that leaves the content of the file unknown.
   */
  private file: OpenFile | undefined;
  private resumed = false;
  /** Lines of each interval in the open file. */
  private counts = new Map<string, number>();
  /** The same of the last closed files, oldest first, and of all of them together. */
  private closed: ClosedFile[] = [];
  private before = new Map<string, number>();
  /**
   * Epochs of the collector's clock in which each of these intervals was written by this process: another epoch is
   * another interval of the same end.
   */
  private readonly epochs = new Map<string, Set<number>>();

  constructor(config: FileConfig, name: string, logger: Logger, now: () => number, lock: DirectoryLock) {
    this.name = name;
    this.dir = config.dir;
    this.layout = config.layout ?? WRITER_DEFAULTS.layout;
    this.maxBytes = config.maxBytes ?? WRITER_DEFAULTS.maxBytes;
    this.maxAgeMs = config.maxAgeMs ?? WRITER_DEFAULTS.maxAgeMs;
    this.keep = config.keep ?? WRITER_DEFAULTS.keep;
    this.logger = logger;
    this.now = now;
    this.lock = lock;
  }

  async write(intervals: readonly CollectedInterval[]): Promise<Written> {
    let points = 0;
    const noted: (readonly [string, number])[] = [];
    try {
      if (await this.lock.renew()) {
        this.logger.error({ dir: this.dir }, 'the directory of the files was removed; it was made again');
        await this.forget();
      }
      if (!this.resumed) await this.resume();
      for (const interval of intervals) {
        const lines = await linesOf([interval], this.layout, 'ns');
        points += lines.length;
        await this.append(lines, interval.clockEpoch ?? 0, noted);
      }
      if (this.file !== undefined) {
        await this.file.handle.datasync();
        await stillThere(this.file.handle, join(this.dir, this.file.name));
        this.file.syncedBytes = this.file.bytes;
      }
    } catch (error) {
      for (const [key, epoch] of noted) this.epochs.get(key)?.delete(epoch);
      await this.forget();
      throw new WriteLater(`${this.dir}: ${diskReason(error)}`, { cause: error });
    }
    return { points, rejected: 0, reasons: [] };
  }

  async close(): Promise<void> {
    await this.file?.handle.close();
    this.file = undefined;
    await this.lock.close();
  }

  private async append(lines: readonly string[], epoch: number, noted: (readonly [string, number])[]): Promise<void> {
    const first = lines[0];
    if (first === undefined) return;
    const key = keyOf(first);
    const isAnother = this.isAnother(key, epoch);
    if (isAnother !== false) noted.push([key, epoch]);
    const held = isAnother === true ? 0 : (this.counts.get(key) ?? 0) + (this.before.get(key) ?? 0);
    if (held >= lines.length) return;
    const missing = held === 0 ? lines : await this.missing(key, lines);
    const bytes = Buffer.from(`${missing.join('\n')}\n`);
    const file = await this.fileFor(bytes.length);
    await file.handle.appendFile(bytes);
    file.bytes += bytes.length;
    this.counts.set(key, (this.counts.get(key) ?? 0) + missing.length);
  }

  /**
   * Notes the epoch of an interval. True: one of the same end was written in another epoch. Undefined: this is the
   * first of its end that is known.
   */
  private isAnother(key: string, epoch: number): boolean | undefined {
    const known = this.epochs.get(key);
    if (known?.has(epoch)) return false;
    if (known === undefined || known.size === 0) this.epochs.set(key, new Set([epoch]));
    else known.add(epoch);
    return known !== undefined && known.size > 1 ? true : undefined;
  }

  private async missing(key: string, lines: readonly string[]): Promise<string[]> {
    const held = new Set<string>();
    const names = this.closed.flatMap(({ name, counts }) => (counts.has(key) ? name : []));
    if (this.file !== undefined) names.push(this.file.name);
    for (const name of names) for (const line of await linesWithKey(join(this.dir, name), key)) held.add(line);
    return lines.filter((line) => !held.has(line));
  }

  /** The file that the next bytes belong into; a file that would become too large or is too old is closed before. */
  private async fileFor(bytes: number): Promise<OpenFile> {
    const { file } = this;
    if (file !== undefined) {
      const full = file.bytes > 0 && file.bytes + bytes > this.maxBytes;
      if (!full && this.now() - file.begunMs < this.maxAgeMs) return file;
      await this.rotate(file);
    }
    const { closed } = await listFiles(this.dir);
    const lastMs = closed.length === 0 ? 0 : begunMsOf(closed[closed.length - 1]);
    // After the clock was set back, too, names are in the order of writing.
    const name = openName(Math.max(this.now(), lastMs + 1));
    const handle = await open(join(this.dir, name), 'ax', MODE);
    this.file = { name, begunMs: begunMsOf(name), handle, bytes: 0, syncedBytes: 0 };
    await syncDirectory(this.dir);
    return this.file;
  }

  private async rotate(file: OpenFile): Promise<void> {
    await file.handle.datasync();
    await file.handle.close();
    this.file = undefined;
    this.know({ name: await closeName(this.dir, file.name), bytes: file.bytes, counts: this.counts });
    this.counts = new Map();
    for (const key of this.epochs.keys()) if (!this.before.has(key)) this.epochs.delete(key);
    await removeOldest(this.dir, (await listFiles(this.dir)).closed, this.keep);
  }

  /** Remembers the content of a closed file, and forgets the oldest files that are no longer needed. */
  private know(file: ClosedFile): void {
    this.closed.push(file);
    for (const [key, lines] of file.counts) this.before.set(key, (this.before.get(key) ?? 0) + lines);
    let bytes = this.closed.reduce((sum, { bytes }) => sum + bytes, 0);
    for (let oldest = this.closed[0]; oldest !== undefined; oldest = this.closed[0]) {
      bytes -= oldest.bytes;
      if (bytes < KNOWN_BYTES) return;
      this.closed.shift();
      for (const [key, lines] of oldest.counts) {
        const left = (this.before.get(key) ?? 0) - lines;
        if (left > 0) this.before.set(key, left);
        else this.before.delete(key);
      }
    }
  }

  /** Reads the content of the files, at the start and after an error. */
  private async resume(): Promise<void> {
    const { closed, open: opened } = await listFiles(this.dir);
    const name = opened.pop();
    // A crash in the midst of a rotation cannot leave two, but a copy of the directory may.
    for (const other of opened) closed.push(await closeName(this.dir, other));
    this.closed = [];
    this.before = new Map();
    this.counts = new Map();
    const recent: ClosedFile[] = [];
    let bytes = 0;
    for (const name of closed.sort().reverse()) {
      if (bytes >= KNOWN_BYTES) break;
      const scanned = await scanFile(join(this.dir, name));
      bytes += scanned.bytes;
      recent.push({ name, bytes: scanned.bytes, counts: scanned.counts });
    }
    for (const file of recent.reverse()) this.know(file);
    if (name !== undefined) {
      const path = join(this.dir, name);
      const scanned = await scanFile(path);
      if (scanned.tornBytes > 0) {
        await cutTorn(path, scanned);
        this.logger.warn({ file: path, bytes: scanned.tornBytes }, 'cut the torn last line that a crash left');
      }
      this.counts = scanned.counts;
      const handle = await open(path, 'a', MODE);
      this.file = { name, begunMs: begunMsOf(name), handle, bytes: scanned.bytes, syncedBytes: scanned.bytes };
    }
    this.resumed = true;
  }

  /**
   * After an error the number of written bytes is unknown. Bytes that were not acknowledged are cut, because the kernel
   * may have dropped data it could not sync and still show them. The file is read again before the next write.
   */
  private async forget(): Promise<void> {
    await this.file?.handle.truncate(this.file.syncedBytes).catch(() => undefined);
    await this.file?.handle.close().catch(() => undefined);
    this.file = undefined;
    this.resumed = false;
  }
}
