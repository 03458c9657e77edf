/** Passes finished intervals from the aggregator to results and history, and notifies the listeners. */

import type { Logger } from 'pino';
import type { Config } from '../config/types.js';
import { MatrixHistory } from '../history/history.js';
import type { IntervalReport } from '../threads/messages.js';
import { historyInterval } from './results/historyFeed.js';
import { ResultsStore, steadyEndMs } from './results/results.js';
import type { KeptState } from './state/keptState.js';
import type { CollectorThreads } from './threads/collectorThreads.js';

/** How far back the matrix reaches at most. */
const HISTORY_MS = 3_600_000;

interface IntervalsOptions {
  readonly config: Config;
  readonly logger: Logger;
  readonly threads: Pick<CollectorThreads, 'aggregator' | 'clock' | 'staleFlows' | 'streams'>;
  readonly kept: KeptState | undefined;
}

export class Intervals {
  readonly results: ResultsStore;
  readonly history: MatrixHistory;
  private readonly options: IntervalsOptions;

  constructor(options: IntervalsOptions) {
    const { config, threads, kept } = options;
    const { clock } = threads;
    this.options = options;
    this.results = new ResultsStore(config.collector.retention);
    const [results, place] = kept?.takeResults() ?? [];
    this.results.restore(place, results, clock.wallMs());
    this.history = new MatrixHistory({
      horizonMs: HISTORY_MS,
      memoryBytes: config.collector.historyMemoryBytes,
      now: () => clock.nowMs(),
      clockAheadMs: () => clock.aheadMs(),
    });
  }

  take(report: IntervalReport): void {
    const { config, logger, kept, threads } = this.options;
    const { results, history } = this;
    const infos = threads.streams.of(report.streams);
    const before = results.latest;
    const stored = results.add({ report: { ...report, forHistory: null }, infos });
    if (before === undefined) kept?.resultsContinued();
    history
      .add(historyInterval(config.collector.name, config.collector.intervalMs, { ...stored, report }))
      .catch((error) => logger.error({ err: error, endMs: report.endMs }, 'an interval is missing in the history'));
    threads.staleFlows.interval(report, infos);
    // After a step of the clock, the labelled start of an interval may be later than the real one.
    const free = threads.streams.release(before === undefined ? 0 : steadyEndMs(before));
    if (free.length > 0) threads.aggregator.forget(Uint32Array.from(free));
  }
}
