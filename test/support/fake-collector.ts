/** A collector for the API's tests: groups in a map, intervals made by hand, nothing measured. */

import { type IntervalReport, PATH_COLUMNS, type PathColumn } from '../../src/collector/messages.js';
import { ResultsStore, type StoredInterval, type StreamInfo } from '../../src/collector/results.js';
import type { CollectorService, CollectorStatus, ThreadStatus, Totals } from '../../src/collector/service.js';
import { parseConfig } from '../../src/config/config.js';
import { checkPlan, planFigures } from '../../src/config/limits.js';
import type { Config, Group } from '../../src/config/types.js';
import type { DiscoveryStatus } from '../../src/discovery/discovery.js';
import { LlamaError } from '../../src/errors.js';
import { PROBER_COUNTERS } from '../../src/ring/control.js';
import { RTT_BOUNDS_NS, RTT_BUCKETS } from '../../src/stats/rttBuckets.js';

export const CONFIG_TEXT = `
collector: { name: host-a, interval: 10s, workers: 1, retention: 3 }
source: { ports: 2 }
groups:
  west:
    classes: [cs0, ef]
    targets:
      - { address: 10.2.0.2, tags: { dst_rack: r1 } }
      - { address: "2001:db8::2", port: 8200 }
  east:
    period: 500ms
    targets: [10.1.0.2]
`;

const RUNNING: ThreadStatus = { thread: 'prober 0', state: 'running', restarts: 0, lastError: null };

function zeroTotals(): Totals {
  return Object.fromEntries([...PROBER_COUNTERS, 'threadLosses'].map((name, i) => [name, i])) as Totals;
}

export class FakeCollector implements CollectorService {
  readonly config: Config;
  readonly results: ResultsStore;
  prober: ThreadStatus = RUNNING;
  aggregator: ThreadStatus = { ...RUNNING, thread: 'aggregator' };
  /** Thrown by the next `status()`. */
  failure: Error | undefined;
  /** How the sources of groups do. */
  readonly discovery = new Map<string, DiscoveryStatus>();
  private readonly held = new Map<string, Group>();

  constructor(text = CONFIG_TEXT) {
    this.config = parseConfig(text, 'test.yaml', {});
    this.results = new ResultsStore(this.config.collector.retention);
    for (const group of this.config.groups) this.held.set(group.name, group);
  }

  status(): CollectorStatus {
    if (this.failure !== undefined) throw this.failure;
    const { targets, paths, probesPerSecond } = planFigures(this.groups(), this.config.source.ports);
    return {
      name: this.config.collector.name,
      version: '0.1.0',
      startedAt: '2025-11-21T00:00:00.000Z',
      uptimeMs: 1234,
      state: 'running',
      timestamps: 'full',
      groups: this.held.size,
      targets,
      paths,
      probesPerSecond,
      totals: zeroTotals(),
      workers: [{ ...this.prober, sourcePorts: [40_000, 40_001], paths, ringFill: 0.25, totals: zeroTotals() }],
      aggregator: { ...this.aggregator, consumed: 1, reported: 2, orphans: 3, threadLosses: 4 },
      warnings: ['a warning'],
    };
  }

  sourcePorts(family: 4 | 6): readonly number[] {
    return family === 4 ? [40_000, 40_001] : [60_000, 60_001];
  }

  groups(): readonly Group[] {
    return [...this.held.values()];
  }

  group(name: string): Group | undefined {
    return this.held.get(name);
  }

  discoveryStatus(name: string): DiscoveryStatus | undefined {
    return this.discovery.get(name);
  }

  async putGroup(group: Group): Promise<{ readonly created: boolean }> {
    const created = !this.held.has(group.name);
    checkPlan(this.config, [...this.groups().filter(({ name }) => name !== group.name), group]);
    this.held.set(group.name, group);
    return { created };
  }

  async deleteGroup(name: string): Promise<void> {
    if (!this.held.delete(name)) throw new LlamaError('LLAMA_GROUP_UNKNOWN', `found ${name}`);
  }

