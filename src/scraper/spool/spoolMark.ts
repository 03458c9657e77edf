/**
 * A checkpoint of how far a spool's segment is settled, in a file next to it, so that a restart after a kill does not
 * begin at the front. Not synced: after a power cut a stale or missing checkpoint only makes intervals be written
 * twice.
 */

import { readFile, rm, writeFile } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { FILE_MODE } from '../../base/files/syncedFile.js';

const SUFFIX = '.settled';

export async function writeMark(segmentPath: string, from: number): Promise<void> {
  await writeFile(`${segmentPath}${SUFFIX}`, `${from} ${crc32(`${from}`)}\n`, { mode: FILE_MODE }).catch(
    () => undefined,
  );
}

/** 0 when there is no mark that can be trusted. */
export async function readMark(segmentPath: string): Promise<number> {
  const text = await readFile(`${segmentPath}${SUFFIX}`, 'utf8').catch(() => '');
  const [from = '', sum = ''] = text.split(/[ \n]/);
  return /^\d+$/.test(from) && sum === `${crc32(from)}` ? Number(from) : 0;
}

export async function removeMark(segmentPath: string): Promise<void> {
  await rm(`${segmentPath}${SUFFIX}`, { force: true });
}
