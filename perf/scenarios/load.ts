/** A collector and a reflector in this process, under a given load: what `pipeline`, `precise` and `protocols` measure with. */

import { setTimeout as delay } from 'node:timers/promises';
import pino from 'pino';
import { Collector } from '../../src/collector/collector.js';
import type { Totals } from '../../src/collector/service.js';
import type { Config, Group, Target, TimestampMode } from '../../src/config/types.js';
import { Reflector } from '../../src/reflector/reflector.js';
import { NS_PER_S } from '../../src/stats/units.js';

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
  readonly warmUpMs: number;
  readonly durationMs: number;
}

export interface LoadResult {
  readonly echoesPerSecond: number;
  /** CPU time of this process for each echo: both ends, all threads. */
  readonly cpuUs: number;
  /** From the first probe to the last. */
  readonly totals: Totals;
  /** Within the measured stretch. */
  readonly measured: Totals;
  /** Sums over all finished intervals, what the API would serve. */
  readonly reported: { sent: number; received: number; lost: number };
  /** The same, row by row. */
  readonly rows: readonly LoadRow[];
}

/** What scenarios look at in a row as the API has it. */
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

export async function underLoad(options: LoadOptions): Promise<LoadResult> {
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
  const paths = options.targets * options.sourcePorts;
  const groups = probes.map(
    (one, i): Group => ({
      ...one,
      name: `load${i}`,
      periodNs: ((paths * probes.length) / options.probesPerSecond) * NS_PER_S,
      timeoutNs: options.timeoutNs,
      classes: [{ name: 'ef', dscp: 46 }],
      targets: loopbackTargets(options.targets, one.port),
    }),
  );
  const config: Config = {
    collector: {
      name: 'perf',
      intervalMs: 10_000,
      workers: 1,
      retention: 600,
      timestamps: options.timestamps,
      probeMemoryBytes: 2 ** 30,
      maxProbesPerSecond: 100_000_000,
      historyMemoryBytes: 32 * 2 ** 20,
    },
    source: { address: '0.0.0.0', address6: '::', ports: options.sourcePorts, basePort: 0 },
    api: {
      host: '127.0.0.1',
      port: 0,
      tokenFile: null,
      readTokenFile: null,
      writes: 'loopback',
      allowRemoteWrites: null,
      tls: null,
      rateLimit: 0,
      bodyLimitBytes: 2 ** 24,
      maxStreams: 256,
      metricsMaxTargets: 2000,
    },
    stateDir: null,
    groups,
  };
  const collector = await Collector.start(config, { logger, window: options.window });
  try {
    await collector.measure();
    await delay(options.warmUpMs);
    const before = collector.status().totals;
    const cpuBefore = process.cpuUsage();
    const started = performance.now();
    await delay(options.durationMs);
    const after = collector.status().totals;
    const seconds = (performance.now() - started) / 1000;
    const cpu = process.cpuUsage(cpuBefore);
    const echoes = after.received - before.received;
    await collector.stop();
    const reported = { sent: 0, received: 0, lost: 0 };
    const rows: LoadRow[] = [];
    for (const { report } of collector.results.after(0, 1e6).intervals) {
      reported.sent += report.sent;
      reported.received += report.received;
      reported.lost += report.lost;
      rows.push(...(JSON.parse(`[${Buffer.from(report.rows).toString()}]`) as LoadRow[]));
    }
    const measured = { ...after };
    for (const name of Object.keys(measured) as (keyof Totals)[]) measured[name] -= before[name];
    return {
      echoesPerSecond: echoes / seconds,
      cpuUs: (cpu.user + cpu.system) / echoes,
      totals: collector.status().totals,
      measured,
      reported,
      rows,
    };
  } finally {
    await collector.close(0);
    await reflector.close();
  }
}

/** Probes that did not come back, or whose record did not arrive: all that is not `received` in the results. */
export function lossesOf({ totals, reported }: LoadResult): number {
  return totals.sent - reported.received;
}
