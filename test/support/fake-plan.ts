/** A plan that remembers what is in force instead of telling threads, for tests of what changes of groups mean. */

import type { Plan } from '../../src/collector/groups.js';
import type { PlanChange } from '../../src/collector/plan.js';
import { checkPlan, planFigures } from '../../src/config/limits.js';
import type { Config, Group } from '../../src/config/types.js';

export class FakePlan implements Plan {
  readonly inForce = new Map<string, Group>();
  /** What was carried out, in order: `put west`, `remove west`. */
  readonly steps: string[] = [];
  /** How often the whole was checked. */
  checks = 0;
  /** Most probes a second that were in force at any time. */
  peak = 0;
  /** Changes that were prepared and neither carried out nor discarded. */
  open = 0;
  /** Called before each step, which fails when it throws; `taken`: behind the point of no return. */
  fault: (step: string, taken: boolean) => void = () => {};
  private readonly config: Config;

  constructor(config: Config) {
    this.config = config;
  }

  mustRun(): void {}

  check(group: Group, others: readonly Group[]): void {
    this.checkAll([...others, group]);
  }

  checkAll(groups: readonly Group[]): void {
    this.checks += 1;
    checkPlan(this.config, groups);
  }

  async prepare(group: Group): Promise<PlanChange> {
    this.fault(`prepare ${group.name}`, false);
    this.open += 1;
    return { plan: { group, run: 0, streams: [] }, added: [], changed: [], removed: [] };
  }

  discard(): void {
    this.open -= 1;
  }

  async carryOut({ plan: { group } }: PlanChange, _origin: string, taken: () => void): Promise<void> {
    this.fault(`put ${group.name}`, false);
    this.open -= 1;
    this.inForce.set(group.name, group);
    taken();
    this.took(`put ${group.name}`);
    this.fault(`put ${group.name}`, true);
  }

  async remove(name: string): Promise<void> {
    this.fault(`remove ${name}`, false);
    this.inForce.delete(name);
    this.took(`remove ${name}`);
  }

  private took(step: string): void {
    this.steps.push(step);
    this.peak = Math.max(this.peak, planFigures([...this.inForce.values()], this.config.source.ports).probesPerSecond);
  }
}
