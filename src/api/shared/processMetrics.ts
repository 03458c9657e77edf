/**
 * The metrics that a collector and a scraper have alike: memory, CPU time, start, lag of the main thread and versions.
 */

import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { Gauge, type Registry } from 'prom-client';
import { msToS, nsToS, usToS } from '../../base/units.js';
import { VERSION } from '../../base/version.js';

/** How often the event loop is looked at. */
const LAG_RESOLUTION_MS = 20;

interface ProcessMetric {
  readonly name: string;
  readonly help: string;
  readonly value: () => number;
}

export const PROCESS_GAUGES: readonly ProcessMetric[] = [
  {
    name: 'process_resident_memory_bytes',
    help: 'Resident memory of the process.',
    value: () => process.memoryUsage.rss(),
  },
  {
    name: 'llama_heap_used_bytes',
    help: 'Memory that objects of the main thread take.',
    value: () => process.memoryUsage().heapUsed,
  },
];

export const CPU_SECONDS: ProcessMetric = {
  name: 'process_cpu_seconds_total',
  help: 'CPU time of the process, all threads together.',
  value: () => {
    const { user, system } = process.cpuUsage();
    return usToS(user + system);
  },
};

export const START_TIME = {
  name: 'process_start_time_seconds',
  help: (what: 'collector' | 'scraper') => `When the ${what} started, in seconds since 1970.`,
  /** `startedAt` as in the status, ISO 8601. */
  value: (startedAt: string): number => msToS(Date.parse(startedAt)),
};

/** The lag of the main thread, as two gauges over a time that its owner ends. */
export class EventLoopLag {
  private readonly histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS });
  private readonly max: Gauge;
  private readonly mean: Gauge;

  /** `over`: the time in words, for the help. */
  constructor(registry: Registry, over: string) {
    const gauge = (name: string, which: string): Gauge =>
      new Gauge({ name, help: `${which} lag of the main thread ${over}.`, registers: [registry] });
    this.max = gauge('llama_event_loop_lag_max_seconds', 'Greatest');
    this.mean = gauge('llama_event_loop_lag_mean_seconds', 'Mean');
    this.histogram.enable();
  }

  /** Ends the time: the gauges show it until the next one ends. */
  next(): void {
    const { histogram } = this;
    // The histogram holds the time between two looks, which is the resolution when nothing is late.
    const lateS = (ns: number): number => Math.max(0, nsToS(ns) - msToS(LAG_RESOLUTION_MS));
    this.max.set(histogram.count === 0 ? 0 : lateS(histogram.max));
    this.mean.set(histogram.count === 0 ? 0 : lateS(histogram.mean));
    histogram.reset();
  }

  close(): void {
    this.histogram.disable();
  }
}

/** Always 1; what matters are its labels. */
export function addBuildInfo(registry: Registry): void {
  new Gauge({
    name: 'llama_build_info',
    help: 'Always 1; the versions are labels.',
    labelNames: ['version', 'node'],
    registers: [registry],
  }).set({ version: VERSION, node: process.versions.node }, 1);
}
