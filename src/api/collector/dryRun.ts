/** The answer to `?dryRun=1`: the effect of a change, and the load of the resulting plan. */

import { type Static, Type } from 'typebox';
import type { KnownGroup } from '../../collector/groups/groupRecord.js';
import type { PlanDifference } from '../../collector/plan/plan.js';
import type { CollectorService, GroupChange } from '../../collector/service.js';
import { groupFigures, NO_FIGURES, type PlanFigures, planFigures, sourcePortsOf } from '../../config/group/limits.js';

const Figures = Type.Object({
  targets: Type.Integer({ description: 'number of targets' }),
  paths: Type.Integer({ description: 'targets times classes times source ports' }),
  probesPerSecond: Type.Number({ description: 'probes a second' }),
  bytesPerSecond: Type.Number({ description: 'in one direction, with IP and UDP headers; replies take the same' }),
  memoryBytes: Type.Integer({ description: 'for probes that wait for their reply' }),
});

const COUNTS = {
  added: Type.Integer({ description: 'that would be new' }),
  removed: Type.Integer({ description: 'that would go' }),
  kept: Type.Integer({ description: 'that would stay' }),
};

export const DryRunSchema = Type.Object(
  {
    name: Type.String({ description: 'name of the group' }),
    action: Type.String({ description: 'create, change or remove' }),
    restarts: Type.Boolean({ description: 'the timing changes: every path of the group starts again' }),
    targets: Type.Object(
      { ...COUNTS, retagged: Type.Integer({ description: 'kept, with other tags' }) },
      { description: 'what the change does to the targets of the group' },
    ),
    paths: Type.Object(COUNTS, { description: 'kept paths go on with their sequence and history' }),
    group: Type.Object(Figures.properties, { description: 'what the group would ask for' }),
    total: Type.Object(Figures.properties, { description: 'what all groups together would ask for' }),
    budget: Type.Object(
      {
        probesPerSecond: Type.Integer({ description: 'collector.maxProbesPerSecond' }),
        memoryBytes: Type.Integer({ description: 'collector.probeMemory' }),
      },
      { description: 'the most that all groups together may ask for' },
    ),
    threads: Type.Integer({ description: 'prober threads that share the work' }),
  },
  { description: 'with dryRun=1: what the change would do' },
);
export type DryRun = Static<typeof DryRunSchema>;

export function dryRunOf(name: string, { before, after, difference }: GroupChange, service: CollectorService): DryRun {
  const { collector, source } = service.config;
  const { ports } = source;
  const { restarts, targets, streams } = difference;
  const portsOf = (known: KnownGroup | undefined): number =>
    known?.group === undefined ? 0 : sourcePortsOf(known.group, ports);
  const others = service.groups().filter((group) => group.name !== name);
  const all = after === undefined ? others : [...others, after.group];
  return {
    name,
    action: after === undefined ? 'remove' : before === undefined ? 'create' : 'change',
    restarts,
    targets: { ...targets },
    paths: pathDifference(streams, portsOf(before), portsOf(after)),
    group: figures(after === undefined ? NO_FIGURES : groupFigures(after.group, ports)),
    total: figures(planFigures(all, ports)),
    budget: { probesPerSecond: collector.maxProbesPerSecond, memoryBytes: collector.probeMemoryBytes },
    threads: service.status().workers.length,
  };
}

/** A path that is kept is one of a stream that is kept, on a source port that the group had and has. */
function pathDifference(streams: PlanDifference['streams'], before: number, after: number) {
  const kept = streams.kept * Math.min(before, after);
  return {
    added: (streams.added + streams.kept) * after - kept,
    removed: (streams.removed + streams.kept) * before - kept,
    kept,
  };
}

function figures({ targets, paths, probesPerSecond, wireBytesPerSecond, memoryBytes }: PlanFigures) {
  return { targets, paths, probesPerSecond, bytesPerSecond: wireBytesPerSecond, memoryBytes };
}
