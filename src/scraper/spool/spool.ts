/**
 * The on-disk queue of intervals for an unavailable writer: safe against a crash once `append` has resolved, read
 * oldest first, removed when settled. Segment files are in `spoolSegment.ts`, the record format in `spoolRecord.ts`.
 *
 * It never grows over its bound: the oldest segment is dropped to make room, and every interval in it is named. It
 * never returns an interval that differs from the appended one: a damaged record is left out, and counted. After a
 * crash, a settled interval may be returned again.
 */

import { readdir } from 'node:fs/promises';
import type { Logger } from 'pino';
import { syncDirectory } from '../../base/files/syncedFile.js';
import { SerialQueue } from '../../base/serialQueue.js';
import { DirectoryLock } from '../../net/directoryLock.js';
import { diskReason } from '../../net/ownDirectory.js';
import type { CollectedInterval } from '../results/types.js';
import { decodeRecord, encodeRecord, nameOf, type RecordName } from './spoolRecord.js';
import { SpoolReport } from './spoolReport.js';
import { type Appending, Run, type SpoolEntry } from './spoolRun.js';
import { fileName, Segment, segmentIds } from './spoolSegment.js';

const LOCK = 'lock';
/** A full spool gives up one segment at a time: a small part of it. */
const SEGMENTS = 16;
const MAX_SEGMENT_BYTES = 8 * 1024 * 1024;

export interface Taken {
  readonly entry: SpoolEntry;
  readonly interval: CollectedInterval;
}

export class Spool {
  readonly report: SpoolReport;
  private readonly dir: string;
  private readonly maxBytes: number;
  private readonly logger: Logger;
  private readonly lock: DirectoryLock;
  /** Oldest first; the last one may be open for writing. */
  private segments: Segment[] = [];
  private writing: Segment | undefined;
  private nextId = 1;
  private appending: Appending[] = [];
  /** All that reads or changes segments happens one after the other. */
  private readonly queue = new SerialQueue();

  private constructor(dir: string, maxBytes: number, logger: Logger, lock: DirectoryLock) {
    this.dir = dir;
    this.maxBytes = maxBytes;
    this.logger = logger;
    this.report = new SpoolReport(dir, logger);
    this.lock = lock;
  }

  /**
   * Opens the spool in `dir`, with the intervals that an earlier process left; creates `dir` when missing.
   * @throws LlamaError `LLAMA_STATE_UNWRITABLE`, or `LLAMA_STATE_IN_USE` when another process has it.
   */
  static async open(dir: string, maxBytes: number, logger: Logger): Promise<Spool> {
    const spool = new Spool(dir, maxBytes, logger, await DirectoryLock.open(dir, LOCK, 'by stateDir'));
    await spool.load();
    return spool;
  }

  get bytes(): number {
    return this.segments.reduce((sum, segment) => sum + segment.bytes, 0);
  }

  get intervals(): number {
    return this.segments.reduce((sum, segment) => sum + segment.left, 0);
  }

  /**
   * Appends an interval; it is on the disk when this resolves. It is reserved: `take` skips it before `release`,
   * because the writer may be writing it just now. Resolves with `lost` when it was dropped for lack of space, by name.
   * Rejects with the disk's error; nothing has changed then.
   */
  async append(interval: CollectedInterval): Promise<SpoolEntry | 'lost'> {
    const record = await encodeRecord(interval);
    const done = new Promise<SpoolEntry | 'lost'>((resolve, reject) => {
      this.appending.push({ record, done: resolve, failed: reject });
    });
    // Records that arrive while the disk is busy share one sync.
    void this.queue.run(() => this.flush());
    return done;
  }

  /** The oldest intervals, of at most `maxRows` rows but at least one; reserved until they are settled or released. */
  take(maxRows: number): Promise<Taken[]> {
    return this.queue.run(async () => {
      const taken: Taken[] = [];
      let rows = 0;
      for (const segment of [...this.segments]) {
        const found: { offset: number; record: Buffer }[] = [];
        await this.each(segment, (offset, record) => {
          const more = nameOf(record).rows;
          if (rows > 0 && rows + more > maxRows) return false;
          rows += more;
          found.push({ offset, record });
          return rows < maxRows;
        });
        for (const { offset, record } of found) taken.push(...(await this.unpack(segment, offset, record)));
        if (segment.done) await this.remove(segment);
        else if (found.length > 0 || rows > 0) break;
      }
      return taken;
    });
  }

  /** The writer has them. */
  settle(entries: readonly SpoolEntry[]): Promise<void> {
    return this.queue.run(async () => {
      const begun = new Set<Segment>();
      for (const { segment, offset, length } of entries) {
        if (segment.dropped) continue;
        segment.settleRecord(offset, length);
        begun.add(segment);
      }
      for (const segment of begun) await (segment.done ? this.remove(segment) : segment.mark());
    });
  }

  /** They were not written: `take` returns them again, unless they were dropped to make room meanwhile. */
  release(entries: readonly SpoolEntry[]): void {
    const lost: RecordName[] = [];
    for (const { segment, offset, name } of entries) {
      if (segment.dropped) lost.push(name);
      else segment.held.delete(offset);
    }
    this.report.lost(lost);
  }

