/**
 * One group: from the shape in which it is written (config file, REST body) to the shape that the collector works with,
 * and back.
 */

import { LlamaError, type Problem } from '../../base/errors.js';
import { formatDuration, NS_PER_MS, NS_PER_S, parseDurationNs } from '../../base/units.js';
import { atOnce, inTurns } from '../../base/yielding.js';
import type { Protocol } from '../../wire/protocol.js';
import type { ProbeTlv } from '../../wire/stampTlv.js';
import { type Address, parseAddress, whyNotTarget } from '../address.js';
import { checkSource, type GroupRules } from '../allowed.js';
import {
  andMore,
  formatProblem,
  found,
  isRecord,
  type Path,
  ProblemList,
  type Report,
  unknownWord,
} from '../files/problems.js';
import { INTERFACE_NAME } from '../options/schema.js';
import type { Ecn, Group, Target, TrafficClass } from '../types.js';
import { checkPort, checkTiming, readPort, readSourcePorts } from './agentless.js';
import { CLASS_NAMES, parseClass } from './classes.js';
import { PROTOCOLS, readFormat, readProtocol } from './groupFormat.js';
import { defaultOf, expectedBy, type GroupInput, GroupSchema } from './groupSchema.js';
import { ListShape, Pace } from './listShape.js';
import { readSource, type SourceJson, sourceToJson } from './targetSource.js';

export const GROUP_NAME = /^(?=.*[A-Za-z0-9])[A-Za-z0-9._-]{1,64}$/;

const SHAPE = new ListShape(GroupSchema, ['targets']);

export const MIN_DURATION_NS = NS_PER_MS;
const MAX_PERIOD_NS = 3600 * NS_PER_S;
export const MAX_TIMEOUT_NS = 60 * NS_PER_S;

/** A group as it is written, with all defaults filled in. */
export interface GroupJson extends SourceJson {
  readonly protocol: Protocol;
  readonly port: number;
  readonly period: string;
  readonly timeout: string;
  readonly classes: readonly (string | number)[];
  /** Not of tcp-syn. */
  readonly payloadBytes?: number;
  /** These only where they are asked for. */
  readonly sourcePorts?: number;
  readonly sourceInterface?: string;
  readonly keyFile?: string;
  readonly tlvs?: readonly ProbeTlv[];
  readonly ecn?: Ecn;
  readonly dontFragment?: true;
  readonly anySource?: true;
  readonly skipSelf?: true;
  /** As listed; absent when they come from a source. */
  readonly targets?: readonly {
    readonly address: string;
    /** Only where it differs from the group's. */
    readonly port?: number;
    readonly tags?: Readonly<Record<string, string>>;
  }[];
}

/** For a file, the line of a part of the input; the message about a duplicate names the line of the first. */
type LineOf = (path: readonly (string | number)[]) => number;

/**
 * Validates a group that does not come from a config file. `rules` bound the files and URLs that it may name; absent:
 * they are not bounded.
 * @throws LlamaError `LLAMA_GROUP_INVALID` with every problem; their pointers are relative to `input`.
 */
export function parseGroup(input: unknown, name: string, rules?: GroupRules): Group {
  const problems = new ProblemList();
  const group = atOnce(readingGroup(input, name, problems.report, { rules }));
  if (group !== undefined) return group;
  throw invalidGroup(problems.listed, problems.count);
}

/**
 * The same in short turns, also when everything is wrong: `pause` lets other work run every few hundred targets.
 * @throws LlamaError `LLAMA_GROUP_INVALID`, as `parseGroup`.
 */
export async function parseGroupInTurns(
  input: unknown,
  name: string,
  pause: () => Promise<void>,
  rules?: GroupRules,
): Promise<Group> {
  const problems = new ProblemList();
  const group = await inTurns(readingGroup(input, name, problems.report, { rules }), pause);
  if (group !== undefined) return group;
  throw invalidGroup(problems.listed, problems.count);
}

/** The problems of a group that came by REST, as one error; `count` is how many there are when not all are listed. */
export function invalidGroup(problems: readonly Problem[], count = problems.length): LlamaError {
  const text = problems.map((problem) => formatProblem(problem)).join('\n');
  return new LlamaError('LLAMA_GROUP_INVALID', `${text}${andMore(count, problems.length)}`, {
    problems,
    problemCount: count,
  });
}

/** Reports every problem of a group; undefined when there was one. Paths are relative to the group. */
export function readGroup(input: unknown, name: string, report: Report, lineOf?: LineOf): Group | undefined {
  return atOnce(readingGroup(input, name, report, { lineOf }));
}

