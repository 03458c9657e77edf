/**
 * From groups to streams: assigns a number to each (group, target, class), and computes the changes when a group
 * changes. Pure bookkeeping; no I/O.
 *
 * A stream keeps its number, and so its sequence and history, while its address, port and class stay in a group of
 * unchanged timing.
 */

import { sameKeys } from '../../config/group/groupFormat.js';
import type { Group, Target, TrafficClass } from '../../config/types.js';
import { addressBytes, zoneIndex } from '../../net/address.js';
import { type StreamRow, type StreamTable, UNKNOWN_SOURCE } from '../../threads/messages.js';
import type { StreamInfo } from '../results/results.js';
import type { StreamNumbers } from './knownStreams.js';

/** A group as the threads know it. */
export interface GroupPlan {
  readonly group: Group;
  /** Number of the run: changes with the timing. */
  readonly run: number;
  /** In sending order: class by class, so that consecutive probes go to different targets. */
  readonly streams: readonly StreamInfo[];
}

/** The consequences of a change of one group. */
export interface PlanChange {
  readonly plan: GroupPlan;
  /** New streams, and known ones whose row changed (tags). */
  readonly added: readonly StreamInfo[];
  readonly changed: readonly StreamInfo[];
  readonly removed: readonly StreamInfo[];
}

const sameTiming = (a: Group, b: Group): boolean =>
  a.protocol === b.protocol &&
  a.periodNs === b.periodNs &&
  a.timeoutNs === b.timeoutNs &&
  a.payloadBytes === b.payloadBytes &&
  a.dontFragment === b.dontFragment &&
  a.ecn === b.ecn &&
  a.sourceInterface === b.sourceInterface &&
  a.anySource === b.anySource &&
  String(a.tlvs ?? []) === String(b.tlvs ?? []) &&
  sameKeys(a, b);

const streamKey = (target: Target, trafficClass: TrafficClass): string =>
  `${classKey(trafficClass)} ${targetKey(target)}`;

/** The effect of a change, in numbers of targets and of streams; computed without a plan. */
export interface PlanDifference {
  /** The timing changes, or the protocol or payload: every path restarts. */
  readonly restarts: boolean;
  readonly targets: Difference & { readonly retagged: number };
  readonly streams: Difference;
}

interface Difference {
  readonly added: number;
  readonly removed: number;
  readonly kept: number;
}

/** The difference between two states of a group; undefined: the group does not exist in that state. */
export function groupDifference(old: Group | undefined, group: Group | undefined): PlanDifference {
  const restarts = old !== undefined && group !== undefined && !sameTiming(old, group);
  const before = new Map(old?.targets.map((target) => [targetKey(target), target]));
  let kept = 0;
  let retagged = 0;
  for (const target of group?.targets ?? []) {
    const known = before.get(targetKey(target));
    if (known === undefined) continue;
    kept += 1;
    if (!sameTags(known, target)) retagged += 1;
  }
  const classes = new Set(old?.classes.map(classKey));
  const keptClasses = (group?.classes ?? []).filter((one) => classes.has(classKey(one))).length;
  const streams = (of: Group | undefined): number => (of === undefined ? 0 : of.targets.length * of.classes.length);
  const keptStreams = restarts ? 0 : kept * keptClasses;
  return {
    restarts,
    targets: {
      added: (group?.targets.length ?? 0) - kept,
      removed: before.size - kept,
      kept,
      retagged,
    },
    streams: { added: streams(group) - keptStreams, removed: streams(old) - keptStreams, kept: keptStreams },
  };
}

const targetKey = ({ port, address }: Target): string => `${port} ${address}`;
const classKey = ({ name, dscp }: TrafficClass): string => `${name} ${dscp}`;

function sameTags({ tags: a }: Target, { tags: b }: Target): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}

/** ECN codepoint of ECN-capable transport, RFC 3168. */
const ECT0 = 2;
/** Number of streams planned between two yields. */
const CHUNK = 200;

export interface PlanTools {
  readonly numbers: StreamNumbers;
  readonly nextRun: () => number;
  /** The local address towards a target of a group. */
  readonly sourceOf: (info: Pick<StreamInfo, 'group' | 'target'>) => string;
  /** Lets the main thread do something else. */
  readonly pause: () => Promise<void>;
}