  async close(): Promise<void> {
    await this.queue.run(async () => {
      await this.writing?.seal();
      await this.lock.close();
    });
  }

  private async load(): Promise<void> {
    const ids = segmentIds(await readdir(this.dir));
    this.nextId = (ids.at(-1) ?? 0) + 1;
    for (const id of ids) {
      try {
        const { segment, records, damaged, tornBytes } = await Segment.read(this.dir, id, id === ids.at(-1));
        if (damaged > 0) this.report.damaged(segment.path, damaged);
        if (tornBytes > 0) {
          const file = segment.path;
          this.logger.warn(
            { file, bytes: tornBytes },
            'cut an unfinished interval from the spool; it had not been reported safe',
          );
        }
        this.segments.push(segment);
        if (records === 0) await this.remove(segment);
      } catch (error) {
        this.report.damagedRecords++;
        const file = `${this.dir}/${fileName(id)}`;
        this.logger.error(
          { file, error: diskReason(error) },
          'a file of the spool cannot be read; its intervals are left out',
        );
      }
    }
    if (this.intervals > 0)
      this.logger.info(
        { dir: this.dir, intervals: this.intervals },
        'intervals from before the start wait in the spool',
      );
  }

  /** Writes the waiting records. Each append resolves once its record is synced, or rejects. */
  private async flush(): Promise<void> {
    const group = this.appending;
    this.appending = [];
    const run = new Run();
    let next = 0;
    try {
      await this.followDirectory();
      for (; next < group.length; next++) {
        const appending = group[next];
        const { record } = appending;
        if (record.length > this.maxBytes) {
          this.report.lost([nameOf(record)]);
          appending.done('lost');
          continue;
        }
        await this.makeRoom(record.length, run);
        const segment = this.writing ?? (await this.begin());
        const offset = segment.bytes + run.bytes;
        await segment.write(record, offset);
        run.add(appending, { segment, offset, length: record.length, name: nameOf(record) });
      }
      await run.commit();
    } catch (error) {
      this.report.errors++;
      await this.writing?.giveUp();
      if (this.writing?.bytes === 0) await this.remove(this.writing);
      this.writing = undefined;
      run.fail(error);
      for (const { failed } of group.slice(next)) failed(error);
    }
  }

  /**
   * Continues in a new directory where the old one was removed. Intervals in the old one are found lost when they are
   * read.
   */
  private async followDirectory(): Promise<void> {
    if (!(await this.lock.renew())) return;
    this.logger.error({ dir: this.dir }, 'the directory of the spool was removed; it was made again');
    await this.writing?.seal();
    this.writing = undefined;
  }

  /** Ends the segment that is full, and drops the oldest ones until `bytes` more are within the bound. */
  private async makeRoom(bytes: number, run: Run): Promise<void> {
    const segmentBytes = Math.min(MAX_SEGMENT_BYTES, this.maxBytes / SEGMENTS);
    const { writing } = this;
    const used = (writing?.bytes ?? 0) + run.bytes;
    if (writing !== undefined && used > 0 && used + bytes > segmentBytes) {
      await run.commit();
      await writing.seal();
      this.writing = undefined;
    }
    while (this.bytes + run.bytes + bytes > this.maxBytes) {
      const oldest = this.segments[0];
      if (oldest === undefined) break;
      await run.commit();
      const names: RecordName[] = [];
      await this.each(oldest, (_offset, record) => names.push(nameOf(record)) > 0);
      oldest.dropped = true;
      await this.remove(oldest);
      this.report.lost(names);
    }
  }

  private async begin(): Promise<Segment> {
    const segment = await Segment.create(this.dir, this.nextId++);
    this.writing = segment;
    this.segments.push(segment);
    await syncDirectory(this.dir);
    return segment;
  }

  private async unpack(segment: Segment, offset: number, record: Buffer): Promise<Taken[]> {
    try {
      const interval = await decodeRecord(record);
      segment.held.add(offset);
      return [{ entry: { segment, offset, length: record.length, name: nameOf(record) }, interval }];
    } catch {
      this.report.damaged(segment.path, 1);
      segment.settleRecord(offset, record.length);
      return [];
    }
  }

  /** Walks through a segment; one that cannot be read any more is given up. */
  private async each(segment: Segment, visit: (offset: number, record: Buffer) => boolean): Promise<void> {
    try {
      const damaged = await segment.each(({ offset, record }) => visit(offset, record));
      if (damaged > 0) this.report.damaged(segment.path, damaged);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT' && code !== 'EIO') throw error;
      this.report.damagedRecords += segment.left;
      const { path, left } = segment;
      this.logger.error(
        { file: path, intervals: left, error: diskReason(error) },
        'a file of the spool is gone; its intervals are lost',
      );
      segment.dropped = true;
      await this.remove(segment);
    }
  }

  private async remove(segment: Segment): Promise<void> {
    this.segments = this.segments.filter((other) => other !== segment);
    if (this.writing === segment) this.writing = undefined;
    await segment.remove().catch((error: Error) => {
      this.logger.warn(
        { file: segment.path, error: diskReason(error) },
        'a file of the spool that is done with cannot be removed',
      );
    });
  }
}
