/**
 * `mkdir -p`. Node's own `recursive` loops for ever where a file system does not support directories. It takes the
 * ENOENT of `mkdir /proc/nope` for a missing parent, finds the parent, and retries.
 */

import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Creates the directory and its missing parents with this mode. Rejects with the system's error: EEXIST where the path
 * is something else.
 */
export async function makeDirectory(path: string, mode: number): Promise<void> {
  try {
    await mkdirOnce(path, mode);
  } catch (error) {
    const parent = dirname(path);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === path) throw error;
    await makeDirectory(parent, mode);
    // The parent exists now, so an error is final.
    await mkdirOnce(path, mode);
  }
}

async function mkdirOnce(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !(await stat(path)).isDirectory()) throw error;
  }
}
