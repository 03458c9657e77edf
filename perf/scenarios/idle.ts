/** The cost of a small plan: CPU of the collector's process, all threads, in percent of one core. */

import { setTimeout as delay } from 'node:timers/promises';
import { median, round, type Scenario, type ScenarioOptions, type ScenarioResult } from '../harness.js';
import { startPair } from './twoProcesses.js';

async function run({ quick, progress }: ScenarioOptions): Promise<ScenarioResult> {
  const { collector, stop } = await startPair({ targets: 100, sourcePorts: 16, timestamps: 'full', interval: '10s' });
  try {
    await delay(quick ? 3_000 : 5_000);
    const samples: number[] = [];
    const sampleMs = quick ? 2_000 : 10_000;
    for (let i = 0; i < 3; i++) {
      const cpu = collector.cpuSeconds();
      const started = performance.now();
      await delay(sampleMs);
      samples.push(round((100 * (collector.cpuSeconds() - cpu)) / ((performance.now() - started) / 1000)));
      progress(`sample ${i + 1} of 3: ${samples[i]} % of a core`);
    }
    return {
      fields: { cpuPct: median(samples), rssMb: Math.round(collector.peakRssMb()) },
      samples: { cpuPct: samples },
    };
  } finally {
    await stop();
  }
}

export const idleScenario: Scenario = {
  name: 'idle',
  about: '100 targets x 16 source ports, every path once a second, kernel stamps both ways',
  goals: [{ field: 'cpuPct', atMost: 6, floor: 20 }],
  run,
};
