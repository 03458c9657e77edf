/** Threads that note what they are told and send nothing, for tests of deployments. */

import type { DeploymentThreads } from '../../../src/collector/deployment.js';
import { KnownStreams } from '../../../src/collector/plan/knownStreams.js';
import type { GroupPlan } from '../../../src/collector/plan/plan.js';
import { planFigures } from '../../../src/config/group/limits.js';
import type { Group } from '../../../src/config/types.js';

export class FakeThreads implements DeploymentThreads {
  /** Groups that are probed, by name. */
  readonly inForce = new Map<string, Group>();
  /** In order: `put west`, `remove west`. */
  readonly steps: string[] = [];
  /** Most probes a second that were in force at any time. */
  peak = 0;
  /** Called before each step, which fails when it throws; `taken`: behind the point of no return. */
  fault: (step: string, taken: boolean) => void = () => {};
  readonly clock = { nowMs: () => 0 };
  readonly streams = new KnownStreams(() => 0);
  readonly sources: DeploymentThreads['sources'];
  readonly probers: DeploymentThreads['probers'];
  readonly aggregator: DeploymentThreads['aggregator'];
  readonly staleFlows: DeploymentThreads['staleFlows'] = { forget: () => {} };
  /** Stream numbers that were taken for changes, and neither told to the aggregator nor given back. */
  private readonly taken = new Set<number>();

  constructor(sourcePorts: number) {
    this.sources = {
      has: () => true,
      never: () => undefined,
      whyNot: () => undefined,
      whyNotOpen: () => undefined,
      retry: () => false,
      retire: () => [],
      ended: () => {},
      closeRetired: () => {},
      interfaceOf: (user) => {
        if ('name' in user) this.fault(`prepare ${user.name}`, false);
        return undefined;
      },
    };
    this.aggregator = {
      addRows: (rows) => {
        for (const { prefix } of rows) this.fault(`put ${JSON.parse(`${prefix.slice(0, -1)}}`).group}`, false);
        for (const { id } of rows) this.taken.delete(id);
      },
    };
    this.probers = {
      setRun: async ({ group }) => {
        this.fault(`put ${group.name}`, true);
        this.inForce.set(group.name, group);
        this.steps.push(`put ${group.name}`);
        const { probesPerSecond } = planFigures([...this.inForce.values()], sourcePorts);
        this.peak = Math.max(this.peak, probesPerSecond);
      },
      endRun: async ({ group }: GroupPlan) => {
        this.fault(`remove ${group.name}`, false);
        this.inForce.delete(group.name);
        this.steps.push(`remove ${group.name}`);
      },
      tellLocals: async () => {},
      tellSockets: async () => {},
      closing: async () => true,
    };
    const { numbers } = this.streams;
    const [take, giveBack] = [numbers.take.bind(numbers), numbers.giveBack.bind(numbers)];
    numbers.take = () => {
      const id = take();
      this.taken.add(id);
      return id;
    };
    numbers.giveBack = (ids) => {
      const list = [...ids];
      for (const id of list) this.taken.delete(id);
      giveBack(list);
    };
  }

  /** Stream numbers of changes that were prepared, and neither carried out nor discarded. */
  get open(): number {
    return this.taken.size;
  }
}
