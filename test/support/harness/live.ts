/** A collector in this process, reflectors on loopback, and sums over what was reported. */

import { readdirSync } from 'node:fs';
import pino from 'pino';
import { Collector } from '../../../src/collector/collector.js';
import type { StoredInterval } from '../../../src/collector/results/results.js';
import { parseConfig } from '../../../src/config/collector/config.js';
import { parseGroup } from '../../../src/config/group/group.js';
import type { Config, Group } from '../../../src/config/types.js';
import { Reflector } from '../../../src/reflector/reflector.js';
import { PATH_COLUMNS, type PathColumn } from '../../../src/threads/messages.js';
import { settings } from './reflector.js';
import { waitFor } from './wait.js';

export const silent = pino({ level: 'silent' });

export type PathSums = Record<PathColumn, number>;

const noSums = (): PathSums => Object.fromEntries(PATH_COLUMNS.map((column) => [column, 0])) as PathSums;

export interface LiveOptions {
  readonly ports?: number;
  readonly basePort?: number;
  readonly workers?: number;
  readonly intervalMs?: number;
  readonly timestamps?: 'full' | 'receive';
}

/** Intervals shorter than a file may ask for, so that tests need not wait. */
export function liveConfig(options: LiveOptions = {}): Config {
  const { ports = 2, basePort = 0, workers = 1, intervalMs = 200, timestamps = 'full' } = options;
  const config = parseConfig(`source: { ports: ${ports} }\ngroups: {}\n`, 'test.yaml', {});
  return {
    ...config,
    collector: { ...config.collector, name: 'test', workers, intervalMs, timestamps, retention: 10_000 },
    source: { ...config.source, ports, basePort },
  };
}

export class Live {
  readonly collector: Collector;
  readonly intervals: StoredInterval[] = [];

  private constructor(collector: Collector) {
    this.collector = collector;
    collector.results.subscribe((interval) => this.intervals.push(interval));
  }

  static async start(options: LiveOptions = {}): Promise<Live> {
    return new Live(await Collector.start(liveConfig(options), { logger: silent }));
  }

  put(name: string, group: object): Promise<{ readonly created: boolean }> {
    return this.collector.putGroup(makeGroup(name, group));
  }

  /** Sums over all intervals (less the first `from`) and paths, of the group when it is given. */
  sums(group?: string, from = 0): PathSums {
    const sums = noSums();
    for (const path of this.paths(group, from)) for (const column of PATH_COLUMNS) sums[column] += path.sums[column];
    return sums;
  }

  /** Every path of every interval, less the first `from`. */
  *paths(
    group?: string,
    from = 0,
  ): Generator<{ readonly stream: number; readonly port: number; readonly sums: PathSums }> {
    const { ports } = this.collector.config.source;
    for (const { report, infos } of this.intervals.slice(from)) {
      const names = new Map(infos.map((info) => [info.id, info.group.name]));
      for (const [i, path] of report.paths.entries()) {
        const stream = Math.floor(path / ports);
        if (group !== undefined && names.get(stream) !== group) continue;
        const sums = noSums();
        for (const [k, column] of PATH_COLUMNS.entries())
          sums[column] = report.pathCounters[i * PATH_COLUMNS.length + k];
        yield { stream, port: path % ports, sums };
      }
    }
  }

  /** Resolves when `count` more intervals were reported. */
  async moreIntervals(count: number, timeoutMs = 10_000): Promise<void> {
    const wanted = this.intervals.length + count;
    await waitFor(`${count} more intervals`, () => this.intervals.length >= wanted, timeoutMs);
  }
}

export function makeGroup(name: string, group: object): Group {
  return parseGroup(group, name);
}

export async function startReflector(address = '127.0.0.1'): Promise<{ reflector: Reflector; port: number }> {
  const host = address.includes(':') ? `[${address}]` : address;
  const reflector = await Reflector.start(settings({ listen: [`${host}:0`] }), silent);
  return { reflector, port: reflector.endpoints[0].port };
}

/** How many descriptors this process has open. */
export function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}
