/** The load of a plan, in numbers, and its limits. Pure; called for the file and again for every change by REST. */

import { LlamaError } from '../../base/errors.js';
import { formatDuration, NS_PER_MS, NS_PER_S } from '../../base/units.js';
import { MAX_STREAMS } from '../../threads/messages.js';
import type { Protocol } from '../../wire/protocol.js';
import { toPointer } from '../files/problems.js';
import { formatBytes } from '../options/bytes.js';
import type { CollectorSettings, Group, SourceSettings } from '../types.js';
import { sharedSynTargets } from './agentless.js';

/**
 * Memory of one slot for a waiting probe, and of one path, on all threads together. A stream has one slot more than its
 * paths need (`Streams.slotsOf`).
 */
export const SLOT_BYTES = 64;
export const PATH_BYTES = 64;
/**
 * A probe waits this much longer than its timeout before it is given up: a reply may be stamped by the kernel in time
 * and yet need this long to reach the socket's queue, when the machine is busy.
 */
export const GRACE_NS = 20 * NS_PER_MS;
/**
 * The longest iteration of a prober thread that is not delayed from outside: a probe times out at most this much later
 * than it could.
 */
export const LONGEST_TURN_NS = 50 * NS_PER_MS;

/** In front of the payload: UDP, ICMP, TCP. */
const HEADER_BYTES: Readonly<Record<Protocol, number>> = {
  stamp: 8,
  llama: 8,
  'llama-legacy': 8,
  icmp: 8,
  'tcp-syn': 20,
};
const IP_HEADER_BYTES = { 4: 20, 6: 40 } as const;

/** The load of groups on the collector and the network. */
export interface PlanFigures {
  readonly targets: number;
  /** Targets times classes: rows of the results. */
  readonly streams: number;
  /** Streams times the source ports of their group, one of icmp. */
  readonly paths: number;
  /** Slots for probes that wait for their reply. */
  readonly slots: number;
  readonly memoryBytes: number;
  readonly probesPerSecond: number;
  /** One direction, with IP and UDP headers; replies need the same. */
  readonly wireBytesPerSecond: number;
}

/**
 * Slots of a path: the power of two above the number of probes that can be outstanding, at least 2. So a slot is free
 * again when it is next used.
 */
export function slotsPerPath(group: Pick<Group, 'periodNs' | 'timeoutNs'>): number {
  const waiting = (group.timeoutNs + GRACE_NS + Math.min(LONGEST_TURN_NS, group.periodNs)) / group.periodNs;
  return 2 ** Math.max(1, Math.floor(Math.log2(waiting)) + 1);
}

/**
 * Number of the collector's source ports that a group probes from: the first of them. ICMP has no ports, so it has one
 * path per class.
 */
export function sourcePortsOf(
  { protocol, sourcePorts }: Pick<Group, 'protocol' | 'sourcePorts'>,
  ports: number,
): number {
  return protocol === 'icmp' ? 1 : Math.min(sourcePorts ?? ports, ports);
}

/** The interface or VRF that the probes of a group leave by; undefined: as routes decide. */
export function sourceInterfaceOf(
  { sourceInterface }: Pick<Group, 'sourceInterface'>,
  source: Pick<SourceSettings, 'interface'>,
): string | undefined {
  return sourceInterface ?? source.interface ?? undefined;
}

/** Whether a group has source ports of its own, because it leaves by another interface than the others. */
const hasOwnPorts = (group: Pick<Group, 'sourceInterface'>, source: Pick<SourceSettings, 'interface'>): boolean =>
  sourceInterfaceOf(group, source) !== (source.interface ?? undefined);

/**
 * First source port of a group; 0: chosen by the system. A socket that is bound to an interface and one that is bound
 * to none can't have the same port; two that are bound to different ones can. So all groups with an interface of their
 * own use the ports behind the collector's.
 */
export function basePortOf(group: Pick<Group, 'sourceInterface'>, source: PortNumbers): number {
  return source.basePort === 0 || !hasOwnPorts(group, source) ? source.basePort : source.basePort + source.ports;
}

/** The last source port that these groups need, where `basePort` sets the first. */
export function lastSourcePort(source: PortNumbers, groups: readonly Group[]): number {
  const first = Math.max(source.basePort, ...groups.map((group) => basePortOf(group, source)));
  return first + source.ports - 1;
}

/**
 * `sourcePorts`: of the collector. A prober thread has slots for all of its source ports, also where a group does not
 * use them.
 */
export function groupFigures(group: Group, sourcePorts: number): PlanFigures {
  const targets = group.targets.length;
  const streams = targets * group.classes.length;
  const used = sourcePortsOf(group, sourcePorts);
  const paths = streams * used;
  const slots = streams * sourcePorts * slotsPerPath(group);
  const periodsPerSecond = NS_PER_S / group.periodNs;
  let wireBytes = 0;
  for (const { family } of group.targets)
    wireBytes += group.payloadBytes + HEADER_BYTES[group.protocol] + IP_HEADER_BYTES[family];
  return {
    targets,
    streams,
    paths,
    slots,
    memoryBytes: (slots + streams) * SLOT_BYTES + streams * sourcePorts * PATH_BYTES,
    probesPerSecond: paths * periodsPerSecond,
    wireBytesPerSecond: wireBytes * group.classes.length * used * periodsPerSecond,
  };
}

