/** `npm run perf`: runs the scenarios, prints a table, writes the raw figures. `--quick`, `--scenario NAME`, `--json FILE`. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { Command } from 'commander';
import { textTable } from '../src/cli/rows.js';
import { type Goal, machine, type Scenario, type ScenarioResult } from './harness.js';
import { aggregateScenario } from './scenarios/aggregate.js';
import { apiScenario } from './scenarios/api.js';
import { idleScenario } from './scenarios/idle.js';
import { pageScenario } from './scenarios/page.js';
import { pipelineScenario } from './scenarios/pipeline.js';
import { preciseScenario } from './scenarios/precise.js';
import { protocolsScenario } from './scenarios/protocols.js';
import { reconfigureScenario } from './scenarios/reconfigure.js';
import { scaleScenario } from './scenarios/scale.js';
import { scrapeScenario } from './scenarios/scrape.js';
import { startScenario } from './scenarios/start.js';

const SCENARIOS: readonly Scenario[] = [
  pipelineScenario,
  preciseScenario,
  protocolsScenario,
  aggregateScenario,
  scaleScenario,
  apiScenario,
  reconfigureScenario,
  idleScenario,
  startScenario,
  pageScenario,
  scrapeScenario,
];

interface PerfOptions {
  readonly quick?: boolean;
  readonly scenario?: string;
  readonly json?: string;
}

const {
  quick = false,
  scenario,
  json,
} = new Command('perf')
  .option('--quick', 'the short form, for CI')
  .option('--scenario <name>', `one of ${SCENARIOS.map(({ name }) => name).join(', ')}`)
  .option('--json <file>', 'write machine and figures to this file')
  .parse()
  .opts<PerfOptions>();

const chosen = SCENARIOS.filter(({ name }) => scenario === undefined || name === scenario);
if (chosen.length === 0) {
  process.stderr.write(`there is no scenario ${scenario}; there are ${SCENARIOS.map(({ name }) => name).join(', ')}\n`);
  process.exit(1);
}

const results: Record<string, ScenarioResult> = {};
for (const { name, about, goals, run } of chosen) {
  process.stdout.write(`\n${name}: ${about}\n`);
  const started = Date.now();
  const result = await run({ quick, progress: (text) => process.stderr.write(`  ${text}\n`) });
  results[name] = result;
  process.stdout.write(`${table(result, goals)}  (${((Date.now() - started) / 1000).toFixed(1)} s)\n`);
}
if (json !== undefined) {
  const scenarios = Object.fromEntries(
    Object.entries(results).map(([name, { fields, samples }]) => [name, { ...fields, samples }]),
  );
  mkdirSync(dirname(json), { recursive: true });
  writeFileSync(json, `${JSON.stringify({ machine: machine(), quick, scenarios }, null, 2)}\n`);
  process.stdout.write(`\nwritten to ${json}\n`);
}
process.exit(0);

function table({ fields, samples }: ScenarioResult, goals: readonly Goal[]): string {
  const rows = Object.entries(fields).map(([field, value]) => {
    const all = samples[field] ?? [];
    const spread = all.length < 2 ? '' : `${format(Math.min(...all))} to ${format(Math.max(...all))}`;
    const goal = goals.find((one) => one.field === field);
    return [`  ${field}`, format(value), String(Math.max(1, all.length)), spread, goalText(goal), verdict(goal, value)];
  });
  return textTable([['  field', 'median', 'samples', 'spread', 'goal', ''], ...rows]);
}

function goalText(goal: Goal | undefined): string {
  if (goal?.atLeast !== undefined) return `>= ${format(goal.atLeast)}`;
  return goal?.atMost !== undefined ? `<= ${format(goal.atMost)}` : '';
}

function verdict(goal: Goal | undefined, value: number): string {
  if (goal === undefined) return '';
  return value >= (goal.atLeast ?? Number.NEGATIVE_INFINITY) && value <= (goal.atMost ?? Number.POSITIVE_INFINITY)
    ? 'met'
    : 'NOT MET';
}

function format(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: Math.abs(value) < 10 ? 4 : 1 });
}
