/**
 * A reflector and a collector as processes of their own, with a config in a temporary file, as an operator runs them.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freeTcpPort, freeUdpPort, Product, type ProductOptions } from '../harness.js';
import { loopbackTargets } from './load.js';

export interface TwoProcesses {
  readonly collector: Product;
  readonly url: string;
  /** Milliseconds from the start of the collector's process to its API's first answer. */
  readonly stop: () => Promise<void>;
}

export interface PairOptions {
  readonly targets: number;
  readonly sourcePorts: number;
  readonly timestamps: 'full' | 'receive';
  readonly interval: string;
  /** Requests a second of one client; the default when not given. */
  readonly rateLimit?: number;
}

/** A config file for `targets` loopback targets on `port`; removed by `remove`. */
export function configFile(options: PairOptions, port: number, apiPort: number): { file: string; remove: () => void } {
  const dir = mkdtempSync(join(tmpdir(), 'llama-perf-'));
  const file = join(dir, 'collector.yaml');
  const targets = loopbackTargets(options.targets, port).map(({ address }) => ({ address }));
  const config = {
    collector: { name: 'perf', interval: options.interval, timestamps: options.timestamps },
    source: { ports: options.sourcePorts },
    api: {
      listen: `127.0.0.1:${apiPort}`,
      ...(options.rateLimit === undefined ? {} : { rateLimit: options.rateLimit }),
    },
    groups: { load: { port, period: '1s', timeout: '1s', targets } },
  };
  writeFileSync(file, JSON.stringify(config));
  return { file, remove: () => rmSync(dir, { recursive: true }) };
}

export async function startPair(options: PairOptions, collectorOptions: ProductOptions = {}): Promise<TwoProcesses> {
  const port = await freeUdpPort();
  const apiPort = await freeTcpPort();
  const config = configFile(options, port, apiPort);
  const reflector = new Product(['reflector', '--listen', `0.0.0.0:${port}`, '--threads', '1']);
  const collector = new Product(['collector', '--config', config.file], collectorOptions);
  const url = `http://127.0.0.1:${apiPort}`;
  const stop = async (): Promise<void> => {
    await collector.stop();
    await reflector.stop();
    config.remove();
  };
  try {
    await collector.ready(`${url}/v1/status`);
  } catch (error) {
    await stop();
    throw error;
  }
  return { collector, url, stop };
}
