/** From the start of the collector's process to its first probe on the wire. */

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { median, Product, round, type Scenario, type ScenarioOptions, type ScenarioResult } from '../harness.js';
import { configFile } from './twoProcesses.js';

async function run({ quick }: ScenarioOptions): Promise<ScenarioResult> {
  const samples: number[] = [];
  for (let i = 0; i < (quick ? 3 : 9); i++) {
    const witness = createSocket('udp4');
    witness.bind(0, '0.0.0.0');
    await once(witness, 'listening');
    const options = { targets: 100, sourcePorts: 16, timestamps: 'full', interval: '10s' } as const;
    const config = configFile(options, witness.address().port, 0);
    const first = once(witness, 'message');
    const started = performance.now();
    const collector = new Product(['collector', '--config', config.file]);
    await first;
    samples.push(round(performance.now() - started));
    collector.child.kill('SIGKILL');
    await once(collector.child, 'exit');
    witness.close();
    config.remove();
  }
  return { fields: { firstProbeMs: median(samples) }, samples: { firstProbeMs: samples } };
}

export const startScenario: Scenario = {
  name: 'start',
  about: 'start of the process to the first probe, 100 targets x 16 source ports',
  goals: [{ field: 'firstProbeMs', atMost: 1000, floor: 6_000 }],
  run,
};
