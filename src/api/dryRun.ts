/** What `?dryRun=1` answers: what a change would do, and what the plan would ask for then. */

import { type Static, Type } from 'typebox';
import type { CollectorService, GroupChange } from '../collector/service.js';
import { groupFigures, NO_FIGURES, type PlanFigures, planFigures } from '../config/limits.js';

const Figures = Type.Object({
  targets: Type.Integer(),
  paths: Type.Integer({ description: 'targets times classes times source ports' }),
  probesPerSecond: Type.Number(),
  bytesPerSecond: Type.Number({ description: 'in one direction, with IP and UDP headers; replies take the same' }),
  memoryBytes: Type.Integer({ description: 'for probes that wait for their reply' }),
});

const COUNTS = { added: Type.Integer(), removed: Type.Integer(), kept: Type.Integer() };

export const DryRunSchema = Type.Object({
  name: Type.String(),
  action: Type.String({ description: 'create, change or remove' }),
  restarts: Type.Boolean({ description: 'the timing changes: every path of the group begins anew' }),
  targets: Type.Object({ ...COUNTS, retagged: Type.Integer({ description: 'kept, with other tags' }) }),
  paths: Type.Object(COUNTS, { description: 'those that are kept go on with their sequence and history' }),
  group: Type.Object(Figures.properties, { description: 'what the group would ask for' }),
  total: Type.Object(Figures.properties, { description: 'what all groups together would ask for' }),
  budget: Type.Object({ probesPerSecond: Type.Integer(), memoryBytes: Type.Integer() }),
  threads: Type.Integer({ description: 'prober threads that share the work' }),
});
export type DryRun = Static<typeof DryRunSchema>;

export function dryRunOf(name: string, { before, after, difference }: GroupChange, service: CollectorService): DryRun {
  const { collector, source } = service.config;
  const { ports } = source;
  const { restarts, targets, streams } = difference;
  const others = service.groups().filter((group) => group.name !== name);
  const all = after === undefined ? others : [...others, after.group];
  return {
    name,
    action: after === undefined ? 'remove' : before === undefined ? 'create' : 'change',
    restarts,
    targets: { ...targets },
    paths: { added: streams.added * ports, removed: streams.removed * ports, kept: streams.kept * ports },
    group: figures(after === undefined ? NO_FIGURES : groupFigures(after.group, ports)),
    total: figures(planFigures(all, ports)),
    budget: { probesPerSecond: collector.maxProbesPerSecond, memoryBytes: collector.probeMemoryBytes },
    threads: service.status().workers.length,
  };
}

function figures({ targets, paths, probesPerSecond, wireBytesPerSecond, memoryBytes }: PlanFigures) {
  return { targets, paths, probesPerSecond, bytesPerSecond: wireBytesPerSecond, memoryBytes };
}
