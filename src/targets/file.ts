/**
 * Targets from a file. Its folder is watched, not the file: a file that is replaced by a rename, or a symbolic link
 * that is swapped (as Kubernetes does for a ConfigMap), is another inode then, and a watch on the old one would never
 * fire again. When the path leads through links, the folder at their end is watched as well. Changes that no watch can
 * see (NFS, a folder that is created later) are found by the periodic reading.
 */

import { constants, type FSWatcher, watch } from 'node:fs';
import { open, realpath, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { messageOf } from '../base/errors.js';
import type { Timing } from '../base/timing.js';
import { mustBeInside, whyOutside } from '../config/allowed.js';
import { type AllowedNow, type Answer, MAX_ANSWER_BYTES, type Source } from './source.js';
import { type ParseTargets, parseTargets } from './targetParser.js';

/** A writer causes several events with one change; a change in place is probably done after this time. */
const SETTLE_MS = 50;

interface Watched {
  readonly watcher: FSWatcher;
  /** Device and inode: a folder that was recreated under the same name is another one. */
  readonly identity: string;
}

interface FileTools {
  readonly parse?: ParseTargets;
  /** Absent: every file. */
  readonly allowed?: AllowedNow;
}

export class FileSource implements Source {
  private readonly path: string;
  private readonly timing: Timing;
  private readonly parse: ParseTargets;
  private readonly allowed: AllowedNow;
  private readonly watched = new Map<string, Watched>();
  private changed: (() => void) | undefined;
  private cancel: (() => void) | undefined;
  private text: string | undefined;
  private answer: Answer | undefined;

  constructor(path: string, timing: Timing, tools: FileTools = {}) {
    this.path = resolve(path);
    this.timing = timing;
    this.parse = tools.parse ?? (async (text) => parseTargets(text));
    this.allowed = tools.allowed ?? (() => undefined);
  }

  async ask(): Promise<Answer> {
    const directories = this.allowed()?.directories;
    const outside = directories && whyOutside(this.path, directories);
    if (outside !== undefined) throw new Error(outside);
    // Watched before it is read: a change in between is noticed, and read again.
    await this.watchFolders();
    const text = await readText(this.path, directories);
    if (this.answer === undefined || text !== this.text) {
      try {
        this.answer = await this.parse({ text, form: 'yaml' });
      } catch (cause) {
        throw new Error(`${this.path}: ${messageOf(cause)}`, { cause });
      }
      this.text = text;
    }
    return this.answer;
  }

  watch(changed: () => void): () => void {
    this.changed = changed;
    return () => {
      this.changed = undefined;
      this.cancel?.();
      for (const folder of [...this.watched.keys()]) this.unwatch(folder);
    };
  }

  private async watchFolders(): Promise<void> {
    const real = await realpath(this.path).catch(() => this.path);
    const wanted = new Set([dirname(this.path), dirname(real)]);
    for (const folder of [...this.watched.keys()]) if (!wanted.has(folder)) this.unwatch(folder);
    for (const folder of wanted) await this.watchFolder(folder);
  }

  /**
   * A folder that can't be watched is left to the periodic reading, which reports the error if the file can't be read
   * either.
   */
  private async watchFolder(folder: string): Promise<void> {
    const identity = await stat(folder).then(
      ({ dev, ino }) => `${dev} ${ino}`,
      () => undefined,
    );
    if (this.watched.get(folder)?.identity === identity && identity !== undefined) return;
    this.unwatch(folder);
    if (identity === undefined || this.changed === undefined) return;
    try {
      const watcher = watch(folder, () => this.noticed());
      watcher.on('error', () => this.unwatch(folder));
      this.watched.set(folder, { watcher, identity });
    } catch {
      // No watches left (fs.inotify.max_user_watches), or the folder has gone.
    }
  }

  private unwatch(folder: string): void {
    this.watched.get(folder)?.watcher.close();
    this.watched.delete(folder);
  }

  /**
   * Any event in the folder counts, for a swapped link has another name than the file; an unnecessary reading costs
   * little.
   */
  private noticed(): void {
    if (this.changed === undefined || this.cancel !== undefined) return;
    this.cancel = this.timing.after(SETTLE_MS, () => {
      this.cancel = undefined;
      this.changed?.();
    });
  }
}

const REMEDIES: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'it may not be read by this user; change its owner or mode',
};

/** The text of a list of targets, which must be in one of `directories` where they are given. */
async function readText(path: string, directories: readonly string[] | undefined): Promise<string> {
  try {
    // Non-blocking, so that a pipe at this path does not block a thread for ever.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const { size } = await handle.stat().then((stats) => {
        if (directories !== undefined) mustBeInside(handle.fd, path, directories);
        if (!stats.isFile()) throw new Error('it is not a file');
        return stats;
      });
      if (size > MAX_ANSWER_BYTES) throw new Error(`found ${size} bytes, expected at most ${MAX_ANSWER_BYTES}`);
      return new TextDecoder('utf-8', { fatal: true }).decode(await handle.readFile());
    } finally {
      await handle.close();
    }
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException;
    const why = code === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? 'it is not UTF-8 text' : REMEDIES[code];
    throw new Error(`${path}: ${why ?? messageOf(cause)}`, { cause });
  }
}
