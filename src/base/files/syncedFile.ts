/**
 * Files that are complete or absent after any crash of the process or the machine: write a new file, sync, rename, sync
 * the directory.
 */

import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Suffix of an incomplete file; a leftover is worthless. */
export const TEMPORARY = '.new';
/** Access for the owner only. */
export const FILE_MODE = 0o600;

/**
 * Replaces or creates `path`. Rejects with the system's error; the old file is then still there, or the new one when
 * only the last sync failed.
 */
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

/** Removes a file, if it exists, durably. */
export async function removeFile(path: string): Promise<void> {
  await rm(path, { force: true });
  await syncDirectory(dirname(path));
}

/** Makes created, renamed and removed files of a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Throws when an open file was removed: its writes would succeed, but be lost. */
export async function stillThere(file: FileHandle, path: string): Promise<void> {
  if ((await file.stat()).nlink === 0) throw new Error(`${path} was removed while it was being written`);
}
