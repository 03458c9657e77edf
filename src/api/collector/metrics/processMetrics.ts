/**
 * The collector's own metrics for Prometheus: every counter of every thread, the plan, the main thread's lag, memory.
 * Names are in base units, counters end in `_total`. Reads the status on each scrape; keeps only the values that make
 * sure that counters never fall.
 */

import { Counter, Gauge, Registry } from 'prom-client';
import { steadyEndMs } from '../../../collector/results/results.js';
import type { CollectorService } from '../../../collector/service.js';
import type { CollectorStatus, Totals } from '../../../contract/collectorStatus.js';
import type { ThreadStatus } from '../../../threads/supervised.js';
import type { EventStreams } from '../../server/eventStreams.js';
import { addBuildInfo, CPU_SECONDS, EventLoopLag, START_TIME } from '../../shared/processMetrics.js';
import { GAUGES, TARGET_SERIES, type TargetSeries } from './figures.js';
import type { Named } from './seriesText.js';
import { addSourceMetrics } from './sourceMetrics.js';
import { WORKER_METRICS } from './workerMetrics.js';

type AggregatorCount = 'consumed' | 'reported' | 'orphans' | 'threadLosses';
const AGGREGATOR_METRICS: Readonly<Record<AggregatorCount, Named>> = {
  consumed: { name: 'llama_aggregator_consumed_total', help: 'Outcomes that the aggregator read.' },
  reported: { name: 'llama_aggregator_reported_total', help: 'Outcomes in finished intervals.' },
  orphans: {
    name: 'llama_aggregator_orphans_total',
    help: 'Outcomes of a group or interval that was gone when they came.',
  },
  threadLosses: {
    name: 'llama_aggregator_losses_total',
    help: 'Outcomes that died with the aggregator, or were orphans.',
  },
};

const NOT_IN_FORCE: Named = {
  name: 'llama_groups_not_in_force',
  help: 'Groups set by REST that are kept and not in force; /v1/groups has the reasons.',
};

const HISTORY_REFUSED: Named = {
  name: 'llama_history_refused_total',
  help: 'Intervals, and rows for want of memory, that the matrix does not show, by reason.',
};

export class ProcessMetrics {
  readonly registry = new Registry();
  private readonly service: CollectorService;
  private readonly lag = new EventLoopLag(this.registry, 'in the last finished interval');
  private intervals = 0;
  private targetSeries: TargetSeries = { limit: 0, omittedSeries: 0, omittedTargets: 0 };
  private readonly refreshers: ((status: CollectorStatus) => void)[] = [];
  /** The greatest value that a counter was given: a counter that falls looks like a restart to Prometheus. */
  private readonly told = new Map<string, number>();

  constructor(service: CollectorService, streams: EventStreams) {
    this.service = service;
    this.addWorkers();
    this.addThreads();
    this.addAggregator();
    this.addHistory();
    this.addGauges();
    this.addStreams(streams);
    this.refreshers.push(addSourceMetrics(this.registry, service));
  }

  /** To be called with every finished interval. */
  intervalEnded(): void {
    this.intervals += 1;
    this.lag.next();
  }

  /** The text of all metrics. */
  text(targetSeries: TargetSeries): Promise<string> {
    this.targetSeries = targetSeries;
    const status = this.service.status();
    for (const refresh of this.refreshers) refresh(status);
    return this.registry.metrics();
  }

  close(): void {
    this.lag.close();
  }

  private addWorkers(): void {
    const metrics = new Map<string, Counter | Gauge>();
    for (const { name, help, labels = {}, gauge } of Object.values(WORKER_METRICS)) {
      if (metrics.has(name)) continue;
      const options = { name, help, labelNames: ['worker', ...Object.keys(labels)], registers: [this.registry] };
      metrics.set(name, gauge ? new Gauge(options) : new Counter(options));
    }
    this.refreshers.push(({ workers }) => {
      for (const metric of metrics.values()) metric.reset();
      for (const { thread, totals } of workers)
        for (const [counter, metric] of Object.entries(WORKER_METRICS)) {
          const value = (metric.unit ?? plain)(totals[counter as keyof Totals]);
          const labels = { worker: thread, ...metric.labels };
          const key = `${thread} ${counter}`;
          metrics.get(metric.name)?.inc(labels, metric.gauge ? value : this.neverFalling(key, value));
        }
    });
  }

