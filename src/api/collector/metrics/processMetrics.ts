/**
 * The collector's own figures for Prometheus: every counter of every thread, the plan, the main thread's lag, memory. Names are in base
 * units, counters end in `_total`. It reads the status when it is asked and keeps nothing of it but what makes counters never fall.
 */

import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, Gauge, Registry } from 'prom-client';
import { msToS, nsToS, usToS } from '../../../base/units.js';
import { steadyEndMs } from '../../../collector/results/results.js';
import type { CollectorService, CollectorStatus, ThreadStatus, Totals } from '../../../collector/service.js';
import type { EventStreams } from '../../server/eventStreams.js';
import { GAUGES, TARGET_SERIES, type TargetSeries } from './figures.js';
import type { Named } from './seriesText.js';
import { addSourceMetrics } from './sourceMetrics.js';
import { WORKER_METRICS } from './workerMetrics.js';

/** How often the event loop is looked at. */
const LAG_RESOLUTION_MS = 20;

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

export const HISTORY_REFUSED: Named = {
  name: 'llama_history_refused_total',
  help: 'Intervals, and rows for want of memory, that the matrix does not show, by reason.',
};

export class ProcessMetrics {
  readonly registry = new Registry();
  private readonly service: CollectorService;
  private readonly lag: IntervalHistogram;
  private lagMeanS = 0;
  private lagMaxS = 0;
  private intervals = 0;
  private targetSeries: TargetSeries = { limit: 0, omittedSeries: 0, omittedTargets: 0 };
  private readonly refreshers: ((status: CollectorStatus) => void)[] = [];
  /** The greatest value that a counter was given: a counter that falls looks like a restart to Prometheus. */
  private readonly told = new Map<string, number>();

  constructor(service: CollectorService, streams: EventStreams) {
    this.service = service;
    const lag = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS });
    lag.enable();
    this.lag = lag;
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
    const { lag } = this;
    // The histogram holds the time between two looks, which is the resolution when nothing is late.
    const lateS = (ns: number): number => Math.max(0, nsToS(ns) - msToS(LAG_RESOLUTION_MS));
    this.lagMaxS = lag.count === 0 ? 0 : lateS(lag.max);
    this.lagMeanS = lag.count === 0 ? 0 : lateS(lag.mean);
    lag.reset();
  }

  /** The text of all metrics. */
  text(targetSeries: TargetSeries): Promise<string> {
    this.targetSeries = targetSeries;
    const status = this.service.status();
    for (const refresh of this.refreshers) refresh(status);
    return this.registry.metrics();
  }

  close(): void {
    this.lag.disable();
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
    const lagOver = 'in the last finished interval';
    this.addGauge(
      { name: 'llama_event_loop_lag_max_seconds', help: `Greatest lag of the main thread ${lagOver}.` },
      () => this.lagMaxS,
    );
    this.addGauge(
      { name: 'llama_event_loop_lag_mean_seconds', help: `Mean lag of the main thread ${lagOver}.` },
      () => this.lagMeanS,
    );
    this.addGauge(NOT_IN_FORCE, () => service.suspendedGroups().length);
    for (const [key, named] of Object.entries(TARGET_SERIES))
      this.addGauge(named, () => this.targetSeries[key as keyof TargetSeries]);
    this.addCounter(
      { name: 'process_cpu_seconds_total', help: 'CPU time of the process, all threads together.' },
      () => {
        const { user, system } = process.cpuUsage();
        return usToS(user + system);
      },
    );
    const info = new Gauge({
      name: 'llama_build_info',
      help: 'Always 1; the versions are labels.',
      labelNames: ['version', 'node'],
      registers: [this.registry],
    });
    this.refreshers.push(({ version }) => info.set({ version, node: process.versions.node }, 1));
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