/** The changes from `old` to `group`. Allocates numbers for new streams; releases them on failure. */
export async function planGroup(old: GroupPlan | undefined, group: Group, tools: PlanTools): Promise<PlanChange> {
  const keep = old !== undefined && sameTiming(old.group, group);
  const known = new Map<string, StreamInfo>();
  if (keep) for (const info of old.streams) known.set(streamKey(info.target, info.class), info);
  const streams: StreamInfo[] = [];
  const added: StreamInfo[] = [];
  const changed: StreamInfo[] = [];
  try {
    for (const trafficClass of group.classes) {
      // IPv4 first: a run of one family leaves one socket.
      for (const family of [4, 6] as const) {
        for (const target of group.targets) {
          if (target.family !== family) continue;
          const key = streamKey(target, trafficClass);
          const before = known.get(key);
          known.delete(key);
          // Before a number is allocated: after a failure here no number has to be released.
          const source = before?.source ?? tools.sourceOf({ group, target });
          const id = before?.id ?? tools.numbers.take();
          const info: StreamInfo = { id, group, target, class: trafficClass, source };
          streams.push(info);
          if (before === undefined) added.push(info);
          else if (rowPrefix(before) !== rowPrefix(info)) changed.push(info);
          if (streams.length % CHUNK === 0) await tools.pause();
        }
      }
    }
  } catch (error) {
    tools.numbers.giveBack(added.map((info) => info.id));
    throw error;
  }
  const removed = keep ? [...known.values()] : [...(old?.streams ?? [])];
  return { plan: { group, run: keep ? old.run : tools.nextRun(), streams }, added, changed, removed };
}

/** The columns that prober threads get of new streams. */
export async function streamTableInTurns(
  infos: readonly StreamInfo[],
  pause: () => Promise<void>,
): Promise<StreamTable> {
  const table = emptyTable(infos.length);
  for (const [i, info] of infos.entries()) {
    writeStream(table, i, info);
    if (i % CHUNK === CHUNK - 1) await pause();
  }
  return table;
}

/** The same without yielding, for the start of a thread's incarnation, which must not be interrupted. */
export function streamTable(infos: readonly StreamInfo[]): StreamTable {
  const table = emptyTable(infos.length);
  for (const [i, info] of infos.entries()) writeStream(table, i, info);
  return table;
}

/** The wider columns first, so that each begins at a multiple of its width. */
function emptyTable(length: number): StreamTable {
  const memory = new SharedArrayBuffer(length * 28);
  return {
    ids: new Uint32Array(memory, 0, length),
    addresses: new Uint8Array(memory, length * 4, length * 16),
    locals: new Uint32Array(memory, length * 20, length),
    ports: new Uint16Array(memory, length * 24, length),
    families: new Uint8Array(memory, length * 26, length),
    tos: new Uint8Array(memory, length * 27, length),
  };
}

function writeStream(table: StreamTable, i: number, info: StreamInfo): void {
  const { id, group, target } = info;
  table.ids[i] = id;
  table.addresses.set(addressBytes(target.address), i * 16);
  table.ports[i] = target.port;
  table.families[i] = target.family;
  table.tos[i] = (info.class.dscp << 2) | (group.ecn === 'ect0' ? ECT0 : 0);
  table.locals[i] = localOf(info);
}

/**
 * See `StreamTable.locals`. The kernel may choose the source of all probes except SYNs over IPv4, whose checksum is
 * computed here.
 */
export function localOf({ group, source, target }: Pick<StreamInfo, 'group' | 'source' | 'target'>): number {
  if (target.family === 6) return zoneIndex(target.address);
  if (group.protocol !== 'tcp-syn') return 0;
  const word = new DataView(addressBytes(source).buffer).getUint32(0, true);
  return word === 0 ? UNKNOWN_SOURCE : word;
}

/** Numbers of streams, in memory that threads share. */
export function sharedIds(infos: readonly StreamInfo[]): Uint32Array {
  const ids = new Uint32Array(new SharedArrayBuffer(infos.length * 4));
  for (const [i, { id }] of infos.entries()) ids[i] = id;
  return ids;
}

/** The start of a result row's JSON, up to and with the comma before the numbers. */
export function rowPrefix(info: StreamInfo): string {
  const { group, source, target } = info;
  const row = {
    group: group.name,
    protocol: group.protocol,
    source,
    target: target.address,
    port: target.port,
    class: info.class.name,
    dscp: info.class.dscp,
    tags: target.tags,
  };
  return `${JSON.stringify(row).slice(0, -1)},`;
}

/** A stream as the aggregator knows it. */
export function streamRow(info: StreamInfo): StreamRow {
  return { id: info.id, prefix: rowPrefix(info) };
}
