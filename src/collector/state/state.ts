/**
 * The state directory: changes by REST, restored after a restart or a `kill -9` at any moment.
 *
 * A change is a new file, written, synced and renamed, and the directory synced: a reader sees the old content or the
 * new one, never a part. A caller of `save` acknowledges the change only after it resolves.
 */

import { readdir, readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Logger } from 'pino';
import { LlamaError, messageOf } from '../../base/errors.js';
import { setAside } from '../../base/files/sealedFile.js';
import { removeFile, replaceFile, TEMPORARY } from '../../base/files/syncedFile.js';
import { DirectoryLock } from '../../net/directoryLock.js';
import { diskReason } from '../../net/ownDirectory.js';
import { type ReadState, readState, type StateEntry, writeState } from './stateFormat.js';

const SUFFIX = '.group.json';
const LOCK = 'lock';

export type SavedState =
  | Extract<ReadState, { name: string }>
  | { readonly name: string; readonly entry: Extract<StateEntry, { kind: 'newer' }> };

export class StateDirectory {
  readonly path: string;
  private readonly logger: Logger;
  private readonly lock: DirectoryLock;
  /** Why the state is not on the disk; undefined while it is. */
  private lost: string | undefined;
  private readonly saved = new Map<string, StateEntry>();

  private constructor(path: string, logger: Logger, lock: DirectoryLock) {
    this.path = path;
    this.logger = logger;
    this.lock = lock;
  }

  /**
   * Creates the directory if it is missing and locks it.
   * @throws LlamaError `LLAMA_STATE_UNWRITABLE`, or `LLAMA_STATE_IN_USE` with the process that has it.
   */
  static async open(path: string, logger: Logger): Promise<StateDirectory> {
    return new StateDirectory(path, logger, await DirectoryLock.open(path, LOCK, 'by stateDir or --state-dir'));
  }

  /**
   * All entries, by name. A damaged or unreadable file is quarantined and logged; a file of a newer version stays
   * unchanged. Leftovers of an interrupted change are removed.
   */
  async load(): Promise<SavedState[]> {
    const states: SavedState[] = [];
    let files: string[];
    try {
      files = (await readdir(this.path)).sort();
    } catch (error) {
      throw unwritable(this.path, error);
    }
    for (const file of files) {
      if (file.endsWith(TEMPORARY)) await rm(join(this.path, file)).catch(() => undefined);
      if (!file.endsWith(SUFFIX)) continue;
      const state = await this.read(file).catch((error: Error) => ({ damage: `it cannot be read: ${error.message}` }));
      if ('damage' in state) await this.setAside(file, state.damage);
      else states.push(state);
    }
    return states;
  }

  /** Quarantines an unusable file, and logs why. A file that cannot even be renamed stays where it is. */
  async setAside(file: string, damage: string): Promise<void> {
    let aside: string;
    try {
      aside = await setAside(join(this.path, file));
    } catch (error) {
      const why = messageOf(error);
      this.logger.error(
        { file: join(this.path, file), damage, why },
        'a damaged state file cannot be set aside; it is not in force',
      );
      return;
    }
    this.logger.error(
      { file: join(this.path, file), aside: basename(aside), damage },
      'a damaged state file was set aside; what it held is not in force',
    );
  }

  fileOf(name: string): string {
    return `${name}${SUFFIX}`;
  }

  /** The last known entry of a name, to be restored when a change fails after `save`. */
  entry(name: string): StateEntry | undefined {
    return this.saved.get(name);
  }

  /** Records an entry from `load` after the caller has applied it. */
  remember(name: string, entry: StateEntry): void {
    this.saved.set(name, entry);
  }

  /**
   * Saves `entry` for a name, or deletes it when undefined; on the disk when this resolves.
   * @throws LlamaError `LLAMA_STATE_UNWRITABLE`; the directory is unchanged then.
   */
  async save(name: string, entry: StateEntry | undefined): Promise<void> {
    const before = this.saved.get(name);
    try {
      await this.write(name, entry);
    } catch (error) {
      // The last step may have failed after the rename. When the disk refuses this as well, the old entry may come back
      // only with a later change.
      await this.write(name, before).catch(() => undefined);
      throw unwritable(this.path, error);
    }
    if (entry === undefined) this.saved.delete(name);
    else this.saved.set(name, entry);
  }

  /**
   * Recreates the directory after it was removed, and writes all entries; true then. Never rejects: until it succeeds,
   * `warnings` gives the reason, and the next call tries again. Must not overlap with `save`.
   */
  async follow(): Promise<boolean> {
    try {
      const renewed = await this.lock.renew();
      if (!renewed && this.lost === undefined) return false;
      for (const [name, entry] of this.saved) await this.write(name, entry);
      this.logger.error(
        { dir: this.path },
        'the state directory was removed; it was made again, with all that is kept',
      );
      this.lost = undefined;
      return true;
    } catch (error) {
      const reason = error instanceof LlamaError ? error.message : `${this.path}: ${diskReason(error)}`;
      if (this.lost !== reason)
        this.logger.error({ error: reason }, 'the state directory was removed and cannot be made again');
      this.lost = reason;
      return false;
    }
  }

  get warnings(): string[] {
    return this.lost === undefined
      ? []
      : [`groups set by REST are not kept, and gone after a restart: the state directory was removed; ${this.lost}`];
  }

  /** Gives the lock back. */
  close(): Promise<void> {
    return this.lock.close();
  }

  private async write(name: string, entry: StateEntry | undefined): Promise<void> {
    const file = join(this.path, this.fileOf(name));
    if (entry === undefined) await removeFile(file);
    else await replaceFile(file, writeState(name, entry));
  }

  private async read(file: string): Promise<SavedState | { readonly damage: string }> {
    const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(await readFile(join(this.path, file)));
    const state = readState(text);
    // Only the name of the file is known of it.
    if ('newer' in state)
      return { name: file.slice(0, -SUFFIX.length), entry: { kind: 'newer', version: state.newer, text } };
    if ('damage' in state || this.fileOf(state.name) === file) return state;
    return { damage: `it holds the group ${state.name}, not that of its file name` };
  }
}

function unwritable(path: string, cause: unknown): LlamaError {
  const told = `${path}: the state directory cannot be written: ${diskReason(cause)}`;
  return new LlamaError('LLAMA_STATE_UNWRITABLE', told, { cause });
}
