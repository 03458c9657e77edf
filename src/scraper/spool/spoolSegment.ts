/**
 * One file of a spool: records one after the other, appended until it is full, read from the front, removed when all of
 * it is settled.
 *
 * `from` is the start of the first record that is not settled. Settled or damaged records behind it are in `settled`
 * until `from` gets there.
 */

import { type FileHandle, open, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { FILE_MODE, stillThere } from '../../base/files/syncedFile.js';
import { findRecord, HEADER_BYTES, isRecord, isUnfinished, MAX_RECORD_BYTES, recordLength } from './spoolRecord.js';

const FILE = /^(\d{12})\.spool$/;

interface Found {
  readonly offset: number;
  readonly record: Buffer;
}

interface Opened {
  readonly segment: Segment;
  readonly records: number;
  /** Stretches in which no record could be read. */
  readonly damaged: number;
  /** Bytes cut from the end, where a crash left a record unfinished. */
  readonly tornBytes: number;
}

export class Segment {
  readonly id: number;
  readonly path: string;
  /** Up to here the file is on the disk. */
  bytes = 0;
  from = 0;
  /** Records that are not settled. */
  left = 0;
  /** Records that somebody is writing just now, by offset. */
  readonly held = new Set<number>();
  /** The file was removed to make room. */
  dropped = false;
  private readonly settled = new Map<number, number>();
  private handle: FileHandle | undefined;

  private constructor(dir: string, id: number) {
    this.id = id;
    this.path = `${dir}/${fileName(id)}`;
  }

  static async create(dir: string, id: number): Promise<Segment> {
    const segment = new Segment(dir, id);
    segment.handle = await open(segment.path, 'wx', FILE_MODE);
    return segment;
  }

  /** Reads a segment of an earlier process. `last`: the one it was writing, whose end may be unfinished. */
  static async read(dir: string, id: number, last: boolean): Promise<Opened> {
    const segment = new Segment(dir, id);
    const bytes = await readFile(segment.path);
    let damaged = 0;
    let records = 0;
    let tornBytes = 0;
    let end = bytes.length;
    const mark = await readMark(segment.path);
    for (let at = 0; at < end; ) {
      // Valid only at the start of a record: everything before it is settled.
      if (at === mark) {
        segment.from = at;
        segment.settled.clear();
        records = 0;
        damaged = 0;
      }
      if (isRecord(bytes, at)) {
        records++;
        at += recordLength(bytes, at) ?? 0;
        continue;
      }
      const next = findRecord(bytes, at + 1);
      if (next === undefined && last && isUnfinished(bytes, at)) {
        tornBytes = bytes.length - at;
        end = at;
        await truncate(segment.path, at);
        break;
      }
      damaged++;
      segment.settled.set(at, (next ?? end) - at);
      at = next ?? end;
    }
    segment.bytes = end;
    segment.left = records;
    segment.advance();
    return { segment, records, damaged, tornBytes };
  }

  /** Whether no record in it is waiting any more. */
  get done(): boolean {
    return this.from >= this.bytes;
  }

  /** Writes a record; it counts once `sync` has resolved. */
  async write(record: Buffer, at: number): Promise<void> {
    const handle = this.writable();
    for (let done = 0; done < record.length; ) {
      const { bytesWritten } = await handle.write(record, done, record.length - done, at + done);
      done += bytesWritten;
    }
  }

  /** `records` of them now end at `bytes`. */
  async sync(bytes: number, records: number): Promise<void> {
    const handle = this.writable();
    await handle.datasync();
    await stillThere(handle, this.path);
    this.bytes = bytes;
    this.left += records;
  }

  /** After a failed write: the file ends again where it is known to be whole, and is not written any more. */
  async giveUp(): Promise<void> {
    await this.handle?.truncate(this.bytes).catch(() => undefined);
    await this.seal();
  }

  /** It is not written any more. */
  async seal(): Promise<void> {
    const { handle } = this;
    this.handle = undefined;
    await handle?.close().catch(() => undefined);
  }

  async remove(): Promise<void> {
    await this.seal();
    await rm(this.path, { force: true });
    await removeMark(this.path);
  }

  /**
   * Calls `visit` with the whole records that are neither settled nor reserved, oldest first, until it returns false.
   * Returns the number of damaged stretches found.
   */
  async each(visit: (found: Found) => boolean): Promise<number> {
    const file = await open(this.path, 'r');
    let damaged = 0;
    try {
      for (let at = this.from; at < this.bytes; ) {
        const settled = this.settled.get(at);
        if (settled !== undefined) {
          at += settled;
          continue;
        }
        const record = await this.recordAt(file, at);
        if (record !== undefined) {
          if (!this.held.has(at) && !visit({ offset: at, record })) break;
          at += record.length;
          continue;
        }
        const next = await this.nextRecord(file, at + 1);
        damaged++;
        this.settle(at, next - at);
        at = next;
      }
    } finally {
      await file.close();
    }
    return damaged;
  }

  settleRecord(offset: number, length: number): void {
    this.held.delete(offset);
    this.left--;
    this.settle(offset, length);
  }

  /** Saves how far it is settled, for a later process. */
  mark(): Promise<void> {
    return writeMark(this.path, this.from);
  }

  private settle(offset: number, length: number): void {
    this.settled.set(offset, length);
    this.advance();
  }

  private advance(): void {
    for (let length = this.settled.get(this.from); length !== undefined; length = this.settled.get(this.from)) {
      this.settled.delete(this.from);
      this.from += length;
    }
  }

  private async recordAt(file: FileHandle, at: number): Promise<Buffer | undefined> {
    const header = await readAt(file, at, Math.min(HEADER_BYTES, this.bytes - at));
    const length = recordLength(header, 0);
    if (length === undefined || at + length > this.bytes) return undefined;
    const record = await readAt(file, at, length);
    return isRecord(record, 0) ? record : undefined;
  }

  private async nextRecord(file: FileHandle, from: number): Promise<number> {
    const rest = await readAt(file, from, Math.min(this.bytes - from, MAX_RECORD_BYTES));
    const next = findRecord(rest, 0);
    return next === undefined ? this.bytes : from + next;
  }

  private writable(): FileHandle {
    if (this.handle === undefined) throw new Error(`${this.path} is not open for writing`);
    return this.handle;
  }
}

/** Numbers of the segments among the names of a directory, in order. */
export function segmentIds(names: readonly string[]): number[] {
  return names
    .flatMap((name) => FILE.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

export function fileName(id: number): string {
  return `${String(id).padStart(12, '0')}.spool`;
}

async function readAt(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(Math.max(0, length));
  let done = 0;
  while (done < bytes.length) {
    const { bytesRead } = await file.read(bytes, done, bytes.length - done, at + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return bytes.subarray(0, done);
}

/**
 * For the checkpoint: how far a segment is settled, in a file next to it, so that a restart after a kill does not begin
 * at the front.
 */
const MARK_SUFFIX = '.settled';

/** Not synced: after a power cut a stale or missing checkpoint only makes intervals be written twice. */
async function writeMark(segmentPath: string, from: number): Promise<void> {
  await writeFile(`${segmentPath}${MARK_SUFFIX}`, `${from} ${crc32(`${from}`)}\n`, { mode: FILE_MODE }).catch(
    () => undefined,
  );
}

/** 0 when there is no mark that can be trusted. */
async function readMark(segmentPath: string): Promise<number> {
  const text = await readFile(`${segmentPath}${MARK_SUFFIX}`, 'utf8').catch(() => '');
  const [from = '', sum = ''] = text.split(/[ \n]/);
  return /^\d+$/.test(from) && sum === `${crc32(from)}` ? Number(from) : 0;
}

async function removeMark(segmentPath: string): Promise<void> {
  await rm(`${segmentPath}${MARK_SUFFIX}`, { force: true });
}
