/** A collector and a reflector in this process, under a given load; used by `pipeline`, `precise` and `protocols`. */

import { setTimeout as delay } from 'node:timers/promises';
import pino from 'pino';
import { NS_PER_S } from '../../src/base/units.js';
import { Collector } from '../../src/collector/collector.js';
import type { Config, Group, Target, TimestampMode } from '../../src/config/types.js';
import type { Totals } from '../../src/contract/collectorStatus.js';
import { Reflector } from '../../src/reflector/reflector.js';

/** Short, so that the last one ends soon after the last probe. */
const INTERVAL_MS = 2_000;
const REPORTED_WITHIN_MS = 20_000;

/** Probes of one kind, with the port that answers them. */
export interface LoadProbes extends Pick<Group, 'protocol' | 'port' | 'payloadBytes' | 'keys'> {}

export interface LoadOptions {
  /** Where the reflector listens. */
  readonly port: number;
  /** Default: plain STAMP to the reflector. The asked rate is dealt out over all of them. */
  readonly probes?: readonly LoadProbes[];
  readonly targets: number;
  readonly sourcePorts: number;
  readonly probesPerSecond: number;
  readonly timeoutNs: number;
  readonly timestamps: TimestampMode;
  /** Most probes under way; 0: no limit. */
  readonly window: number;
}

export interface LoadResult {
  readonly echoesPerSecond: number;
  /** CPU time of this process for each echo: both ends, all threads. */
  readonly cpuUs: number;
  /** From the first probe to the last. */
  readonly totals: Totals;
  /** Within the measured stretch. */
  readonly measured: Totals;
  /** Sums over all finished intervals, as the API would serve them. */
  readonly reported: { sent: number; received: number; lost: number };
  /** The same, row by row. */
  readonly rows: readonly LoadRow[];
}

/** The fields of an API row that scenarios use. */
export interface LoadRow {
  readonly group: string;
  readonly received: number;
  readonly rttUs: { readonly min: number; readonly mean: number; readonly p50: number; readonly p99: number } | null;
}

/** Addresses of 127/8 that one reflector on the wildcard address answers for. */
export function loopbackTargets(count: number, port: number): Target[] {
  return Array.from({ length: count }, (_, i) => ({
    address: `127.1.${i >> 8}.${i & 255}`,
    family: 4,
    port,
    tags: {},
  }));
}

/**
 * A load that can be paused and resumed, so that two of them are measured alternately while the code of both stays
 * compiled.
 */
export interface RunningLoad {
  /** Puts the groups in force again. */
  resume(): Promise<void>;
  /** Removes the groups: no more probes are sent. */
  hold(): Promise<void>;
  /** Waits for `durationMs` and returns the answers of that time. */
  measure(durationMs: number): Promise<LoadSlice>;
  /** Ends it; `measured` is the last result of `measure`. */
  end(): Promise<LoadResult>;
  /** As `end`, after a failure: results are no longer read. */
  close(): Promise<void>;
}

export interface LoadSlice {
  readonly echoesPerSecond: number;
  readonly cpuUs: number;
  readonly measured: Totals;
}

export async function startLoad(options: LoadOptions): Promise<RunningLoad> {
  const logger = pino({ level: 'warn' }, pino.destination(2));
  const probes = options.probes ?? [{ protocol: 'stamp', port: options.port, payloadBytes: 44 }];
  const keys = probes.flatMap((one) => one.keys ?? []);
  const reflector = await Reflector.start(
    {
      listen: [{ address: '0.0.0.0', family: 4, port: options.port }],
      threads: 1,
      maxPps: null,
      allow: [],
      stateful: null,
      ...(keys.length === 0 ? {} : { keys }),
    },
    logger,
  );
  const groups = groupsOf(options, probes);
  const collector = await Collector.start(configOf(options, groups), { logger, window: options.window }).catch(
    async (error: unknown) => {
      await reflector.close();
      throw error;
    },
  );
  const close = async (): Promise<void> => {
    await collector.close(0);
    await reflector.close();
  };
  let slice: LoadSlice | undefined;
  return {
    resume: async () => {
      for (const group of groups) await collector.putGroup(group);
    },
    hold: async () => {
      for (const { name } of groups) await collector.deleteGroup(name);
    },
    measure: async (durationMs) => {
      slice = await measure(collector, durationMs);
      return slice;
    },
    end: async () => {
      try {
        for (const { name } of collector.groups()) await collector.deleteGroup(name);
        await allReported(collector);
        await collector.stop();
        return { ...(slice ?? NOTHING), totals: collector.status().totals, ...report(collector) };
      } finally {
        await close();
      }
    },
    close,
  };
}

