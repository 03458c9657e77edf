/** Files that are there whole or not at all, whenever the process or the machine ends: written anew, synced, renamed, the directory synced. */

import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** What a file is named until it is complete; one that is left over is worth nothing. */
export const TEMPORARY = '.new';
/** For the owner only. */
export const FILE_MODE = 0o600;

/** Puts a new file in the place of `path`, or makes it. Rejects with the system's error; the old file is there then, or the new one when only the last sync failed. */
export async function replaceFile(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}${TEMPORARY}`;
  try {
    const file = await open(temporary, 'w', FILE_MODE);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** Removes a file, if there is one, so that it does not come back. */
export async function removeFile(path: string): Promise<void> {
  await rm(path, { force: true });
  await syncDirectory(dirname(path));
}

/** Makes what was created, renamed or removed in a directory last. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Throws when an open file was removed: what is written to it goes nowhere, though every write succeeds. */
export async function stillThere(file: FileHandle, path: string): Promise<void> {
  if ((await file.stat()).nlink === 0) throw new Error(`${path} was removed while it was being written`);
}
