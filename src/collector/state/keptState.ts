/**
 * All that outlives a collector in its state directory: live changes of groups, targets that sources gave, finished
 * intervals and their cursor.
 */

import type { Logger } from 'pino';
import type { Config } from '../../config/types.js';
import type { HeldResults, IntervalPlace, ResultsStore } from '../results/results.js';
import { KeptPlace } from './keptPlace.js';
import { KeptResults } from './keptResults.js';
import { KeptTargets } from './keptTargets.js';
import { StateDirectory } from './state.js';

export class KeptState {
  readonly directory: StateDirectory;
  readonly targets: KeptTargets;
  private readonly results: KeptResults;
  private readonly place: KeptPlace;
  private loaded: readonly [HeldResults | undefined, IntervalPlace | undefined] = [undefined, undefined];

  private constructor(directory: StateDirectory, collector: string, logger: Logger) {
    this.directory = directory;
    this.targets = new KeptTargets({ directory, logger });
    this.results = new KeptResults(directory, collector, logger);
    this.place = new KeptPlace(directory.path, logger);
  }

  /**
   * Undefined when the config names no directory. @throws LlamaError `LLAMA_STATE_UNWRITABLE` or `LLAMA_STATE_IN_USE`
   */
  static async open({ stateDir, collector }: Config, logger: Logger): Promise<KeptState | undefined> {
    if (stateDir === null) return undefined;
    const kept = new KeptState(await StateDirectory.open(stateDir, logger), collector.name, logger);
    try {
      kept.loaded = await Promise.all([kept.results.load(collector.retention), kept.place.take()]);
      return kept;
    } catch (error) {
      await kept.giveBack();
      await kept.close();
      throw error;
    }
  }

  /** The state of an earlier process, returned once: its intervals, and the identity of the last one. */
  takeResults(): readonly [HeldResults | undefined, IntervalPlace | undefined] {
    const { loaded } = this;
    this.loaded = [undefined, undefined];
    return loaded;
  }

  /** This process has an interval of its own: the intervals of an earlier one are no longer the newest. */
  resultsContinued(): void {
    void this.results.discard();
  }

  /** At a clean end. */
  async save(store: ResultsStore, aheadMs: number): Promise<void> {
    await Promise.all([this.results.save(store.toKeep(aheadMs)), this.place.save(store.newest)]);
  }

  /** Makes the directory again where it was removed, with all that is kept. Not during a change of groups. */
  async follow(): Promise<void> {
    if (await this.directory.follow()) this.targets.writeAgain();
  }

  get warnings(): readonly string[] {
    return this.directory.warnings;
  }

  /** The start failed: the next process continues from the same interval. */
  giveBack(): Promise<void> {
    return this.place.giveBack();
  }

  /** Gives the lock back. */
  async close(): Promise<void> {
    await this.targets.close();
    await this.directory.close();
  }
}
