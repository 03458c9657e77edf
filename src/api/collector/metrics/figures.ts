/** Gauges of the plan, the main thread and the process: name, meaning and value of each. */

import { msToS } from '../../../base/units.js';
import type { CollectorStatus } from '../../../contract/collectorStatus.js';
import { PROCESS_GAUGES } from '../../shared/processMetrics.js';
import type { Named } from './seriesText.js';

/** Further metrics of the main thread and the plan, with one value each. */
interface Figures {
  readonly status: CollectorStatus;
  readonly endMs: number | undefined;
  readonly intervalMs: number;
  readonly nowMs: number;
}
export const GAUGES: readonly (Named & { readonly value: (figures: Figures) => number })[] = [
  { name: 'llama_groups', help: 'Groups in force.', value: ({ status }) => status.groups },
  { name: 'llama_targets', help: 'Targets in force.', value: ({ status }) => status.targets },
  { name: 'llama_paths', help: 'Paths in force.', value: ({ status }) => status.paths },
  {
    name: 'llama_planned_probe_rate',
    help: 'Probes a second that the plan asks for.',
    value: ({ status }) => status.probesPerSecond,
  },
  {
    name: 'llama_warnings',
    help: 'Warnings in /v1/status: reasons why results may be about this host and not the network.',
    value: ({ status }) => status.warnings.length,
  },
  {
    name: 'llama_interval_seconds',
    help: 'Length of an interval.',
    value: ({ intervalMs }) => msToS(intervalMs),
  },
  {
    name: 'llama_interval_age_seconds',
    help: 'Time since the end of the last finished interval; since the start before the first one.',
    value: ({ status, endMs, nowMs }) => Math.max(0, msToS(endMs === undefined ? status.uptimeMs : nowMs - endMs)),
  },
  ...PROCESS_GAUGES,
  {
    name: 'llama_array_buffers_bytes',
    help: 'Memory that buffers of the main thread take: mostly finished intervals.',
    value: () => process.memoryUsage().arrayBuffers,
  },
];

/** The effect of the limit on series of targets. */
export interface TargetSeries {
  readonly limit: number;
  readonly omittedSeries: number;
  readonly omittedTargets: number;
}
export const TARGET_SERIES: Readonly<Record<keyof TargetSeries, Named>> = {
  limit: {
    name: 'llama_target_series_limit',
    help: 'Most targets times classes that have series of their own (api.metricsMaxTargets).',
  },
  omittedSeries: {
    name: 'llama_target_series_omitted',
    help: 'Targets times classes without series of their own, because there are more than the limit.',
  },
  omittedTargets: {
    name: 'llama_targets_omitted',
    help: 'Targets without series of their own: those of the largest groups, because there are more than the limit.',
  },
};