/** As `readGroup`; yields where other work may run. */
function* readingGroup(
  input: unknown,
  name: string,
  report: Report,
  { lineOf, rules }: { readonly lineOf?: LineOf | undefined; readonly rules?: GroupRules | undefined },
): Generator<void, Group | undefined> {
  const pace = new Pace(report);
  const { report: count } = pace;
  if (!GROUP_NAME.test(name))
    count(
      [],
      `found the group name ${found(name)}, expected 1 to 64 letters, digits, dots, dashes and underscores, not dots and dashes alone`,
      'key',
    );
  yield;
  yield* SHAPE.reading(input, pace);
  if (!isRecord(input)) return undefined;
  yield;
  const protocol = readProtocol(input.protocol, count);
  const port = readPort(input, protocol, count);
  const sourcePorts = readSourcePorts(input, protocol, count);
  const sourceInterface = readSourceInterface(input, count);
  const from = readSource(input, count);
  if (rules !== undefined) checkSource(from, rules, count);
  const group: Group = {
    name,
    ...readFormat(input, protocol, count, rules),
    port,
    periodNs: readDuration(keyOf(input, 'period'), 'period', MAX_PERIOD_NS, count),
    timeoutNs: readDuration(input.timeout ?? PROTOCOLS[protocol].timeout, 'timeout', MAX_TIMEOUT_NS, count),
    classes: readClasses(keyOf(input, 'classes'), count),
    ...(sourcePorts === undefined ? {} : { sourcePorts }),
    ...(sourceInterface === undefined ? {} : { sourceInterface }),
    targets: yield* readingTargets(input.targets, protocol, port, pace, lineOf),
    ...(from === undefined ? {} : { from }),
    ...(input.dontFragment === true ? { dontFragment: true } : {}),
    ...(input.skipSelf === true ? { skipSelf: true } : {}),
  };
  checkTiming(group, count);
  return pace.problems === 0 ? group : undefined;
}

/** The group in the shape of the config file; `parseGroup` makes the same group of it. */
export function groupToJson(group: Group): GroupJson {
  return {
    protocol: group.protocol,
    port: group.port,
    period: formatDuration(group.periodNs),
    timeout: formatDuration(group.timeoutNs),
    classes: group.classes.map(({ name }) => (/^\d+$/.test(name) ? Number(name) : name)),
    ...(group.protocol === 'tcp-syn' ? {} : { payloadBytes: group.payloadBytes }),
    ...(group.dontFragment === true ? { dontFragment: true } : {}),
    ...(group.keyFile === undefined ? {} : { keyFile: group.keyFile }),
    ...(group.tlvs === undefined ? {} : { tlvs: group.tlvs }),
    ...(group.ecn === undefined ? {} : { ecn: group.ecn }),
    ...(group.anySource === true ? { anySource: true } : {}),
    ...(group.sourcePorts === undefined ? {} : { sourcePorts: group.sourcePorts }),
    ...(group.sourceInterface === undefined ? {} : { sourceInterface: group.sourceInterface }),
    ...(group.skipSelf === true ? { skipSelf: true } : {}),
    ...(group.from === undefined ? { targets: targetsToJson(group) } : sourceToJson(group.from)),
  };
}

function targetsToJson(group: Group): NonNullable<GroupJson['targets']> {
  return (group.listed ?? group.targets).map(({ address, port, tags }) => ({
    address,
    ...(port === group.port ? {} : { port }),
    ...(Object.keys(tags).length === 0 ? {} : { tags }),
  }));
}

function keyOf(input: Readonly<Record<string, unknown>>, key: keyof GroupInput): unknown {
  return input[key] === undefined ? defaultOf(key) : input[key];
}

function readSourceInterface(
  { sourceInterface }: Readonly<Record<string, unknown>>,
  report: Report,
): string | undefined {
  if (typeof sourceInterface !== 'string') return undefined;
  if (INTERFACE_NAME.test(sourceInterface)) return sourceInterface;
  const { properties } = GroupSchema;
  report(['sourceInterface'], `found ${found(sourceInterface)}, expected ${expectedBy(properties.sourceInterface)}`);
  return undefined;
}

function readDuration(value: unknown, key: 'period' | 'timeout', mostNs: number, report: Report): number {
  if (typeof value !== 'string') return 0;
  const ns = parseDurationNs(value);
  if (ns !== undefined && ns >= MIN_DURATION_NS && ns <= mostNs) return ns;
  report([key], `found ${found(value)}, expected ${expectedBy(GroupSchema.properties[key])}`);
  return 0;
}

