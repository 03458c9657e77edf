/**
 * `tests` and `targets` of LLAMA's full form: every test becomes a group, or several where its ports differ in their
 * timeout, or where there are more of one TOS than of another. The ports of a test that differ in their TOS only become
 * the classes of the group.
 */

import type { Path } from '../files/problems.js';
import { GROUP_NAME } from '../group/group.js';
import { LEGACY_DEFAULTS } from './defaults.js';
import { groupOf } from './group.js';
import { isNothing, type LegacyInput, shown } from './input.js';
import { type LegacyPort, named, type PortUse, readPortGroups, readPorts, readRateLimits } from './ports.js';
import { type LegacyTarget, readTags, TargetList } from './targets.js';

const LONGEST_NAME = 64;
/** Characters reserved for `-2` and so on after a name that exists already. */
const ROOM_FOR_NUMBER = 8;

/** The source ports that LLAMA would send from in one class of one group. */
export interface LegacyFlow {
  readonly group: string;
  readonly count: number;
  readonly ports: readonly LegacyPort[];
  /** The first port group entry of it. */
  readonly path: Path;
}

interface LegacyTests {
  readonly groups: Map<string, Record<string, unknown>>;
  readonly flows: readonly LegacyFlow[];
  /** The ports that tests use. */
  readonly ports: readonly LegacyPort[];
}

export function readTests(input: LegacyInput, file: Readonly<Record<string, unknown>>): LegacyTests {
  const ports = readPorts(input, file.ports);
  const portGroups = readPortGroups(input, file.port_groups, ports);
  const rateLimits = readRateLimits(input, file.rate_limits);
  const sets = new Map(Object.entries(input.map(file.targets, ['targets'], 'a map from names to lists of targets')));
  const used = { ports: new Set<string>(), port_groups: new Set(), rate_limits: new Set(), targets: new Set() };
  const groups = new Map<string, Record<string, unknown>>();
  const flows: LegacyFlow[] = [];
  const tests = input.list(file.tests, ['tests'], 'a list of { targets: NAME, port_group: NAME, rate_limit: NAME }');
  if (tests.length === 0) input.notes.push('there are no tests: nothing is probed, as in LLAMA');
  for (const [index, written] of tests.entries()) {
    const path: Path = ['tests', index];
    const test = input.map(written, path, 'a map with targets, port_group and rate_limit');
    input.noteUnknownKeys(test, ['targets', 'port_group', 'rate_limit'], path);
    const uses = named(input, test.port_group, [...path, 'port_group'], portGroups, 'a port group', 'port_groups');
    const rate = named(input, test.rate_limit, [...path, 'rate_limit'], rateLimits, 'a rate limit', 'rate_limits');
    const set = named(input, test.targets, [...path, 'targets'], sets, 'a list of targets', 'targets');
    used.targets.add(test.targets);
    used.port_groups.add(test.port_group);
    used.rate_limits.add(test.rate_limit);
    if (uses === undefined || rate === undefined || !sets.has(String(test.targets))) continue;
    for (const { port } of uses) used.ports.add(port.name);
    for (const { suffix, timeoutMs, classes } of alikeIn(uses)) {
      const name = freeName(input, String(test.targets), suffix, groups, path);
      input.came(['groups', name], path);
      const targets = readTargets(input, set, ['targets', String(test.targets)], ['groups', name, 'targets']);
      if (targets.length === 0) {
        input.note(path, `the targets ${shown(test.targets)} are an empty list: the test probes nothing`);
        continue;
      }
      groups.set(name, groupOf({ cps: rate.cps, timeoutMs, dscps: classes.map(({ dscp }) => dscp), targets }));
      for (const { count, entries } of classes)
        flows.push({ group: name, count, ports: entries.map(({ port }) => port), path: entries[0]?.path ?? path });
    }
  }
  for (const [section, names] of Object.entries(used)) {
    const map = file[section];
    const all = { ports, port_groups: portGroups, rate_limits: rateLimits, targets: sets }[section];
    for (const name of map === undefined ? [] : (all?.keys() ?? []))
      if (!names.has(name)) input.note([section, name], 'no test uses this: not carried over', 'key');
  }
  return { groups, flows, ports: [...ports.values()].filter(({ name }) => used.ports.has(name)) };
}