  private addThreads(): void {
    const labelNames = ['thread'];
    const registers = [this.registry];
    const restarts = new Counter({
      name: 'llama_thread_restarts_total',
      help: 'How often a thread died and was started again.',
      labelNames,
      registers,
    });
    const up = new Gauge({ name: 'llama_thread_up', help: '1 while the thread runs, else 0.', labelNames, registers });
    const ringFill = new Gauge({
      name: 'llama_ring_fill_ratio',
      help: 'Share of the ring to the aggregator that is filled, by worker, 0 to 1.',
      labelNames: ['worker'],
      registers,
    });
    this.refreshers.push(({ workers, aggregator }) => {
      for (const metric of [restarts, up, ringFill]) metric.reset();
      for (const thread of [...workers, aggregator] satisfies readonly ThreadStatus[]) {
        restarts.inc({ thread: thread.thread }, thread.restarts);
        up.set({ thread: thread.thread }, thread.state === 'running' ? 1 : 0);
      }
      for (const worker of workers) ringFill.set({ worker: worker.thread }, worker.ringFill);
    });
  }

  private addAggregator(): void {
    for (const [counter, named] of Object.entries(AGGREGATOR_METRICS))
      this.addCounter(named, ({ aggregator }) => aggregator[counter as AggregatorCount]);
    this.addCounter({ name: 'llama_intervals_total', help: 'Intervals finished.' }, () => this.intervals);
  }

  private addHistory(): void {
    const counter = new Counter({ ...HISTORY_REFUSED, labelNames: ['reason'], registers: [this.registry] });
    this.refreshers.push(() => {
      counter.reset();
      for (const [reason, count] of Object.entries(this.service.history.refused)) counter.inc({ reason }, count);
    });
  }

  private addGauges(): void {
    const { service } = this;
    for (const { name, help, value } of GAUGES)
      this.addGauge({ name, help }, (status) => {
        const { latest } = service.results;
        return value({
          status,
          endMs: latest === undefined ? undefined : steadyEndMs(latest),
          intervalMs: service.config.collector.intervalMs,
          nowMs: service.clock.nowMs(),
        });
      });
    this.addGauge(NOT_IN_FORCE, () => service.suspendedGroups().length);
    for (const [key, named] of Object.entries(TARGET_SERIES))
      this.addGauge(named, () => this.targetSeries[key as keyof TargetSeries]);
    const { name, help, value: startS } = START_TIME;
    this.addGauge({ name, help: help('collector') }, ({ startedAt }) => startS(startedAt));
    this.addCounter(CPU_SECONDS, CPU_SECONDS.value);
    addBuildInfo(this.registry);
  }

  private addStreams(streams: EventStreams): void {
    this.addGauge({ name: 'llama_streams', help: 'Readers of /v1/stream.' }, () => streams.open);
    this.addCounter(
      { name: 'llama_streams_refused_total', help: 'Readers of /v1/stream turned away: more than api.maxStreams.' },
      () => streams.refused,
    );
    this.addCounter(
      {
        name: 'llama_stream_gaps_total',
        help: 'Gap events sent to readers of /v1/stream: intervals no longer held.',
      },
      () => streams.gaps,
    );
  }

  private addCounter(named: Named, value: (status: CollectorStatus) => number): void {
    const counter = new Counter({ ...named, registers: [this.registry] });
    this.refreshers.push((status) => {
      counter.reset();
      counter.inc(this.neverFalling(named.name, value(status)));
    });
  }

  private addGauge(named: Named, value: (status: CollectorStatus) => number): void {
    const gauge = new Gauge({ ...named, registers: [this.registry] });
    this.refreshers.push((status) => gauge.set(value(status)));
  }

  private neverFalling(key: string, value: number): number {
    const most = Math.max(value, this.told.get(key) ?? 0);
    this.told.set(key, most);
    return most;
  }
}

const plain = (value: number): number => value;
