/** One group in our form, from the figures that LLAMA's forms give. */

import { formatDuration, msToNs, NS_PER_S, NS_PER_US } from '../../base/units.js';
import { CLASS_DSCP } from '../group/classes.js';
import { LEGACY_DEFAULTS, LEGACY_PROTOCOL } from './defaults.js';
import type { LegacyTarget } from './targets.js';

interface LegacyGroup {
  readonly cps: number;
  readonly timeoutMs: number;
  readonly dscps: readonly number[];
  readonly targets: readonly LegacyTarget[];
}

/** A DSCP by its standard name, or as the number that it is. */
function className(dscp: number): string | number {
  return Object.keys(CLASS_DSCP).find((name) => CLASS_DSCP[name] === dscp) ?? dscp;
}

/** Time between two probes of a path. In whole microseconds, which is exact to 0.05 % at the shortest period. */
function periodOf(cps: number): string {
  return formatDuration(Math.round(NS_PER_S / cps / NS_PER_US) * NS_PER_US);
}

export function groupOf({ cps, timeoutMs, dscps, targets }: LegacyGroup): Record<string, unknown> {
  return {
    protocol: LEGACY_PROTOCOL,
    port: targets[0]?.port ?? LEGACY_DEFAULTS.targetPort,
    period: periodOf(cps),
    timeout: formatDuration(msToNs(timeoutMs)),
    classes: dscps.map(className),
    // LLAMA's collector never checked the source of a reply.
    anySource: true,
    targets,
  };
}