/** Starts a load, measures once and ends it. */
export async function underLoad(options: LoadOptions, warmUpMs: number, durationMs: number): Promise<LoadResult> {
  const load = await startLoad(options);
  try {
    await load.resume();
    await delay(warmUpMs);
    await load.measure(durationMs);
  } catch (error) {
    await load.close();
    throw error;
  }
  return load.end();
}

const NOTHING = { echoesPerSecond: 0, cpuUs: 0, measured: {} as Totals };

async function measure(collector: Collector, durationMs: number): Promise<LoadSlice> {
  const before = collector.status().totals;
  const cpuBefore = process.cpuUsage();
  const started = performance.now();
  await delay(durationMs);
  const after = collector.status().totals;
  const seconds = (performance.now() - started) / 1000;
  const cpu = process.cpuUsage(cpuBefore);
  const echoes = after.received - before.received;
  const measured = { ...after };
  for (const name of Object.keys(measured) as (keyof Totals)[]) measured[name] -= before[name];
  return { echoesPerSecond: echoes / seconds, cpuUs: (cpu.user + cpu.system) / echoes, measured };
}

/**
 * Waits until the results contain every probe. A stop waits a second or so for the aggregator, which is too short on a
 * machine with busy cores: the benchmark would then count unread records as lost.
 */
async function allReported(collector: Collector): Promise<void> {
  const deadline = performance.now() + REPORTED_WITHIN_MS;
  for (;;) {
    const { intervals } = collector.results.after(0, Number.POSITIVE_INFINITY);
    const reported = intervals.reduce((sum, { report }) => sum + report.sent, 0);
    if (reported >= collector.status().totals.sent || performance.now() > deadline) return;
    await delay(20);
  }
}

/** All that was reported, after the end. */
function report(collector: Collector): Pick<LoadResult, 'reported' | 'rows'> {
  const reported = { sent: 0, received: 0, lost: 0 };
  const rows: LoadRow[] = [];
  for (const { report } of collector.results.after(0, Number.POSITIVE_INFINITY).intervals) {
    reported.sent += report.sent;
    reported.received += report.received;
    reported.lost += report.lost;
    rows.push(...(JSON.parse(`[${Buffer.from(report.rows).toString()}]`) as LoadRow[]));
  }
  return { reported, rows };
}

function groupsOf(options: LoadOptions, probes: readonly LoadProbes[]): Group[] {
  const paths = options.targets * options.sourcePorts;
  return probes.map((one, i) => ({
    ...one,
    name: `load${i}`,
    periodNs: ((paths * probes.length) / options.probesPerSecond) * NS_PER_S,
    timeoutNs: options.timeoutNs,
    classes: [{ name: 'ef', dscp: 46 }],
    targets: loopbackTargets(options.targets, one.port),
  }));
}

function configOf(options: LoadOptions, groups: readonly Group[]): Config {
  return {
    collector: {
      name: 'perf',
      intervalMs: INTERVAL_MS,
      workers: 1,
      retention: 600,
      timestamps: options.timestamps,
      probeMemoryBytes: 2 ** 30,
      maxProbesPerSecond: 100_000_000,
      historyMemoryBytes: 32 * 2 ** 20,
    },
    source: { address: '0.0.0.0', address6: '::', interface: null, ports: options.sourcePorts, basePort: 0 },
    api: {
      host: '127.0.0.1',
      port: 0,
      tokenFile: null,
      readTokenFile: null,
      writes: 'loopback',
      allowRemoteWrites: null,
      tls: null,
      allowed: { directories: [], urls: [] },
      rateLimit: 0,
      bodyLimitBytes: 2 ** 24,
      maxStreams: 256,
      metricsMaxTargets: 2000,
    },
    stateDir: null,
    groups: [...groups],
  };
}

/**
 * Probes that did not come back, or whose record did not arrive: all that are not `received` in the results. If there
 * are any, `progress` gets their counters.
 */
export function lossesOf({ totals, reported }: LoadResult, progress: (text: string) => void): number {
  const losses = totals.sent - reported.received;
  if (losses === 0) return 0;
  const { sent, received, lost, unreachable, localDrops, receiveQueueDrops, threadLosses, ringOverflows } = totals;
  const counted = { sent, received, lost, unreachable, localDrops, receiveQueueDrops, threadLosses, ringOverflows };
  progress(
    `${losses} probes are not received in the results: counters ${JSON.stringify(counted)}, results ${JSON.stringify(reported)}`,
  );
  return losses;
}
