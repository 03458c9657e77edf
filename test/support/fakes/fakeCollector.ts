/** A collector for the API's tests: groups in a map, intervals made by hand, nothing measured. */

import { LlamaError } from '../../../src/base/errors.js';
import { SteadyClock } from '../../../src/base/steadyClock.js';
import type {
  ActiveGroup,
  GroupOrigin,
  KnownGroup,
  SuspendedGroup,
} from '../../../src/collector/groups/groupRecord.js';
import { groupDifference } from '../../../src/collector/plan/plan.js';
import { historyInterval } from '../../../src/collector/results/historyFeed.js';
import { ResultsStore, type StoredInterval, type StreamInfo } from '../../../src/collector/results/results.js';
import type { ChangeOptions, CollectorService, GroupChange, GroupEdit } from '../../../src/collector/service.js';
import type { GroupRules } from '../../../src/config/allowed.js';
import { parseConfig } from '../../../src/config/collector/config.js';
import { groupToJson } from '../../../src/config/group/group.js';
import { checkPlan, planFigures } from '../../../src/config/group/limits.js';
import type { Config, Group } from '../../../src/config/types.js';
import type { CollectorStatus, RenewedPorts, Totals } from '../../../src/contract/collectorStatus.js';
import { MatrixHistory } from '../../../src/history/history.js';
import { PROBER_COUNTERS } from '../../../src/ring/control.js';
import { RTT_BOUNDS_NS, RTT_BUCKETS } from '../../../src/stats/rttBuckets.js';
import type { DiscoveryStatus } from '../../../src/targets/discovery.js';
import {
  type HistoryColumns,
  type IntervalReport,
  PATH_COLUMNS,
  PATH_TRAITS,
  type PathColumn,
  ROW_TIMES,
} from '../../../src/threads/messages.js';
import type { ThreadStatus } from '../../../src/threads/supervised.js';
import { historyRow } from './rows.js';

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

function hold(group: Group, origin: GroupOrigin): ActiveGroup {
  const text = JSON.stringify(groupToJson(group));
  return {
    defined: group,
    group,
    origin,
    text,
    digest: text,
    etag: `"${origin}-${text.length}-${group.targets.length}"`,
  };
}

const RUNNING: ThreadStatus = { thread: 'prober 0', state: 'running', restarts: 0, lastError: null };

function zeroTotals(): Totals {
  return Object.fromEntries([...PROBER_COUNTERS, 'threadLosses'].map((name, i) => [name, i])) as Totals;
}

export class FakeCollector implements CollectorService {
  readonly config: Config;
  readonly results: ResultsStore;
  /** By this clock; the real one while it is undefined. */
  historyNowMs: number | undefined;
  readonly history = new MatrixHistory({
    horizonMs: 3_600_000,
    memoryBytes: 32 * 2 ** 20,
    now: () => this.historyNowMs ?? Date.now(),
  });
  readonly clock = new SteadyClock();
  prober: ThreadStatus = RUNNING;
  aggregator: ThreadStatus = { ...RUNNING, thread: 'aggregator' };
  /** Thrown by the next `status()`. */
  failure: Error | undefined;
  /** How the sources of groups do. */
  readonly discovery = new Map<string, DiscoveryStatus>();
  /** Kept, and not in force. */
  readonly waiting = new Map<string, SuspendedGroup>();
  private readonly held = new Map<string, ActiveGroup>();
  /** Texts of what the config file has, and of what of it was removed by REST. */
  private readonly file = new Map<string, string>();
  private readonly removed = new Map<string, string>();

