/** What all suites in the lab start with: the network, reflectors on B, a collector on A; and what they end with. */

import { expect } from 'chai';
import type { ConfigSpec, Outcomes, PathRow } from '../../support/harness/contract.js';
import { unaccounted } from '../../support/harness/contract.js';
import { TestCollector } from '../../support/processes/collector.js';
import { type Running, startLlama } from '../../support/processes/process.js';
import { backlogDrops, Network } from '../network.js';
import { type FlowCount, flowKey, type Side, type SpineCounters } from '../spine.js';

export const REFLECTOR_PORT = 8_100;
const START_MS = 10_000;

/** DSCP of the classes that the suites use. */
export const DSCP: Readonly<Record<string, number>> = { cs0: 0, ef: 46 };

/** Starts the reflector on B, with more options; resolves when it is bound. The network's end is its end. */
export async function startReflector(network: Network, options: readonly string[] = []): Promise<Running> {
  const listen = ['--listen', `0.0.0.0:${REFLECTOR_PORT}`, '--listen', `[::]:${REFLECTOR_PORT}`];
  const reflector = startLlama(['reflector', ...listen, ...options], network.at('B'));
  const bound = async (): Promise<boolean> =>
    (await network.exec('B', 'ss', ['-Hlun', 'sport', '=', `:${REFLECTOR_PORT}`])).trim() !== '';
  await reflector.until('the reflector is bound', bound, START_MS);
  return reflector;
}

export class Lab {
  readonly network: Network;
  readonly collector: TestCollector;
  private readonly reflectorOptions: readonly string[];
  private reflector: Running;
  private readonly dropsBefore: number;

  private constructor(
    network: Network,
    collector: TestCollector,
    reflector: Running,
    reflectorOptions: readonly string[],
    dropsBefore: number,
  ) {
    this.network = network;
    this.collector = collector;
    this.reflector = reflector;
    this.reflectorOptions = reflectorOptions;
    this.dropsBefore = dropsBefore;
  }

  /** `program`: in place of the CLI. */
  static async start(config: ConfigSpec, reflectorOptions: readonly string[] = [], program?: string): Promise<Lab> {
    const dropsBefore = await backlogDrops();
    const network = await Network.create();
    try {
      const reflector = await startReflector(network, reflectorOptions);
      const collector = await TestCollector.start(config, network.at('A'), program);
      return new Lab(network, collector, reflector, reflectorOptions, dropsBefore);
    } catch (error) {
      await network.destroy();
      throw error;
    }
  }

  async stop(): Promise<void> {
    try {
      await this.collector.stop();
      await this.reflector.stop();
    } finally {
      await this.network.destroy();
    }
  }

  /** As after a crash: killed, and started again. Resolves when it is bound. */
  async restartReflector(): Promise<void> {
    await this.reflector.stop('SIGKILL');
    this.reflector = await startReflector(this.network, this.reflectorOptions);
  }

  counters(): Promise<SpineCounters[]> {
    return Promise.all(this.network.spines.map((spine) => spine.counters()));
  }

  /** Every flow in one direction with the index of its spine, checking that no flow took two. By `flowKey`. */
  async flows(from: Side): Promise<Map<string, FlowCount & { readonly spine: number }>> {
    const byKey = new Map<string, FlowCount & { readonly spine: number }>();
    for (const [spine, counters] of (await this.counters()).entries()) {
      for (const flow of (from === 'A' ? counters.fromA : counters.fromB).flows) {
        const key = flowKey(flow.sourcePort, flow.target, flow.dscp);
        expect(byKey.has(key), `flow ${key} on two spines`).to.equal(false);
        byKey.set(key, { ...flow, spine });
      }
    }
    return byKey;
  }

  /** When it is not zero, a suite that counts packets proves nothing about the collector. */
  async dropsOfTheMachine(): Promise<number> {
    return (await backlogDrops()) - this.dropsBefore;
  }
}

export function pathKey(path: PathRow): string {
  return flowKey(path.sourcePort, path.target, DSCP[path.class]);
}

/** Sums of rows that belong to the same path, by `pathKey`. */
export function sumByPath(rows: Iterable<PathRow>): Map<string, Outcomes> {
  const sums = new Map<string, { -readonly [K in keyof Outcomes]: number }>();
  for (const row of rows) {
    const key = pathKey(row);
    let sum = sums.get(key);
    if (sum === undefined) {
      sum = {
        sent: 0,
        received: 0,
        lost: 0,
        unreachable: 0,
        localDrops: 0,
        tooBig: 0,
        late: 0,
        duplicates: 0,
        reordered: 0,
        sendErrors: 0,
      };
      sums.set(key, sum);
    }
    for (const column of Object.keys(sum) as (keyof Outcomes)[]) sum[column] += row[column];
  }
  return sums;
}

/** Prints what a suite found, below its test. */
export function printFound(totals: Readonly<Record<string, number>>, more = ''): void {
  const { sent, received, lost, late, localDrops, ringOverflows, scheduleSlips } = totals;
  const found = { sent, received, lost, late, localDrops, ringOverflows, scheduleSlips };
  const text = Object.entries(found).map(([name, count]) => `${name} ${count}`);
  console.log(`      ${text.join(', ')}${more}`);
}

/** Every probe has exactly one final outcome: for each stream and each path in each interval. */
export function expectAccounted(collector: TestCollector): void {
  for (const interval of collector.recorder.intervals) {
    for (const row of interval.results)
      expect(unaccounted(row), `${interval.start} ${JSON.stringify(row)}`).to.equal(0);
    for (const row of collector.recorder.paths(interval))
      expect(unaccounted(row), `${interval.start} ${JSON.stringify(row)}`).to.equal(0);
  }
}