  /** Every stream of the groups, in order; ids count from 0. */
  streams(): StreamInfo[] {
    const infos: StreamInfo[] = [];
    for (const group of this.groups())
      for (const target of group.targets)
        for (const trafficClass of group.classes)
          infos.push({ id: infos.length, group, target, class: trafficClass, source: '10.9.0.1' });
    return infos;
  }

  /** Adds an interval that ends at `endMs`, with a row for each stream. */
  finish(endMs: number, options: IntervalOptions = {}): StoredInterval {
    const infos = options.infos ?? this.streams();
    const interval = { report: makeReport(endMs, infos, options), infos };
    this.results.add(interval);
    return interval;
  }
}

export interface PathSpec {
  readonly path: number;
  readonly sent: number;
  readonly lost: number;
  /** min, mean, max in ns; none when nothing was received. */
  readonly rttNs?: readonly [number, number, number];
}

/** What a row counted; `rttsNs` are all its RTTs. */
export type RowSpec = Partial<Record<PathColumn, number>> & { readonly rttsNs?: readonly number[] };

export interface IntervalOptions {
  readonly infos?: readonly StreamInfo[];
  /** Ids of streams that received nothing, and so have no histogram. */
  readonly silent?: readonly number[];
  readonly paths?: readonly PathSpec[];
  /** Numbers of rows, by the id of their stream; others are empty. */
  readonly numbers?: ReadonlyMap<number, RowSpec>;
  /** Makes rows longer by this. */
  readonly padding?: number;
}

export function rowOf(info: StreamInfo, padding = 0): Record<string, unknown> {
  return {
    group: info.group.name,
    target: info.target.address,
    class: info.class.name,
    stream: info.id,
    note: `ü}],{"${'x'.repeat(padding)}`,
  };
}

export function makeReport(endMs: number, infos: readonly StreamInfo[], options: IntervalOptions = {}): IntervalReport {
  const { silent = [], paths = [], padding = 0, numbers = new Map<number, RowSpec>() } = options;
  const rows = infos.map(({ id }) => numbers.get(id) ?? {});
  const texts = infos.map((info) => Buffer.from(JSON.stringify(rowOf(info, padding))));
  const histograms = infos.map((info) => Buffer.from(silent.includes(info.id) ? '' : `HISTF${info.id}`));
  return {
    startMs: endMs - 10_000,
    endMs,
    early: false,
    streams: Uint32Array.from(infos, ({ id }) => id),
    rows: Uint8Array.from(Buffer.concat(texts.flatMap((text, i) => (i === 0 ? [text] : [Buffer.from(','), text])))),
    rowOffsets: offsets(texts.map((text) => text.length + 1)),
    histograms: Uint8Array.from(Buffer.concat(histograms)),
    histogramOffsets: offsets(histograms.map((text) => text.length)),
    rowCounters: Uint32Array.from(rows.flatMap((row) => PATH_COLUMNS.map((name) => row[name] ?? 0))),
    rowRttSumsNs: Float64Array.from(rows, ({ rttsNs = [] }) => rttsNs.reduce((sum, ns) => sum + ns, 0)),
    rowRttBuckets: Uint32Array.from(rows.flatMap(({ rttsNs = [] }) => bucketsOf(rttsNs))),
    paths: Uint32Array.from(paths, ({ path }) => path),
    pathCounters: Uint32Array.from(
      paths.flatMap(({ sent, lost }) =>
        PATH_COLUMNS.map((name) => ({ sent, lost, received: sent - lost })[name as 'sent'] ?? 0),
      ),
    ),
    pathRttNs: Float32Array.from(paths.flatMap(({ rttNs = [0, 0, 0] }) => [...rttNs])),
    sent: 0,
    received: 0,
    lost: 0,
  };
}

function bucketsOf(rttsNs: readonly number[]): number[] {
  const counts = new Array<number>(RTT_BUCKETS).fill(0);
  for (const ns of rttsNs) {
    const bucket = RTT_BOUNDS_NS.findIndex((bound) => ns <= bound);
    counts[bucket === -1 ? RTT_BUCKETS - 1 : bucket] += 1;
  }
  return counts;
}

function offsets(lengths: readonly number[]): Uint32Array {
  const starts = new Uint32Array(lengths.length + 1);
  for (const [i, length] of lengths.entries()) starts[i + 1] = starts[i] + length;
  return starts;
}
