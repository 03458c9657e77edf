/** Echoes a second through reflector, prober, ring and aggregator, against the bare loop of system calls, in turns. */

import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import { msToNs } from '../../src/stats/units.js';
import { freeUdpPort, median, round, type Scenario, type ScenarioOptions, type ScenarioResult } from '../harness.js';
import type { FloorTask } from '../workers/floor.js';
import { lossesOf, underLoad } from './load.js';

const SOURCE_PORTS = 16;
const TARGETS = 1000;
const WINDOW = 4096;
/** More than the machine can do, so that the window paces. */
const ASKED_PER_SECOND = 600_000;
const FLOOR_FILE = fileURLToPath(new URL('../workers/floor.js', import.meta.url));

async function floorRate(port: number, durationMs: number): Promise<{ rate: number; lost: number }> {
  const pool = new Piscina<FloorTask, { rate: number; lost: number }>({
    filename: FLOOR_FILE,
    minThreads: 2,
    maxThreads: 2,
  });
  const common = {
    port,
    sockets: SOURCE_PORTS,
    targets: TARGETS,
    window: WINDOW,
    flags: new SharedArrayBuffer(8),
    warmUpMs: 500,
    durationMs,
  };
  try {
    const [result] = await Promise.all([pool.run({ ...common, role: 'send' }), pool.run({ ...common, role: 'echo' })]);
    return result;
  } finally {
    await pool.destroy();
  }
}

async function run({ quick, progress }: ScenarioOptions): Promise<ScenarioResult> {
  const rounds = quick ? 3 : 7;
  const durationMs = quick ? 2_000 : 4_000;
  const floors: number[] = [];
  const pipelines: number[] = [];
  const ratios: number[] = [];
  let lost = 0;
  for (let i = 0; i < rounds; i++) {
    const port = await freeUdpPort();
    const floor = await floorRate(port, durationMs);
    const pipeline = await underLoad({
      port,
      targets: TARGETS,
      sourcePorts: SOURCE_PORTS,
      probesPerSecond: ASKED_PER_SECOND,
      timeoutNs: msToNs(200),
      timestamps: 'receive',
      window: WINDOW,
      warmUpMs: 1_000,
      durationMs,
    });
    lost += lossesOf(pipeline);
    floors.push(Math.round(floor.rate));
    pipelines.push(Math.round(pipeline.echoesPerSecond));
    ratios.push(round(pipeline.echoesPerSecond / floor.rate));
    progress(
      `round ${i + 1} of ${rounds}: floor ${floors[i]}/s (${floor.lost} lost), pipeline ${pipelines[i]}/s, ratio ${ratios[i]}`,
    );
  }
  return {
    fields: { echoesPerSecond: median(pipelines), floorPerSecond: median(floors), ratio: median(ratios), lost },
    samples: { echoesPerSecond: pipelines, floorPerSecond: floors, ratio: ratios },
  };
}

export const pipelineScenario: Scenario = {
  name: 'pipeline',
  about: `echoes a second through everything, ${TARGETS} targets x ${SOURCE_PORTS} source ports, against the bare system calls`,
  goals: [
    { field: 'ratio', atLeast: 0.85 },
    { field: 'lost', atMost: 0 },
  ],
  run,
};
