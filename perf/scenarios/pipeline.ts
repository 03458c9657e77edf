/** Echoes a second through reflector, prober, ring and aggregator, against the bare loop of system calls, in turns. */

import { setTimeout as delay } from 'node:timers/promises';
import { msToNs } from '../../src/base/units.js';
import { freeUdpPort, median, round, type Scenario, type ScenarioOptions, type ScenarioResult } from '../harness.js';
import { measurePairs } from '../pairs.js';
import { Floor } from './floor.js';
import { lossesOf, startLoad } from './load.js';

const SOURCE_PORTS = 16;
const TARGETS = 1000;
const WINDOW = 4096;
/** More than the machine can do, so that the window paces. */
const ASKED_PER_SECOND = 600_000;
/** Until code is compiled; once, for both stay alive. */
const WARM_UP_MS = 1_500;
/** From the start of a slice until it is measured: the window has filled by then. */
const SETTLE_MS = 150;
/** From its end until the start of the other one: outstanding probes come back. */
const REST_MS = 50;

async function run({ quick, progress }: ScenarioOptions): Promise<ScenarioResult> {
  const rounds = quick ? 9 : 25;
  const sliceMs = quick ? 500 : 1_000;
  const common = { sockets: SOURCE_PORTS, targets: TARGETS, window: WINDOW };
  const floor = new Floor({ ...common, port: await freeUdpPort(), echo: true });
  const pipeline = await startLoad({
    port: await freeUdpPort(),
    targets: TARGETS,
    sourcePorts: SOURCE_PORTS,
    probesPerSecond: ASKED_PER_SECOND,
    // A longer one takes more slots: with a second's worth, each slice begins with 64 MB of memory outside all caches.
    timeoutNs: msToNs(200),
    timestamps: 'receive',
    window: WINDOW,
  });
  try {
    const bare = async (durationMs = sliceMs): Promise<number> => {
      floor.resume();
      await delay(SETTLE_MS);
      const rate = await floor.measure(durationMs);
      floor.hold();
      await delay(REST_MS);
      return rate;
    };
    const product = async (durationMs = sliceMs): Promise<number> => {
      await pipeline.resume();
      await delay(SETTLE_MS);
      const { echoesPerSecond } = await pipeline.measure(durationMs);
      await pipeline.hold();
      await delay(REST_MS);
      return echoesPerSecond;
    };
    await bare(WARM_UP_MS);
    await product(WARM_UP_MS);
    const { baselines, values, ratios, medianRatio } = await measurePairs(rounds, bare, product, (base, value, ratio) =>
      progress(`floor ${Math.round(base)}/s, pipeline ${Math.round(value)}/s, ratio ${round(ratio)}`),
    );
    const floorLost = await floor.end();
    const lost = lossesOf(await pipeline.end(), progress);
    return {
      fields: {
        echoesPerSecond: median(values),
        floorPerSecond: median(baselines),
        ratio: medianRatio,
        lost,
        floorLost,
      },
      samples: { echoesPerSecond: values, floorPerSecond: baselines, ratio: ratios },
    };
  } finally {
    await floor.end().catch(() => {});
    await pipeline.close();
  }
}

export const pipelineScenario: Scenario = {
  name: 'pipeline',
  about: `echoes a second through everything, ${TARGETS} targets x ${SOURCE_PORTS} source ports, against the bare system calls, in turns`,
  goals: [
    { field: 'ratio', atLeast: 0.85, floor: 0.6 },
    { field: 'lost', atMost: 0 },
  ],
  run,
};
