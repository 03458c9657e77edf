/**
 * 10,000 targets on 16 source ports once a second: rate, losses, memory of the collector's process, and how quickly it
 * answers meanwhile.
 */

import { setTimeout as delay } from 'node:timers/promises';
import type { CollectorStatus } from '../../src/contract/collectorStatus.js';
import { median, round, type Scenario, type ScenarioOptions, type ScenarioResult } from '../harness.js';
import { startPair } from './twoProcesses.js';

const TARGETS = 10_000;
const SOURCE_PORTS = 16;
/** Leave the start out: code is compiled, memory is touched for the first time. */
const WARM_UP_MS = 3_000;

async function status(url: string): Promise<CollectorStatus> {
  return (await (await fetch(`${url}/v1/status`)).json()) as CollectorStatus;
}

async function run({ quick, progress }: ScenarioOptions): Promise<ScenarioResult> {
  const { collector, url, stop } = await startPair({
    targets: TARGETS,
    sourcePorts: SOURCE_PORTS,
    timestamps: 'receive',
    interval: quick ? '5s' : '10s',
  });
  try {
    await delay(WARM_UP_MS);
    const before = await status(url);
    const started = performance.now();
    const endAt = started + (quick ? 10_000 : 60_000);
    const times: number[] = [];
    let bytes = 0;
    while (performance.now() < endAt) {
      const asked = performance.now();
      bytes = (await (await fetch(`${url}/v1/results`)).arrayBuffer()).byteLength;
      times.push(round(performance.now() - asked));
      await delay(1_000);
    }
    const after = await status(url);
    const seconds = (performance.now() - started) / 1000;
    const { totals } = after;
    const slips = totals.scheduleSlips - before.totals.scheduleSlips;
    progress(`/v1/results: ${bytes} bytes at the end; slips ${slips}; ${JSON.stringify(after.warnings)}`);
    const probesPerSecond = Math.round((totals.sent - before.totals.sent) / seconds);
    const lost = totals.lost + totals.unreachable + totals.localDrops + totals.threadLosses + totals.ringOverflows;
    return {
      fields: {
        probesPerSecond,
        lost,
        rssMb: Math.round(collector.peakRssMb()),
        resultsMs: Math.max(...times),
        resultsMsMedian: median(times),
        resultsBytes: bytes,
        slipsPct: round((100 * slips) / (slips + totals.sent - before.totals.sent)),
      },
      samples: { resultsMs: times },
    };
  } finally {
    await stop();
  }
}

export const scaleScenario: Scenario = {
  name: 'scale',
  about: `${TARGETS} targets x ${SOURCE_PORTS} source ports, every path once a second; resultsMs is the slowest answer`,
  goals: [
    { field: 'probesPerSecond', atLeast: 150_000, floor: 50_000 },
    { field: 'lost', atMost: 0 },
    { field: 'rssMb', atMost: 600, floor: 700 },
    { field: 'resultsMs', atMost: 300, floor: 3_000 },
  ],
  run,
};
