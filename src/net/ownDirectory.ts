/**
 * A directory for one process only: created when missing, and locked until the handle is closed or the process ends.
 */

import { type FileHandle, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LlamaError } from '../base/errors.js';
import { makeDirectory } from '../base/files/makeDirectory.js';
import { FILE_MODE } from '../base/files/syncedFile.js';
import { LOCK_EX, LOCK_NB } from './constants.js';
import { EAGAIN, errno, libc, systemError } from './libc.js';

const REMEDIES: Readonly<Record<string, string>> = {
  ENOSPC: 'the file system is full; make room',
  EDQUOT: 'the disk quota is used up; make room or raise it',
  EROFS: 'the file system is read-only',
  EACCES: 'this user may not write there; change its owner or mode',
  EPERM: 'this user may not write there; change its owner or mode',
  ENOTDIR: 'a part of the path is a file',
  EEXIST: 'it is a file; name a directory',
  ENOENT: 'the directory is gone, or its file system makes none there; name another',
};

/**
 * Creates the directory, with access for its owner only unless `mode` says otherwise, and takes the lock `file` in it.
 * `how` completes the message: the option that gives another process its own directory.
 * @throws LlamaError `LLAMA_STATE_UNWRITABLE`, or `LLAMA_STATE_IN_USE` with the process that has it.
 */
export async function ownDirectory(path: string, file: string, how: string, mode = 0o700): Promise<FileHandle> {
  let lock: FileHandle | undefined;
  try {
    await makeDirectory(path, mode);
    // Opened without truncating: other processes must be able to read the holder's number.
    lock = await open(join(path, file), 'a+', FILE_MODE);
    if (!tryLock(lock.fd, `lock the directory ${path}`)) {
      const holder = (await readFile(join(path, file), 'utf8')).trim();
      throw new LlamaError(
        'LLAMA_STATE_IN_USE',
        `${path}: another LLAMA uses this directory${holder === '' ? '' : `, process ${holder}`}; end it, or give each its own ${how}`,
      );
    }
    // Only information for other processes, so a full disk must not prevent the start.
    await nameHolder(lock).catch(() => undefined);
    return lock;
  } catch (error) {
    await lock?.close();
    if (error instanceof LlamaError) throw error;
    throw new LlamaError('LLAMA_STATE_UNWRITABLE', `${path}: the directory cannot be written: ${diskReason(error)}`, {
      cause: error,
    });
  }
}

/** The cause of a disk error, and the remedy. */
export function diskReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code = '' } = error as NodeJS.ErrnoException;
  const remedy = REMEDIES[code];
  return remedy === undefined ? error.message : `${code}: ${remedy}`;
}

async function nameHolder(lock: FileHandle): Promise<void> {
  await lock.truncate(0);
  await lock.write(`${process.pid}\n`);
}

/**
 * Locks the open file for this process; false when another open file has the lock. Closing the descriptor releases it.
 * The kernel also releases it when the holder dies, so there are no stale locks.
 */
function tryLock(fd: number, tried: string): boolean {
  if (libc.flock(fd, LOCK_EX | LOCK_NB) === 0) return true;
  const code = errno();
  if (code === EAGAIN) return false;
  throw systemError('flock', code, tried);
}
