/**
 * One interval in a spool's segment, as bytes. Pure.
 *
 * | offset | size | what |
 * | --- | --- | --- |
 * | 0 | 4 | magic `LSP1` |
 * | 4 | 4 | CRC-32 of everything from offset 8 to the record's end |
 * | 8 | 4 | length of the payload |
 * | 12 | 4 | rows |
 * | 16 | 8 | start, epoch ms |
 * | 24 | 8 | end, epoch ms |
 * | 32 | 8 | length of the interval, ms |
 * | 40 | 2 | length of the collector's name |
 * | 42 | 2 | epoch of the collector's clock, modulo 65536 |
 * | 44 | | the collector's name, UTF-8 |
 * | | | payload: JSON lines, each an array of up to 1,000 rows without `hdr`, deflated (RFC 1951) |
 *
 * Numbers are little-endian; times are float64. The name and the times stand outside the payload, so that an interval
 * can be named without unpacking it. Level 1 takes 7 ms for 10,000 rows (4.7 MB of JSON) and leaves 6 %; level 6 takes
 * 18 ms and leaves 4.4 %.
 */

import { promisify } from 'node:util';
import { crc32, deflateRaw, inflateRaw } from 'node:zlib';
import { yieldNow } from '../../base/yielding.js';
import type { CollectedInterval, ResultRow, Rows } from '../results/types.js';

const MAGIC = Buffer.from('LSP1', 'latin1');
const CRC = 4;
const CHECKED = 8;
const PAYLOAD_LENGTH = 8;
const ROWS = 12;
const START_MS = 16;
const END_MS = 24;
const INTERVAL_MS = 32;
const NAME_LENGTH = 40;
const CLOCK_EPOCH = 42;
const MOST_EPOCHS = 0x1_0000;
export const HEADER_BYTES = 44;
const MAX_NAME = 0xffff;
const ROWS_PER_LINE = 1000;
/** More than any interval needs; a length beyond it is damage. */
export const MAX_RECORD_BYTES = 512 * 1024 * 1024;

const deflate = promisify(deflateRaw);
const inflate = promisify(inflateRaw);

/** The identity of an interval, and its number of rows. */
export interface RecordName {
  readonly collector: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly rows: number;
}

export async function encodeRecord(interval: CollectedInterval): Promise<Buffer> {
  const name = Buffer.from(interval.collector).subarray(0, MAX_NAME);
  const payload = await deflate(await rowsText(interval.rows), { level: 1 });
  const record = Buffer.alloc(HEADER_BYTES + name.length + payload.length);
  MAGIC.copy(record, 0);
  record.writeUInt32LE(payload.length, PAYLOAD_LENGTH);
  record.writeUInt32LE(interval.rows.length, ROWS);
  record.writeDoubleLE(interval.startMs, START_MS);
  record.writeDoubleLE(interval.endMs, END_MS);
  record.writeDoubleLE(interval.intervalMs, INTERVAL_MS);
  record.writeUInt16LE(name.length, NAME_LENGTH);
  record.writeUInt16LE((interval.clockEpoch ?? 0) % MOST_EPOCHS, CLOCK_EPOCH);
  name.copy(record, HEADER_BYTES);
  payload.copy(record, HEADER_BYTES + name.length);
  record.writeUInt32LE(crc32(record.subarray(CHECKED)), CRC);
  return record;
}

/** The whole length of the record whose header begins at `offset`; undefined when no header is there. */
export function recordLength(bytes: Buffer, offset: number): number | undefined {
  if (offset + HEADER_BYTES > bytes.length || bytes.compare(MAGIC, 0, 4, offset, offset + 4) !== 0) return undefined;
  const length = HEADER_BYTES + bytes.readUInt16LE(offset + NAME_LENGTH) + bytes.readUInt32LE(offset + PAYLOAD_LENGTH);
  return length > MAX_RECORD_BYTES ? undefined : length;
}

/** Whether a whole record, as it was written, begins at `offset`. */
export function isRecord(bytes: Buffer, offset: number): boolean {
  const length = recordLength(bytes, offset);
  if (length === undefined || offset + length > bytes.length) return false;
  return crc32(bytes.subarray(offset + CHECKED, offset + length)) === bytes.readUInt32LE(offset + CRC);
}

/**
 * Whether the bytes from `offset` to the end are the beginning of a record, as a crash leaves it; anything else is
 * damage.
 */
export function isUnfinished(bytes: Buffer, offset: number): boolean {
  const left = bytes.length - offset;
  const begun = Math.min(MAGIC.length, left);
  if (bytes.compare(MAGIC, 0, begun, offset, offset + begun) !== 0) return false;
  const length = recordLength(bytes, offset);
  return left < HEADER_BYTES || (length !== undefined && length > left);
}

/** The next offset from `from` on at which a whole record begins; undefined without one. */
export function findRecord(bytes: Buffer, from: number): number | undefined {
  for (let at = bytes.indexOf(MAGIC, from); at !== -1; at = bytes.indexOf(MAGIC, at + 1)) {
    if (isRecord(bytes, at)) return at;
  }
  return undefined;
}

export function nameOf(record: Buffer): RecordName {
  return {
    collector: record.toString('utf8', HEADER_BYTES, HEADER_BYTES + record.readUInt16LE(NAME_LENGTH)),
    startMs: record.readDoubleLE(START_MS),
    endMs: record.readDoubleLE(END_MS),
    rows: record.readUInt32LE(ROWS),
  };
}

/** The interval of a record that `isRecord` said is whole. */
export async function decodeRecord(record: Buffer): Promise<CollectedInterval> {
  const { collector, startMs, endMs } = nameOf(record);
  const payload = record.subarray(HEADER_BYTES + record.readUInt16LE(NAME_LENGTH));
  const rows: ResultRow[] = [];
  for (const line of (await inflate(payload)).toString('utf8').split('\n')) {
    for (const row of JSON.parse(line) as ResultRow[]) rows.push(row);
    await yieldNow();
  }
  const clockEpoch = record.readUInt16LE(CLOCK_EPOCH);
  const epoch = clockEpoch === 0 ? {} : { clockEpoch };
  return { collector, intervalMs: record.readDoubleLE(INTERVAL_MS), startMs, endMs, ...epoch, rows };
}

/** Yields after each line: a large interval must not block the process. */
async function rowsText(rows: Rows): Promise<Buffer> {
  const lines: Buffer[] = [];
  let some: string[] = [];
  const endLine = (): void => {
    lines.push(Buffer.from(`${lines.length === 0 ? '' : '\n'}[${some.join(',')}]`));
    some = [];
  };
  for (const { hdr: _hdr, ...row } of rows) {
    // Points have no histograms, and they are most of an interval.
    some.push(JSON.stringify(row));
    if (some.length < ROWS_PER_LINE) continue;
    endLine();
    await yieldNow();
  }
  if (some.length > 0 || lines.length === 0) endLine();
  return Buffer.concat(lines);
}
