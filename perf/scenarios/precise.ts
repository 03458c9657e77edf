/** 100,000 probes a second with kernel stamps for sending and receiving, without any loss or late reply. */

import { msToNs } from '../../src/base/units.js';
import { freeUdpPort, median, round, type Scenario, type ScenarioOptions, type ScenarioResult } from '../harness.js';
import { lossesOf, underLoad } from './load.js';

const PROBES_PER_SECOND = 100_000;
const WARM_UP_MS = 1_500;

async function run({ quick, progress }: ScenarioOptions): Promise<ScenarioResult> {
  const rounds = quick ? 1 : 3;
  const rates: number[] = [];
  const slips: number[] = [];
  let lost = 0;
  let stampsMissing = 0;
  for (let i = 0; i < rounds; i++) {
    const load = {
      port: await freeUdpPort(),
      targets: 1000,
      sourcePorts: 16,
      probesPerSecond: PROBES_PER_SECOND,
      timeoutNs: msToNs(500),
      timestamps: 'full',
      window: 0,
    } as const;
    const result = await underLoad(load, WARM_UP_MS, quick ? 6_000 : 15_000);
    lost += lossesOf(result, progress);
    stampsMissing += result.totals.sendStampsMissing;
    const { sent, scheduleSlips } = result.measured;
    rates.push(Math.round(result.echoesPerSecond));
    slips.push(round((100 * scheduleSlips) / (sent + scheduleSlips)));
    progress(`round ${i + 1} of ${rounds}: ${rates[i]}/s, slips ${slips[i]} %`);
  }
  return {
    fields: { echoesPerSecond: median(rates), slipsPct: median(slips), lost, stampsMissing },
    samples: { echoesPerSecond: rates, slipsPct: slips },
  };
}

export const preciseScenario: Scenario = {
  name: 'precise',
  about: `kernel stamps both ways at ${PROBES_PER_SECOND} probes/s`,
  goals: [
    { field: 'slipsPct', atMost: 0.1, floor: 20 },
    { field: 'lost', atMost: 0 },
  ],
  run,
};
