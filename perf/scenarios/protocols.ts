/** What each packet format costs, against plain STAMP in the same round: a reflector, both ends together, and SYNs, which the host's TCP answers. */

import { median, round, type Scenario, type ScenarioOptions, type ScenarioResult } from '../harness.js';
import { lossesOf } from './load.js';
import { measureBothEnds } from './protocols/bothEnds.js';
import { measureReflector } from './protocols/reflector.js';
import { measureSyn } from './protocols/syn.js';

async function run({ quick, progress }: ScenarioOptions): Promise<ScenarioResult> {
  const rounds = quick ? 1 : 7;
  const durationMs = quick ? 800 : 4_000;
  const samples: Record<string, number[]> = {};
  const add = (field: string, value: number): void => {
    samples[field] ??= [];
    samples[field].push(round(value));
  };
  let lost = 0;
  for (let i = 0; i < rounds; i++) {
    const say = (text: string): void => progress(`round ${i + 1} of ${rounds}: ${text}`);
    /** Of plain STAMP in this round. */
    let plain = { rate: 1, cpuUs: 1 };
    const compare = (name: string, field: string, cost: { rate: number; cpuUs: number }): void => {
      if (name === 'stamp') plain = cost;
      add(`${field}PerSecond`, cost.rate);
      add(`${field}CpuUs`, cost.cpuUs);
      if (name !== 'stamp') {
        add(`${field}RateRatio`, cost.rate / plain.rate);
        add(`${field}CpuRatio`, cost.cpuUs / plain.cpuUs);
      }
      say(`${field} ${Math.round(cost.rate)}/s, ${cost.cpuUs.toFixed(2)} µs`);
    };
    await measureReflector(durationMs, (name, cost) => compare(name, name, cost));
    await measureBothEnds(durationMs, (name, result) => {
      lost += lossesOf(result);
      compare(name, `${name}BothEnds`, { rate: result.echoesPerSecond, cpuUs: result.cpuUs });
    });
    const syn = await measureSyn(durationMs);
    lost += syn.lost;
    add('synPerSecond', syn.rate);
    add('synCpuUs', syn.cpuUs);
    add('synPacedPerSecond', syn.pacedRate);
    add('synPacedSlipsPct', syn.pacedSlipsPct);
    add('synRttUsMin', syn.rttUsMin);
    add('synRttUsP50', syn.rttUsP50);
    add('synRttUsP99', syn.rttUsP99);
    say(
      `SYNs ${Math.round(syn.rate)}/s, ${syn.cpuUs.toFixed(2)} µs; at ${Math.round(syn.pacedRate)}/s RTT ${round(syn.rttUsP50)} µs; lost ${syn.lost}`,
    );
  }
  const fields = Object.fromEntries(Object.entries(samples).map(([name, all]) => [name, median(all)]));
  return { fields: { ...fields, lost }, samples };
}

export const protocolsScenario: Scenario = {
  name: 'protocols',
  about:
    'by packet format, against plain STAMP (numbered sessions): echoes a second of one reflector thread, and of prober, reflector and aggregator together (BothEnds), CPU time for each; SYNs to an open and a closed port',
  goals: [
    { field: 'stampStatelessCpuRatio', atLeast: 0.9 },
    { field: 'stampAuthRateRatio', atLeast: 0.5 },
    { field: 'llamaRateRatio', atLeast: 0.7 },
    { field: 'stampAuthBothEndsRateRatio', atLeast: 0.5 },
    { field: 'llamaBothEndsRateRatio', atLeast: 0.7 },
    { field: 'synPerSecond', atLeast: 50_000 },
    { field: 'synRttUsP50', atMost: 1_000 },
    { field: 'lost', atMost: 0 },
  ],
  run,
};
