/**
 * Reads the config again while the collector measures: for SIGHUP and for `POST /v1/reload`. Applies the groups of the
 * file. After an error in the file, or in other files read with it, nothing changes.
 */

import { LlamaError } from '../../base/errors.js';
import { SerialQueue } from '../../base/serialQueue.js';
import type { LoadedConfig } from '../../config/collector/config.js';
import { changedOptions } from '../../config/options/optionSources.js';
import type { Group } from '../../config/types.js';
import type { FileReload } from './registry.js';

/** The effect of a reload: names of groups, and of options. */
export interface ReloadReport extends FileReload {
  /** Options whose value differs from that at the start of the collector; they take effect at the next start. */
  readonly restart: readonly string[];
  readonly notes: readonly string[];
}

interface ReloadTarget {
  /** Applies all groups of the file in one step, or none. */
  reloadFile(groups: readonly Group[]): Promise<FileReload>;
}

/**
 * Reads other files that belong to the same reload, and throws when they can't be used. The returned function applies
 * them, and never throws.
 */
export type Alongside = () => () => void;

export class ConfigReloader {
  private readonly collector: ReloadTarget;
  private readonly load: () => LoadedConfig;
  private readonly started: LoadedConfig;
  private readonly queue = new SerialQueue();

  /** `started` is the config that the collector runs with; `load` reads the file again and throws when it is wrong. */
  constructor(collector: ReloadTarget, started: LoadedConfig, load: () => LoadedConfig) {
    this.collector = collector;
    this.started = started;
    this.load = load;
  }

  /**
   * Reloads are serialized. Everything is read before anything is changed.
   * @throws LlamaError of reading the config (with problems and lines), of `alongside`, `LLAMA_PLAN_TOO_LARGE`, or why
   * the collector refused a group; nothing has changed then.
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
      return { ...groups, restart: changedOptions(this.started.options, loaded.options), notes: loaded.notes };
    } catch (error) {
      throw error instanceof LlamaError ? loaded.located(error) : error;
    }
  }
}
