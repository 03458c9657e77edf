/**
 * The files of a file writer and their content. The file being written is `llama-TIME.lp.open`; it becomes
 * `llama-TIME.lp` when it is closed. TIME is when it was begun. They contain line protocol only, so that any of its
 * readers accepts them.
 */

import { createReadStream } from 'node:fs';
import { readdir, rename, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { syncDirectory } from '../../base/files/syncedFile.js';

const NAME = /^llama-(\d{4})-(\d\d)-(\d\d)T(\d\d)(\d\d)(\d\d)\.(\d{3})Z\.lp(\.open)?$/;
const OPEN = '.open';
const NEWLINE = 10;

interface Listed {
  /** Names, oldest first. */
  readonly closed: string[];
  readonly open: string[];
}

export async function listFiles(dir: string): Promise<Listed> {
  const names = (await readdir(dir)).filter((name) => NAME.test(name)).sort();
  return { closed: names.filter((name) => !name.endsWith(OPEN)), open: names.filter((name) => name.endsWith(OPEN)) };
}

export function openName(begunMs: number): string {
  return `llama-${new Date(begunMs).toISOString().replaceAll(':', '')}.lp${OPEN}`;
}

export function begunMsOf(name: string): number {
  const [, year, month, day, hour, minute, second, millis] = NAME.exec(name) ?? [];
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}.${millis}Z`);
}

/** Gives an open file its final name. */
export async function closeName(dir: string, name: string): Promise<string> {
  const closed = name.slice(0, -OPEN.length);
  await rename(join(dir, name), join(dir, closed));
  await syncDirectory(dir);
  return closed;
}

export async function removeOldest(dir: string, closed: readonly string[], keep: number): Promise<void> {
  if (keep === 0) return;
  for (const name of closed.slice(0, Math.max(0, closed.length - keep))) await rm(join(dir, name), { force: true });
}

/** The interval of a line: its collector, as written in the line, and its time. */
export function keyOf(line: string): string {
  // In a name or value, the comma and the equals sign would each have a backslash before them.
  const collector = /,collector=((?:\\.|[^\\, ])*)/.exec(line)?.[1] ?? '';
  return `${collector} ${line.slice(line.lastIndexOf(' ') + 1)}`;
}

interface Scanned {
  /** Lines of each interval that the file has. */
  readonly counts: Map<string, number>;
  readonly bytes: number;
  /** Bytes after the last line break: an incomplete line that a crash left. */
  readonly tornBytes: number;
}

export async function scanFile(path: string): Promise<Scanned> {
  const counts = new Map<string, number>();
  const { bytes, tornBytes } = await eachLine(path, (line) => {
    const key = keyOf(line);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  });
  return { counts, bytes, tornBytes };
}

/** The lines that a file has of one interval. */
export async function linesWithKey(path: string, key: string): Promise<Set<string>> {
  const lines = new Set<string>();
  await eachLine(path, (line) => {
    if (keyOf(line) === key) lines.add(line);
  });
  return lines;
}

/** Cuts an incomplete line that a crash left. */
export async function cutTorn(path: string, { bytes, tornBytes }: Scanned): Promise<void> {
  if (tornBytes > 0) await truncate(path, bytes);
}

/** Calls `visit` for each whole line; `bytes` is where the last one ends. */
async function eachLine(path: string, visit: (line: string) => void): Promise<{ bytes: number; tornBytes: number }> {
  let rest: Buffer = Buffer.alloc(0);
  let bytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
    const data = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const end = data.lastIndexOf(NEWLINE) + 1;
    if (end > 0) for (const line of data.toString('utf8', 0, end - 1).split('\n')) visit(line);
    bytes += end;
    rest = data.subarray(end);
  }
  return { bytes, tornBytes: rest.length };
}
