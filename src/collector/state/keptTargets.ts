/**
 * The last good targets of groups with a source, in the state directory. A collector that starts while a source is down
 * then probes the same targets as before. They are a copy of the source's data: a disk error costs a warning, never a
 * measurement, and no caller waits for the disk.
 */

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { atMost } from '../../base/atMost.js';
import { messageOf } from '../../base/errors.js';
import { removeFile, replaceFile } from '../../base/files/syncedFile.js';
import { SerialQueue } from '../../base/serialQueue.js';
import { SYSTEM_TIMING, type Timing } from '../../base/timing.js';
import { yieldNow } from '../../base/yielding.js';
import type { TargetSource } from '../../config/types.js';
import type { GivenTargets, TargetKeeper } from '../../targets/discovery.js';
import type { Entry } from '../../targets/source.js';
import { readKeptTargets, sourceIdentity, writeKeptTargets } from './keptTargetsFormat.js';
import type { StateDirectory } from './state.js';

const SUFFIX = '.targets.json';
/** From an answer to its writing: a source that changes often changes several times at once. */
export const SETTLE_MS = 1_000;
/** Between two writings of one group. */
export const AGAIN_MS = 10_000;
/**
 * Unchanged answers are written this often, ms, for their age. So after a restart an age may be too great by this,
 * never too small.
 */
export const AGE_MS = 600_000;
/** After a failure. */
export const RETRY_MS = 30_000;
/** At the end a disk that hangs is not waited for longer than this. */
const FLUSH_MS = 500;

interface Kept {
  readonly source: string;
  entries: readonly Entry[];
  updatedAtMs: number;
  /** As it is on the disk. */
  written: { readonly entries: readonly Entry[]; readonly digest: string; readonly updatedAtMs: number } | undefined;
  triedAtMs: number;
  failures: number;
  error: string | null;
  cancel: (() => void) | undefined;
}

interface KeptTargetsOptions {
  readonly directory: Pick<StateDirectory, 'path' | 'setAside'>;
  readonly logger: Logger;
  readonly timing?: Timing;
}

export class KeptTargets implements TargetKeeper {
  private readonly options: KeptTargetsOptions;
  private readonly timing: Timing;
  private readonly kept = new Map<string, Kept>();
  /** Names that may have a file. */
  private readonly onDisk = new Set<string>();
  /** One file is written at a time. */
  private readonly queue = new SerialQueue();
  private closed = false;

  constructor(options: KeptTargetsOptions) {
    this.options = options;
    this.timing = options.timing ?? SYSTEM_TIMING;
  }

  /** Groups with saved targets. An error is logged, and counts as none. */
  async names(): Promise<readonly string[]> {
    try {
      for (const file of await readdir(this.options.directory.path))
        if (file.endsWith(SUFFIX)) this.onDisk.add(file.slice(0, -SUFFIX.length));
    } catch (error) {
      this.options.logger.error({ error: messageOf(error) }, 'the targets that were kept cannot be listed');
    }
    return [...this.onDisk];
  }

  /**
   * The last targets of this source of a group in an earlier run. Damaged files are quarantined; targets of another
   * source are deleted.
   */
  async load(name: string, from: TargetSource): Promise<GivenTargets | undefined> {
    const file = this.fileOf(name);
    try {
      const found = await readKeptTargets(await readFile(file, 'utf8'), yieldNow);
      if ('damage' in found || found.name !== name) {
        const damage = 'damage' in found ? found.damage : `it holds the targets of ${found.name}`;
        this.onDisk.delete(name);
        await this.options.directory.setAside(`${name}${SUFFIX}`, damage);
        return undefined;
      }
      if (found.source === sourceIdentity(from)) return found;
      this.forget(name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        this.options.logger.error({ file, error: messageOf(error) }, 'the targets that were kept cannot be read');
    }
    return undefined;
  }

  /** Called for a good answer of a source: it will be saved when it differs. */
  keep(name: string, from: TargetSource, entries: readonly Entry[]): void {
    if (this.closed) return;
    const source = sourceIdentity(from);
    let kept = this.kept.get(name);
    if (kept?.source !== source) {
      kept?.cancel?.();
      const none = { written: undefined, triedAtMs: -AGAIN_MS, failures: 0, error: null, cancel: undefined };
      kept = { source, entries, updatedAtMs: 0, ...none };
      this.kept.set(name, kept);
    }
    kept.entries = entries;
    kept.updatedAtMs = this.timing.nowMs();
    const { written } = kept;
    if (written?.entries === entries && kept.updatedAtMs - written.updatedAtMs < AGE_MS) return;
    this.plan(name, kept, Math.max(SETTLE_MS, kept.triedAtMs + AGAIN_MS - kept.updatedAtMs));
  }

  /** The group has this source no more. */
  forget(name: string): void {
    this.kept.get(name)?.cancel?.();
    this.kept.delete(name);
    if (!this.onDisk.delete(name)) return;
    const file = this.fileOf(name);
    void this.queue.run(() =>
      removeFile(file).catch((error: Error) =>
        this.options.logger.warn(
          { file, error: error.message },
          'targets that are not wanted any more stay on the disk',
        ),
      ),
    );
  }

  /** Writes everything again: the directory was made again. */
  writeAgain(): void {
    for (const [name, kept] of this.kept) {
      kept.written = undefined;
      this.plan(name, kept, SETTLE_MS);
    }
  }

  status(name: string): { readonly failures: number; readonly error: string | null } {
    const { failures, error } = this.kept.get(name) ?? { failures: 0, error: null };
    return { failures, error };
  }

  /** Writes the pending changes, and none afterwards. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    for (const [name, kept] of this.kept) {
      if (kept.cancel === undefined) continue;
      kept.cancel();
      void this.queue.run(() => this.write(name, kept));
    }
    await atMost(this.settled(), FLUSH_MS);
  }

  /** Resolves when no write or removal is in progress. */
  async settled(): Promise<void> {
    await this.queue.settled();
  }

  private plan(name: string, kept: Kept, waitMs: number): void {
    if (this.closed) return;
    kept.cancel ??= this.timing.after(waitMs, () => {
      kept.cancel = undefined;
      void this.queue.run(() => this.write(name, kept));
    });
  }

  /** Never rejects. */
  private async write(name: string, kept: Kept): Promise<void> {
    if (this.kept.get(name) !== kept) return;
    const { source, entries, updatedAtMs, written } = kept;
    try {
      const { text, digest } = await writeKeptTargets({ name, source, updatedAtMs, entries }, yieldNow);
      if (written?.digest === digest && updatedAtMs - written.updatedAtMs < AGE_MS) {
        kept.written = { ...written, entries };
        return;
      }
      kept.triedAtMs = this.timing.nowMs();
      this.onDisk.add(name);
      await replaceFile(this.fileOf(name), text);
      kept.written = { entries, digest, updatedAtMs };
      if (kept.error !== null) this.options.logger.info({ group: name }, 'targets are kept again');
      kept.error = null;
    } catch (error) {
      this.failed(name, kept, messageOf(error));
    }
  }

  private failed(name: string, kept: Kept, error: string): void {
    kept.failures += 1;
    if (kept.error !== error)
      this.options.logger.warn(
        { group: name, error },
        'targets cannot be kept in the state directory; they are probed, but after a restart older ones are until the source has answered',
      );
    kept.error = error;
    this.plan(name, kept, RETRY_MS);
  }

  private fileOf(name: string): string {
    return join(this.options.directory.path, `${name}${SUFFIX}`);
  }
}
