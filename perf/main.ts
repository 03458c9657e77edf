/**
 * `npm run perf`: runs the scenarios, prints a table, writes the raw figures. `--quick`, `--scenario NAME`, `--json
 * FILE`, `--against DIR`. Exit code 1 when a scenario fails or a figure is beyond its floor.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import { compare } from './against.js';
import { machine, type Scenario } from './harness.js';
import { runScenarios } from './run.js';
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
const NAMES = SCENARIOS.map(({ name }) => name).join(', ');

interface PerfOptions {
  readonly quick?: boolean;
  readonly scenario?: string;
  readonly json?: string;
  readonly against?: string;
  readonly pairs: number;
}

const { quick, scenario, json, against, pairs } = new Command('perf')
  .option('--quick', 'the short form, for CI')
  .option('--scenario <name>', `one of ${NAMES}`)
  .option('--json <file>', 'write machine and figures to this file')
  .option('--against <directory>', 'compare with another built checkout, the two in turns, by the short form')
  .option('--pairs <number>', 'with --against: pairs of runs of each scenario', countOf, 5)
  .parse()
  .opts<PerfOptions>();

const chosen = SCENARIOS.filter(({ name }) => scenario === undefined || name === scenario);
if (chosen.length === 0) {
  process.stderr.write(`there is no scenario ${scenario}; there are ${NAMES}\n`);
  process.exit(1);
}
const print = (text: string): void => {
  process.stdout.write(text);
};
const progress = (text: string): void => {
  process.stderr.write(`  ${text}\n`);
};

if (against === undefined) {
  const { results, failures } = await runScenarios(chosen, { quick: quick ?? false, print, progress });
  write(
    Object.fromEntries(Object.entries(results).map(([name, { fields, samples }]) => [name, { ...fields, samples }])),
  );
  process.exit(failures.length === 0 ? 0 : 1);
}
const scenarios = chosen.map(({ name }) => name);
const own = fileURLToPath(import.meta.url);
write(await compare({ directory: against, own, scenarios, rounds: pairs, print, progress }));
process.exit(0);

function write(figures: object): void {
  if (json === undefined) return;
  mkdirSync(dirname(json), { recursive: true });
  const how = { quick: quick ?? against !== undefined, ...(against === undefined ? {} : { newDividedByOld: true }) };
  writeFileSync(json, `${JSON.stringify({ machine: machine(), ...how, scenarios: figures }, null, 2)}\n`);
  print(`\nwritten to ${json}\n`);
}

function countOf(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > 1000)
    throw new InvalidArgumentError(`found ${text}, expected 1 to 1000`);
  return count;
}