function readClasses(value: unknown, report: Report): TrafficClass[] {
  const classes: TrafficClass[] = [];
  const firstOf = new Map<number, number>();
  const list: readonly unknown[] = Array.isArray(value) ? value : [];
  for (const [index, written] of list.entries()) {
    // Anything but text and fitting numbers was reported as a wrong type already.
    const parsed = typeof written === 'string' || typeof written === 'number' ? parseClass(written) : undefined;
    if (parsed === undefined) {
      if (typeof written === 'string')
        report(['classes', index], unknownWord(written, expectedBy(GroupSchema.properties.classes.items), CLASS_NAMES));
      continue;
    }
    const first = firstOf.get(parsed.dscp);
    if (first !== undefined)
      report(
        ['classes', index],
        `found ${found(written)}, whose DSCP ${parsed.dscp} is already probed as ${found(list[first])}, expected every class once; remove one of the two`,
      );
    firstOf.set(parsed.dscp, first ?? index);
    classes.push(parsed);
  }
  return classes;
}

/** Targets of a list with a valid shape. `groupPort` is for those without a port of their own. */
function* readingTargets(
  value: unknown,
  protocol: Protocol,
  groupPort: number,
  pace: Pace,
  lineOf?: LineOf,
): Generator<void, Target[]> {
  const targets: Target[] = [];
  const firstOf = new Map<string, number>();
  for (const [index, written] of (Array.isArray(value) ? value : []).entries()) {
    if (pace.due) yield;
    const address = readAddress(written, ['targets', index], pace.report);
    if (address === undefined) continue;
    const own = isRecord(written) ? written.port : undefined;
    const port = own === undefined ? groupPort : own;
    if (typeof own === 'number') checkPort(own, protocol, ['targets', index, 'port'], pace.report);
    const key = `${address.address} ${port}`;
    const first = firstOf.get(key);
    if (first !== undefined) {
      const where = lineOf === undefined ? `/targets/${first}` : `line ${lineOf(['targets', first])}`;
      const path = typeof written === 'string' ? ['targets', index] : ['targets', index, 'address'];
      pace.report(path, secondTime(written, port, where));
    }
    firstOf.set(key, first ?? index);
    const tags = isRecord(written) && isRecord(written.tags) ? written.tags : {};
    targets.push({ ...address, port: Number(port), tags: tags as Record<string, string> });
  }
  return targets;
}

/**
 * The address of a target in a list; undefined when it can't be probed. That is reported unless its type is reported
 * already.
 */
export function readAddress(written: unknown, path: Path, report: Report): Address | undefined {
  const plain = typeof written === 'string';
  const text: unknown = plain ? written : isRecord(written) ? written.address : undefined;
  if (typeof text !== 'string') return undefined;
  const address = parseAddress(text);
  const refused = address === undefined ? undefined : whyNotTarget(address);
  if (address !== undefined && refused === undefined) return address;
  report(
    plain ? path : [...path, 'address'],
    `found ${found(text)}${refused === undefined ? '' : `, ${refused}`}, expected ${addressHelp(text)}`,
  );
  return undefined;
}

/** The message for a target that is in a list twice. */
export function secondTime(written: unknown, port: unknown, where: string): string {
  const text = isRecord(written) ? written.address : written;
  return `found ${found(text)} with port ${port} a second time, expected every address and port once in a group; it is first at ${where}: remove one of the two`;
}

/** Says for the usual slips how to mend them. */
function addressHelp(text: string): string {
  const withPort = /^\[?([^[\]]+)\]?:(\d+)$/.exec(text);
  const address = withPort === null ? undefined : parseAddress(withPort[1] ?? '');
  if (address !== undefined && withPort !== null)
    return `an address alone; write { address: "${address.address}", port: ${withPort[2]} }`;
  if (text.includes('/')) return 'one IPv4 or IPv6 address; a network is not a target, list its addresses';
  if (text.includes('%')) return 'an address; only a link-local IPv6 one (fe80::/10) has a zone, such as fe80::1%eth0';
  if (/[A-Za-z]/.test(text) && !text.includes(':'))
    return 'an IPv4 or IPv6 address; host names are not resolved, because their address may change: look it up and write the address';
  return 'an IPv4 or IPv6 address of a host, such as 10.2.0.2 or 2001:db8::2';
}
