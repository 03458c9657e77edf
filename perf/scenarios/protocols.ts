/**
 * The cost of each packet format, alternating with plain STAMP: a reflector, both ends together, and SYNs, which the
 * host's TCP answers.
 */

import { median, round, type Scenario, type ScenarioOptions, type ScenarioResult } from '../harness.js';
import { measureBothEnds } from './protocols/bothEnds.js';
import type { Found } from './protocols/inTurns.js';
import { measureReflector } from './protocols/reflector.js';
import { measureSyn } from './protocols/syn.js';

/** Length of a slice. CPU time is counted in ticks of 10 ms: 2 % of this. */
const SLICE_MS = 500;

async function run({ quick, progress }: ScenarioOptions): Promise<ScenarioResult> {
  const rounds = quick ? 5 : 15;
  const samples: Record<string, number[]> = {};
  const add = (field: string, value: number): void => {
    samples[field] ??= [];
    samples[field].push(round(value));
  };
  const found: Found = (name, cost, plain) => {
    add(`${name}PerSecond`, cost.rate);
    add(`${name}CpuUs`, cost.cpuUs);
    if (plain === undefined) return;
    add(`${name}RateRatio`, cost.rate / plain.rate);
    add(`${name}CpuRatio`, cost.cpuUs / plain.cpuUs);
    progress(
      `${name} ${Math.round(cost.rate)}/s, ${cost.cpuUs.toFixed(2)} µs; beside it plain STAMP ${Math.round(plain.rate)}/s, ${plain.cpuUs.toFixed(2)} µs`,
    );
  };
  await measureReflector(rounds, SLICE_MS, found);
  let lost = await measureBothEnds(rounds, SLICE_MS, found, progress);
  for (let i = 0; i < (quick ? 1 : 5); i++) {
    const syn = await measureSyn(quick ? 800 : 4_000, progress);
    lost += syn.lost;
    add('synPerSecond', syn.rate);
    add('synCpuUs', syn.cpuUs);
    add('synPacedPerSecond', syn.pacedRate);
    add('synPacedSlipsPct', syn.pacedSlipsPct);
    add('synRttUsMin', syn.rttUsMin);
    add('synRttUsP50', syn.rttUsP50);
    add('synRttUsP99', syn.rttUsP99);
    progress(
      `SYNs ${Math.round(syn.rate)}/s, ${syn.cpuUs.toFixed(2)} µs; at ${Math.round(syn.pacedRate)}/s RTT ${round(syn.rttUsP50)} µs; lost ${syn.lost}`,
    );
  }
  const fields = Object.fromEntries(Object.entries(samples).map(([name, all]) => [name, median(all)]));
  return { fields: { ...fields, lost }, samples };
}

export const protocolsScenario: Scenario = {
  name: 'protocols',
  about:
    'by packet format, in turns with plain STAMP (numbered sessions): echoes a second of one reflector thread, and of prober, reflector and aggregator together (BothEnds), CPU time for each; SYNs to an open and a closed port',
  goals: [
    { field: 'stampStatelessCpuRatio', atLeast: 0.9, floor: 0.75 },
    { field: 'stampAuthRateRatio', atLeast: 0.5, floor: 0.4 },
    { field: 'llamaRateRatio', atLeast: 0.7, floor: 0.6 },
    { field: 'stampAuthBothEndsRateRatio', atLeast: 0.5, floor: 0.4 },
    { field: 'llamaBothEndsRateRatio', atLeast: 0.7, floor: 0.5 },
    { field: 'synPerSecond', atLeast: 50_000, floor: 20_000 },
    { field: 'synRttUsP50', atMost: 1_000, floor: 5_000 },
    { field: 'lost', atMost: 0 },
  ],
  run,
};