  constructor(text = CONFIG_TEXT) {
    this.config = parseConfig(text, 'test.yaml', {});
    this.results = new ResultsStore(this.config.collector.retention);
    for (const group of this.config.groups) void this.putGroup(group);
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
      freshProbes: [],
      warnings: ['a warning'],
    };
  }

  rulesOf(): GroupRules {
    return this.config.api.allowed;
  }

  renewSourcePorts(): Promise<RenewedPorts> {
    return Promise.resolve({ before: [40_000, 40_001], after: [40_002, 40_003], drainMs: 1_000 });
  }

  sourcePorts(family: 4 | 6): readonly number[] {
    return family === 4 ? [40_000, 40_001] : [60_000, 60_001];
  }

  groups(): readonly Group[] {
    return this.activeGroups().map(({ group }) => group);
  }

  group(name: string): Group | undefined {
    return this.held.get(name)?.group;
  }

  activeGroups(): readonly ActiveGroup[] {
    return [...this.held.values()];
  }

  activeGroup(name: string): ActiveGroup | undefined {
    return this.held.get(name);
  }

  discoveryStatus(name: string): DiscoveryStatus | undefined {
    return this.discovery.get(name);
  }

  suspendedGroups(): readonly SuspendedGroup[] {
    return [...this.waiting.values()];
  }

  suspendedGroup(name: string): SuspendedGroup | undefined {
    return this.waiting.get(name);
  }

  removedGroups(): readonly string[] {
    return [...this.removed.keys()];
  }

  async revertGroup(name: string, may: (known: KnownGroup | undefined) => void): Promise<GroupChange> {
    const before = this.held.get(name) ?? this.waiting.get(name);
    may(before);
    throw new LlamaError('LLAMA_GROUP_CONFLICT', `found ${name}`);
  }

  inFile(name: string): boolean {
    return this.file.has(name);
  }

  async changeGroup(name: string, edit: GroupEdit, { dryRun = false }: ChangeOptions = {}): Promise<GroupChange> {
    const before = this.held.get(name);
    const group = edit(before ?? this.waiting.get(name));
    if (group !== undefined) checkPlan(this.config, [...this.groups().filter((other) => other.name !== name), group]);
    const after = group && hold(group, 'api');
    const inFile = this.file.get(name);
    if (!dryRun && after !== undefined) this.held.set(name, after);
    if (!dryRun && after === undefined && !this.held.delete(name))
      throw new LlamaError('LLAMA_GROUP_UNKNOWN', `found ${name}`);
    if (!dryRun && after === undefined && inFile !== undefined) this.removed.set(name, inFile);
    if (!dryRun && after !== undefined) this.removed.delete(name);
    return { before, after, difference: groupDifference(before?.group, group) };
  }

  async putGroup(group: Group, origin: GroupOrigin = 'file'): Promise<{ readonly created: boolean }> {
    const { name } = group;
    if (origin === 'api') return { created: (await this.changeGroup(name, () => group)).before === undefined };
    const before = this.held.get(name);
    const after = hold(group, 'file');
    this.file.set(name, after.text);
    if (before?.origin === 'api' || this.removed.get(name) === after.text) return { created: false };
    checkPlan(this.config, [...this.groups().filter((other) => other.name !== name), group]);
    this.removed.delete(name);
    this.held.set(name, after);
    return { created: before === undefined };
  }

  async deleteGroup(name: string, origin: GroupOrigin = 'file'): Promise<void> {
    if (origin === 'api') await this.changeGroup(name, () => undefined);
    else {
      this.removed.delete(name);
      this.file.delete(name);
      if (this.held.get(name)?.origin === 'file') this.held.delete(name);
    }
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
    const interval = this.results.add({ report: makeReport(endMs, infos, options), infos });
    void this.history.add(historyInterval(this.config.collector.name, 10_000, interval));
    return interval;
  }
}

/** What a path counted; whatever of `sent` has no other outcome is received. */
export type PathSpec = Partial<Record<PathColumn, number>> & {
  readonly path: number;
  /** min, mean, max in ns; none when nothing was received. */
  readonly rttNs?: readonly [number, number, number];
};

/** What a row counted; `rttsNs` are all its RTTs. */
export type RowSpec = Partial<Record<PathColumn, number>> & {
  readonly rttsNs?: readonly number[];
  readonly jitterNs?: number;
};

