/**
 * The exclusive lock of a directory. It follows when another directory replaces the locked one at its path: removed and
 * created again, unmounted, or mounted over. The lock belongs to an open file, so it would stay in the vanished
 * directory, and another process could lock the new one.
 */

import type { FileHandle } from 'node:fs/promises';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ownDirectory } from './ownDirectory.js';

export class DirectoryLock {
  private readonly path: string;
  private readonly file: string;
  private readonly how: string;
  private readonly mode: number | undefined;
  private handle: FileHandle;
  private renewing: Promise<boolean> | undefined;
  private closed = false;

  private constructor(path: string, file: string, how: string, mode: number | undefined, handle: FileHandle) {
    this.path = path;
    this.file = file;
    this.how = how;
    this.mode = mode;
    this.handle = handle;
  }

  /** Creates the directory and locks it. Rejects as `ownDirectory`. */
  static async open(path: string, file: string, how: string, mode?: number): Promise<DirectoryLock> {
    return new DirectoryLock(path, file, how, mode, await ownDirectory(path, file, how, mode));
  }

  /**
   * Creates and locks the directory again when another one is at its path. Returns true then: the old content is gone.
   * @throws LlamaError `LLAMA_STATE_UNWRITABLE`, or `LLAMA_STATE_IN_USE` with the process that has it; the caller
   * retries.
   */
  renew(): Promise<boolean> {
    this.renewing ??= this.lockAgain().finally(() => {
      this.renewing = undefined;
    });
    return this.renewing;
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.renewing?.catch(() => undefined);
    await this.handle.close();
  }

  private async lockAgain(): Promise<boolean> {
    if (this.closed || (await this.isSame())) return false;
    const fresh = await ownDirectory(this.path, this.file, this.how, this.mode);
    const old = this.handle;
    this.handle = fresh;
    await old.close().catch(() => undefined);
    return true;
  }

  private async isSame(): Promise<boolean> {
    const [held, found] = await Promise.all([
      this.handle.stat(),
      stat(join(this.path, this.file)).catch(() => undefined),
    ]);
    return found !== undefined && found.dev === held.dev && found.ino === held.ino;
  }
}
