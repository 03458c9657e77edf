/** Compares a figure with its goal and its floor. Pure. */

import type { Goal } from './harness.js';

/** `failed`: beyond the floor, or no number at all. */
export type Verdict = 'met' | 'NOT MET' | 'FAILED';

export function verdict(goal: Goal, value: number | undefined): Verdict {
  if (value === undefined || Number.isNaN(value)) return 'FAILED';
  if (within(goal, value)) return 'met';
  const { floor } = goal;
  if (floor === undefined) return 'FAILED';
  return within(goal.atLeast === undefined ? { ...goal, atMost: floor } : { ...goal, atLeast: floor }, value)
    ? 'NOT MET'
    : 'FAILED';
}

/** A line for each figure that fails the run: scenario, field, value, floor. */
export function failures(
  scenario: string,
  goals: readonly Goal[],
  fields: Readonly<Record<string, number>>,
): readonly string[] {
  return goals
    .filter((goal) => verdict(goal, fields[goal.field]) === 'FAILED')
    .map((goal) => `${scenario}: ${goal.field} is ${fields[goal.field] ?? 'missing'}, expected ${bound(goal)}`);
}

function within({ atLeast, atMost }: Goal, value: number): boolean {
  return value >= (atLeast ?? Number.NEGATIVE_INFINITY) && value <= (atMost ?? Number.POSITIVE_INFINITY);
}

function bound({ atLeast, atMost, floor }: Goal): string {
  return atLeast === undefined ? `at most ${floor ?? atMost}` : `at least ${floor ?? atLeast}`;
}