function addFigures(a: PlanFigures, b: PlanFigures): PlanFigures {
  return {
    targets: a.targets + b.targets,
    streams: a.streams + b.streams,
    paths: a.paths + b.paths,
    slots: a.slots + b.slots,
    memoryBytes: a.memoryBytes + b.memoryBytes,
    probesPerSecond: a.probesPerSecond + b.probesPerSecond,
    wireBytesPerSecond: a.wireBytesPerSecond + b.wireBytesPerSecond,
  };
}

export const NO_FIGURES: PlanFigures = {
  targets: 0,
  streams: 0,
  paths: 0,
  slots: 0,
  memoryBytes: 0,
  probesPerSecond: 0,
  wireBytesPerSecond: 0,
};

export function planFigures(groups: readonly Group[], sourcePorts: number): PlanFigures {
  return groups.reduce((sum, group) => addFigures(sum, groupFigures(group, sourcePorts)), NO_FIGURES);
}

/** The input of the limits; a whole `Config` fits. */
type PortNumbers = Pick<SourceSettings, 'ports' | 'basePort' | 'interface'>;

interface PlanLimits {
  readonly collector: Pick<CollectorSettings, 'probeMemoryBytes' | 'maxProbesPerSecond'>;
  readonly source: PortNumbers;
}

/** Rates are sums of fractions: a hair above the limit is the limit. */
const exceeds = (rate: number, most: number): boolean => rate > most * (1 + 1e-9);

const formatRate = (rate: number): string => String(Number(rate.toFixed(rate < 10 ? 3 : 0)));

/**
 * Refuses groups that need more than there is.
 * @throws LlamaError `LLAMA_PLAN_TOO_LARGE`; its problems point to the group with which each limit is passed, or to its
 * `sourcePorts`.
 */
export function checkPlan(limits: PlanLimits, groups: readonly Group[]): void {
  const mostBytes = limits.collector.probeMemoryBytes;
  const mostProbes = limits.collector.maxProbesPerSecond;
  const ports = limits.source.ports;
  const problems = [...sharedSynTargets(groups)].map(([name, message]) => ({
    path: toPointer(['groups', name]),
    message,
  }));
  let sum = NO_FIGURES;
  for (const group of groups) {
    const before = sum;
    const own = groupFigures(group, ports);
    sum = addFigures(before, own);
    const path = toPointer(['groups', group.name]);
    const used = sourcePortsOf(group, ports);
    if (group.sourcePorts !== undefined && group.sourcePorts > ports)
      problems.push({
        path: toPointer(['groups', group.name, 'sourcePorts']),
        message: `found ${group.sourcePorts}, expected at most the ${ports} source port${ports === 1 ? '' : 's'} of the collector; lower it, leave it out to use all of them, or raise source.ports`,
      });
    if (basePortOf(group, limits.source) + ports > 65_536)
      problems.push({
        path: toPointer(['groups', group.name, 'sourceInterface']),
        message: `found an interface of its own, whose ${ports} source ports come behind the collector's and end at ${basePortOf(group, limits.source) + ports - 1}, expected at most port 65535; lower source.basePort`,
      });
    if (sum.streams > MAX_STREAMS && before.streams <= MAX_STREAMS)
      problems.push({
        path,
        message: `found ${sum.streams} streams (targets times classes, ${own.streams} of them in this group), expected at most ${MAX_STREAMS} in all groups, for a STAMP session identifier has 16 bits; take out targets or classes, or share them among several collectors`,
      });
    if (sum.memoryBytes > mostBytes && before.memoryBytes <= mostBytes)
      problems.push({
        path,
        message: `found a need of ${formatBytes(sum.memoryBytes)} for waiting probes (this group: ${own.targets} targets x ${group.classes.length} classes x ${ports} source ports x ${slotsPerPath(group)} probes within a timeout of ${formatDuration(group.timeoutNs)}), expected at most ${formatBytes(mostBytes)}; shorten the timeout, lengthen the period, use fewer targets, classes or source ports, or raise collector.probeMemory`,
      });
    if (exceeds(sum.probesPerSecond, mostProbes) && !exceeds(before.probesPerSecond, mostProbes))
      problems.push({
        path,
        message: `found a need of ${formatRate(sum.probesPerSecond)} probes/s (this group: ${formatRate(own.probesPerSecond)}, from ${own.targets} targets x ${group.classes.length} classes x ${used} source ports every ${formatDuration(group.periodNs)}; other groups: ${formatRate(before.probesPerSecond)}), expected at most the budget of ${mostProbes}; lengthen the period, use fewer targets, classes or source ports, or raise collector.maxProbesPerSecond`,
      });
  }
  if (problems.length === 0) return;
  const text = problems.map(({ path, message }) => `${path}: ${message}`).join('\n');
  throw new LlamaError('LLAMA_PLAN_TOO_LARGE', text, { problems });
}