/** The ports of a test with one TOS and timeout. */
interface PortClass {
  readonly dscp: number;
  readonly count: number;
  readonly entries: readonly PortUse[];
}

/**
 * Splits a test into groups: one timeout each, and the same number of source ports in each class. `suffix` tells a
 * group from the others of the test.
 */
function alikeIn(uses: readonly PortUse[]): { suffix: string; timeoutMs: number; classes: readonly PortClass[] }[] {
  const byTimeout = groupBy(uses, ({ port }) => port.timeoutMs);
  return [...byTimeout].flatMap(([timeoutMs, entries]) => {
    const classes = [...groupBy(entries, ({ port }) => port.dscp)].map(
      ([dscp, alike]): PortClass => ({ dscp, count: sum(alike), entries: alike }),
    );
    const byCount = groupBy(classes, ({ count }) => count);
    const timeout = byTimeout.size === 1 ? '' : `-${timeoutMs}ms`;
    return [...byCount].map(([count, alike]) => {
      const ports = byCount.size === 1 ? '' : `-${count}port${count === 1 ? '' : 's'}`;
      return { suffix: `${timeout}${ports}`, timeoutMs, classes: alike };
    });
  });
}

/** In the order of their first. */
function groupBy<Value>(values: readonly Value[], keyOf: (value: Value) => number): Map<number, Value[]> {
  const groups = new Map<number, Value[]>();
  for (const value of values) {
    const group = groups.get(keyOf(value));
    if (group === undefined) groups.set(keyOf(value), [value]);
    else group.push(value);
  }
  return groups;
}

function sum(uses: readonly PortUse[]): number {
  return uses.reduce((count, use) => count + use.count, 0);
}

/** Reads the list again for every test that names it, but speaks of it only once. */
function readTargets(input: LegacyInput, written: unknown, path: Path, own: Path): readonly LegacyTarget[] {
  const list = new TargetList(input, own);
  for (const [index, entry] of input.list(written, path, 'a list of { ip, port, tags }').entries()) {
    const target: Path = [...path, index];
    const map = input.map(entry, target, 'a map with ip, port and tags');
    input.noteUnknownKeys(map, ['ip', 'port', 'tags'], target);
    list.add(
      {
        address: isNothing(map.ip) ? '' : String(map.ip),
        port: readTargetPort(input, map.port, [...target, 'port']),
        tags: readTags(input, map.tags, [...target, 'tags']),
      },
      { target, address: [...target, 'ip'], at: 'value', tags: [...target, 'tags'] },
    );
  }
  return list.targets;
}

function readTargetPort(input: LegacyInput, written: unknown, path: Path): number {
  const { targetPort } = LEGACY_DEFAULTS;
  if (!isNothing(written)) return input.integer(written, path, 'a port from 1 to 65535', 1, 65_535) ?? targetPort;
  input.note(path, `no port: probed on ${targetPort}, where LLAMA's reflectors listen`);
  return targetPort;
}

/** Group names have fewer letters than LLAMA's, and each test needs its own. */
function freeName(
  input: LegacyInput,
  targets: string,
  suffix: string,
  taken: ReadonlyMap<string, unknown>,
  path: Path,
): string {
  const wanted = `${targets}${suffix}`;
  const cleaned = targets.replaceAll(/[^A-Za-z0-9._-]+/g, '-').slice(0, LONGEST_NAME - ROOM_FOR_NUMBER - suffix.length);
  const valid = GROUP_NAME.test(wanted) ? wanted : `${GROUP_NAME.test(cleaned) ? cleaned : 'group'}${suffix}`;
  let name = valid;
  for (let nth = 2; taken.has(name); nth++) name = `${valid.slice(0, LONGEST_NAME - ROOM_FOR_NUMBER)}-${nth}`;
  if (name !== wanted) input.note(path, `the group of this test is named ${shown(name)}`);
  return name;
}