export interface IntervalOptions {
  readonly infos?: readonly StreamInfo[];
  /** Ids of streams that received nothing, and so have no histogram. */
  readonly silent?: readonly number[];
  readonly paths?: readonly PathSpec[];
  /** Numbers of rows, by the id of their stream; others are empty. */
  readonly numbers?: ReadonlyMap<number, RowSpec>;
  /** `IntervalReport.pathReasons`. */
  readonly reasons?: readonly number[];
  /** Makes rows longer by this. */
  readonly padding?: number;
}

const TOO_BIG = [1, 3, 0x4004_0000, 0xfe00_090a, 0, 0, 0, 1400];

/** An interval in which 20 probes of the first path found no route, 5 of the second a closed port, and 3 were too big for a router. */
export const REFUSED_AND_UNREACHABLE: IntervalOptions = {
  paths: [
    { path: 0, sent: 0, lost: 0 },
    { path: 1, sent: 8, lost: 0, tooBig: 3 },
  ],
  // Index in `paths`, count, errno or ICMP error (IP version 4, type 3, code 3), origin, MTU. The last one is `TOO_BIG`.
  reasons: [...[0, 20, 101, 0, 0, 0, 0, 0], ...[1, 5, 0x8004_0303, 0x0200_090a, 0, 0, 0, 0], ...TOO_BIG],
};

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
  const { silent = [], paths = [], reasons = [], padding = 0, numbers = new Map<number, RowSpec>() } = options;
  const rows = infos.map(({ id }) => numbers.get(id) ?? {});
  const texts = infos.map((info) => Buffer.from(JSON.stringify(rowOf(info, padding))));
  const histograms = infos.map((info) => Buffer.from(silent.includes(info.id) ? '' : `HISTF${info.id}`));
  return {
    startMs: endMs - 10_000,
    endMs,
    clockStepMs: 0,
    early: false,
    streams: Uint32Array.from(infos, ({ id }) => id),
    rows: new Uint8Array(Buffer.concat(texts.flatMap((text, i) => (i === 0 ? [text] : [Buffer.from(','), text])))),
    rowOffsets: offsets(texts.map((text) => text.length + 1)),
    histograms: new Uint8Array(Buffer.concat(histograms)),
    histogramOffsets: offsets(histograms.map((text) => text.length)),
    rowCounters: Uint32Array.from(rows.flatMap((row) => PATH_COLUMNS.map((name) => row[name] ?? 0))),
    rowRttSumsNs: Float64Array.from(rows, ({ rttsNs = [] }) => rttsNs.reduce((sum, ns) => sum + ns, 0)),
    rowRttBuckets: Uint32Array.from(rows.flatMap(({ rttsNs = [] }) => bucketsOf(rttsNs))),
    forHistory: historyColumns(rows),
    paths: Uint32Array.from(paths, ({ path }) => path),
    pathCounters: Uint32Array.from(
      paths.flatMap((path) => {
        const { sent = 0, lost = 0, unreachable = 0, localDrops = 0, tooBig = 0 } = path;
        const received = sent - lost - unreachable - localDrops - tooBig;
        return PATH_COLUMNS.map((name) => ({ received, ...path })[name] ?? 0);
      }),
    ),
    pathRttNs: Float32Array.from(paths.flatMap(({ rttNs = [0, 0, 0] }) => [...rttNs])),
    pathDelayNs: new Float32Array(paths.length * 6).fill(Number.NaN),
    pathTraits: new Uint8Array(paths.length * PATH_TRAITS.length).fill(255),
    pathReasons: Uint32Array.from(reasons),
    sent: 0,
    received: 0,
    lost: 0,
  };
}

function historyColumns(rows: readonly RowSpec[]): HistoryColumns {
  const made = rows.map(({ rttsNs = [], jitterNs }) =>
    historyRow({ rttsNs, ...(jitterNs === undefined ? {} : { jitterNs }) }),
  );
  const sparse = made.map(({ histogram }) => histogram ?? new Uint8Array());
  return {
    times: Float64Array.from(made.flatMap((row) => ROW_TIMES.map((name) => row[name]))),
    sparse: Uint8Array.from(Buffer.concat(sparse)),
    sparseOffsets: offsets(sparse.map(({ length }) => length)),
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
