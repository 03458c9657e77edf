/** Builds the message about a group for a prober thread. */

import { sourcePortsOf } from '../../config/group/limits.js';
import { MAX_SOURCE_PORTS } from '../../config/options/schema.js';
import { formatOf } from '../../prober/formats/format.js';
import type { RunMessage, StreamTable } from '../../threads/messages.js';
import type { StreamInfo } from '../results/results.js';
import { type GroupPlan, sharedIds } from './plan.js';

/** The changes of a run. */
interface RunChange {
  readonly added: StreamTable;
  readonly removed: readonly StreamInfo[];
  readonly count: number;
  readonly set: number;
  readonly revision: number;
}

/** The message about a group for a prober thread. */
export function runMessage({ group, run, streams }: GroupPlan, { removed, ...change }: RunChange): RunMessage {
  return {
    type: 'run',
    run,
    periodNs: group.periodNs,
    timeoutNs: group.timeoutNs,
    payloadBytes: group.payloadBytes,
    sourcePorts: sourcePortsOf(group, MAX_SOURCE_PORTS),
    format: formatOf(group),
    neverFragment: group.dontFragment === true,
    parts: group.protocol === 'tcp-syn' ? group.classes.length : 1,
    order: sharedIds(streams),
    removed: sharedIds(removed),
    ...change,
  };
}
