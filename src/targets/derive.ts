/** Converts the entries of a source to the group that is probed, and back. Pure. */

import type { Group, Target } from '../config/types.js';
import { isOwn } from './ownAddresses.js';
import type { Entry } from './source.js';

export interface Derived {
  readonly group: Group;
  /** Entries left out of the answer, in words. */
  readonly leftOut: readonly string[];
}

/**
 * `own`: addresses to leave out, when the group wants that. `reachable`: false when this host cannot send to addresses
 * of a family at all.
 */
export function deriveGroup(
  group: Group,
  entries: readonly Entry[],
  own: ReadonlySet<string> | undefined,
  reachable: (family: 4 | 6) => boolean,
): Derived {
  const targets: Target[] = [];
  const leftOut: string[] = [];
  const seen = new Set<string>();
  let unreachable = 0;
  for (const entry of entries) {
    if (own !== undefined && isOwn(own, entry.address)) continue;
    if (group.from !== undefined && !reachable(entry.family)) {
      unreachable++;
      continue;
    }
    const { address, family, tags } = entry;
    const target = { address, family, port: group.protocol === 'icmp' ? 0 : (entry.port ?? group.port), tags };
    const key = `${address} ${target.port}`;
    if (seen.has(key)) leftOut.push(`found ${address} with port ${target.port} a second time; the first one counts`);
    else targets.push(target);
    seen.add(key);
  }
  if (unreachable > 0) leftOut.push(`${unreachable} IPv6 addresses are left out: this host has no IPv6`);
  const listed =
    group.from === undefined && targets.length < entries.length ? (group.listed ?? group.targets) : undefined;
  const { listed: _, ...rest } = group;
  return { group: { ...rest, targets, ...(listed === undefined ? {} : { listed }) }, leftOut };
}

/**
 * The listed targets of a group, or those in force; with a port only where it differs from the group's, which may
 * change.
 */
export function entriesOf(group: Group): Entry[] {
  return (group.listed ?? group.targets).map(({ address, family, port, tags }) => ({
    address,
    family,
    port: port === group.port ? null : port,
    tags,
  }));
}
