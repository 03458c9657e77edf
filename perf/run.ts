/**
 * Runs scenarios one after the other, prints a table of each and reports failures. A scenario that throws does not stop
 * the others.
 */

import { textTable } from '../src/cli/shared/rows.js';
import { failures, verdict } from './gate.js';
import type { Goal, Scenario, ScenarioResult } from './harness.js';

export interface RunOptions {
  readonly quick: boolean;
  /** The report. */
  readonly print: (text: string) => void;
  /** Reports progress. */
  readonly progress: (text: string) => void;
}

export interface RunResult {
  /** By scenario; one that threw has none. */
  readonly results: Readonly<Record<string, ScenarioResult>>;
  /** Empty when the run passed. */
  readonly failures: readonly string[];
}

export async function runScenarios(
  scenarios: readonly Scenario[],
  { quick, print, progress }: RunOptions,
): Promise<RunResult> {
  const results: Record<string, ScenarioResult> = {};
  const failed: string[] = [];
  for (const { name, about, goals, run } of scenarios) {
    print(`\n${name}: ${about}\n`);
    const started = performance.now();
    try {
      const result = await run({ quick, progress });
      results[name] = result;
      failed.push(...failures(name, goals, result.fields));
      print(`${table(result, goals)}  (${((performance.now() - started) / 1000).toFixed(1)} s)\n`);
    } catch (error) {
      failed.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
      print(`  ${error instanceof Error ? error.stack : String(error)}\n`);
    }
  }
  print(failed.length === 0 ? '\nevery floor holds\n' : `\nfailed:\n${failed.map((line) => `  ${line}\n`).join('')}`);
  return { results, failures: failed };
}

function table({ fields, samples }: ScenarioResult, goals: readonly Goal[]): string {
  const rows = Object.entries(fields).map(([field, value]) => {
    const all = samples[field] ?? [];
    const spread = all.length < 2 ? '' : `${format(Math.min(...all))} to ${format(Math.max(...all))}`;
    const goal = goals.find((one) => one.field === field);
    const count = String(Math.max(1, all.length));
    if (goal === undefined) return [`  ${field}`, format(value), count, spread, '', '', ''];
    return [`  ${field}`, format(value), count, spread, goalText(goal), floorText(goal), verdict(goal, value)];
  });
  return textTable([['  field', 'median', 'samples', 'spread', 'goal', 'floor', ''], ...rows]);
}

const sign = ({ atLeast }: Goal): string => (atLeast === undefined ? '<=' : '>=');

const goalText = (goal: Goal): string => `${sign(goal)} ${format(goal.atLeast ?? goal.atMost ?? Number.NaN)}`;

function floorText(goal: Goal): string {
  const floor = goal.floor ?? goal.atLeast ?? goal.atMost ?? Number.NaN;
  return Number.isFinite(floor) ? `${sign(goal)} ${format(floor)}` : 'none';
}

export function format(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: Math.abs(value) < 10 ? 4 : 1 });
}
