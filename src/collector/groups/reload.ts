/**
 * Reads the config again while the collector measures: for SIGHUP and for `POST /v1/reload` alike. The groups of the file are made
 * what the file now says; when anything is wrong, with the file or with what is read beside it, nothing changes.
 */

import { LlamaError } from '../../base/errors.js';
import { SerialQueue } from '../../base/serialQueue.js';
import type { LoadedConfig } from '../../config/collector/config.js';
import type { Group } from '../../config/types.js';
import type { FileReload } from './registry.js';

/** What a reload did: names of groups, and of options. */
export interface ReloadReport extends FileReload {
  /** Options that now have another value than when the collector started; they take effect at the next start. */
  readonly restart: readonly string[];
  readonly notes: readonly string[];
}

export interface ReloadTarget {
  /** All of the file's groups in one turn, or nothing. */
  reloadFile(groups: readonly Group[]): Promise<FileReload>;
}

/** Reads something else that belongs to the same reload, and throws when it can't be used. What it returns puts that into force, and never throws. */
export type Alongside = () => () => void;

export class ConfigReloader {
  private readonly collector: ReloadTarget;
  private readonly load: () => LoadedConfig;
  private readonly started: LoadedConfig;
  private readonly queue = new SerialQueue();

  /** `started` is what the collector runs by; `load` reads the file again and throws when it is wrong. */
  constructor(collector: ReloadTarget, started: LoadedConfig, load: () => LoadedConfig) {
    this.collector = collector;
    this.started = started;
    this.load = load;
  }

  /**
   * Reloads happen one behind the other. Everything is read before anything is changed.
   * @throws LlamaError what reading the config throws (with problems and lines), what `alongside` throws, `LLAMA_PLAN_TOO_LARGE`, or why the
   * collector refused a group; everything is what it was before then.
   */
  reload(alongside: Alongside = () => () => {}): Promise<ReloadReport> {
    return this.queue.run(() => this.reloadNow(alongside));
  }

  private async reloadNow(alongside: Alongside): Promise<ReloadReport> {
    const loaded = this.load();
    try {
      const enforce = alongside();
      const groups = await this.collector.reloadFile(loaded.config.groups);
      enforce();
      return { ...groups, restart: changedOptions(this.started, loaded), notes: loaded.notes };
    } catch (error) {
      throw error instanceof LlamaError ? loaded.located(error) : error;
    }
  }
}

/** Names of the options that are written otherwise than they were. */
function changedOptions(before: LoadedConfig, after: LoadedConfig): string[] {
  const written = new Map(before.options.map((option) => [option.name, JSON.stringify(option.written)]));
  return after.options
    .filter((option) => written.get(option.name) !== JSON.stringify(option.written))
    .map(({ name }) => name);
}
