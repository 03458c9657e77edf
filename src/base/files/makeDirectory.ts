/**
 * `mkdir -p`. Node's own `recursive` never ends where a file system makes no directories: it takes the ENOENT of `mkdir /proc/nope` for a missing
 * parent, finds that there, and begins again.
 */

import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Makes the directory and its missing parents with this mode. Rejects with the system's error: EEXIST where the path is something else. */
export async function makeDirectory(path: string, mode: number): Promise<void> {
  try {
    await mkdirOnce(path, mode);
  } catch (error) {
    const parent = dirname(path);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === path) throw error;
    await makeDirectory(parent, mode);
    // The parent is there: what is refused now is refused for good.
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
