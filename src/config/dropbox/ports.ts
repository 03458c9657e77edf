/** `ports`, `port_groups` and `rate_limits` of LLAMA's full form. */

import { MS_PER_S } from '../../base/units.js';
import { parseAddress } from '../address.js';
import { found, type Path, unknownWord } from '../files/problems.js';
import { MAX_SOURCE_PORTS } from '../options/schema.js';
import { LEGACY_DEFAULTS } from './defaults.js';
import { isNothing, type LegacyInput, plainHost, shown } from './input.js';

export interface LegacyPort {
  readonly name: string;
  readonly address: string;
  readonly family: 4 | 6;
  /** 0: chosen by the system. */
  readonly port: number;
  readonly dscp: number;
  readonly timeoutMs: number;
}

/** `count` source ports, all like `port`. */
export interface PortUse {
  readonly port: LegacyPort;
  readonly count: number;
  readonly path: Path;
}

const MAX_TIMEOUT_MS = 60 * MS_PER_S;
const MAX_CPS = 1000;
const MIN_CPS = 1 / 3600;

export function readPorts(input: LegacyInput, written: unknown): Map<string, LegacyPort> {
  const ports = new Map<string, LegacyPort>();
  for (const [name, value] of Object.entries(input.map(written, ['ports'], 'a map from names to ports'))) {
    const path: Path = ['ports', name];
    const map = input.map(value, path, 'a map with ip, port, tos and timeout');
    input.noteUnknownKeys(map, ['ip', 'port', 'tos', 'timeout'], path);
    const { tos: defaultTos, timeoutMs } = LEGACY_DEFAULTS;
    const given = (key: string, otherwise: number, what: string, least: number, most: number): number =>
      isNothing(map[key]) ? otherwise : (input.integer(map[key], [...path, key], what, least, most) ?? otherwise);
    const tos = given('tos', defaultTos, 'a TOS byte from 0 to 255', 0, 255);
    if ((tos & 3) !== 0)
      input.note(
        [...path, 'tos'],
        `TOS ${tos} is DSCP ${tos >> 2} and ECN bits ${(tos & 3).toString(2).padStart(2, '0')}: the ECN bits are not carried over, probes have 00`,
      );
    if (isNothing(map.timeout))
      input.note(path, `no timeout: ${timeoutMs}ms, as in LLAMA's default configuration`, 'key');
    ports.set(name, {
      name,
      ...readAddress(input, map.ip, [...path, 'ip']),
      port: given('port', 0, 'a port from 0 to 65535; 0: chosen by the system', 0, 65_535),
      dscp: tos >> 2,
      timeoutMs: given('timeout', timeoutMs, `whole milliseconds from 1 to ${MAX_TIMEOUT_MS}`, 1, MAX_TIMEOUT_MS),
    });
  }
  return ports;
}

/** Go binds to all addresses where none is given. */
function readAddress(
  input: LegacyInput,
  written: unknown,
  path: Path,
): { readonly address: string; readonly family: 4 | 6 } {
  const all = { address: '0.0.0.0', family: 4 } as const;
  if (isNothing(written) || written === '') return all;
  const address = typeof written === 'string' ? parseAddress(plainHost(written)) : undefined;
  if (address !== undefined) return address;
  input.report(path, `found ${shown(written)}, expected an IPv4 or IPv6 address of this host, or 0.0.0.0`);
  return all;
}

export function readPortGroups(
  input: LegacyInput,
  written: unknown,
  ports: ReadonlyMap<string, LegacyPort>,
): Map<string, readonly PortUse[]> {
  const groups = new Map<string, readonly PortUse[]>();
  for (const [name, value] of Object.entries(input.map(written, ['port_groups'], 'a map from names to lists'))) {
    const path: Path = ['port_groups', name];
    const list = input.list(value, path, 'a list of { port: NAME, count: N }');
    if (list.length === 0)
      input.report(path, 'found nothing, expected a list of at least one { port: NAME, count: N }');
    const uses = list.flatMap((entry, index) => readUse(input, entry, [...path, index], ports) ?? []);
    reportSharedPorts(input, uses);
    groups.set(name, withoutNone(input, uses));
  }
  return groups;
}

/** LLAMA opens none for a count of 0, and sends nothing when no other ports are listed. */
function withoutNone(input: LegacyInput, uses: readonly PortUse[]): readonly PortUse[] {
  const some = uses.filter(({ count }) => count > 0);
  for (const { path } of uses.filter(({ count }) => count === 0)) {
    if (some.length === 0) input.report([...path, 'count'], `found 0, expected ${COUNT}`);
    else input.note([...path, 'count'], 'count 0: there are no such source ports, as in LLAMA');
  }
  return some;
}

/** A socket for each: the second with the same number would not open. */
function reportSharedPorts(input: LegacyInput, uses: readonly PortUse[]): void {
  const first = new Map<string, LegacyPort>();
  for (const { port, path } of uses) {
    if (port.port === 0) continue;
    const key = `${port.address} ${port.port}`;
    const before = first.get(key);
    if (before !== undefined)
      input.report(
        [...path, 'port'],
        `found ${found(port.name)}, expected another port than ${port.port}, which this port group has already by ${found(before.name)}; remove one of the two, or set the port to 0`,
      );
    first.set(key, port);
  }
}

const COUNT = `an integer from 1 to ${MAX_SOURCE_PORTS}: how many source ports of this kind there are`;

function readUse(
  input: LegacyInput,
  written: unknown,
  path: Path,
  ports: ReadonlyMap<string, LegacyPort>,
): PortUse | undefined {
  const map = input.map(written, path, 'a map with port and count');
  input.noteUnknownKeys(map, ['port', 'count'], path);
  const port = named(input, map.port, [...path, 'port'], ports, 'a port', 'ports');
  const most = port === undefined || port.port === 0 ? MAX_SOURCE_PORTS : 1;
  const what =
    most === 1
      ? `1, because port ${found(port?.name)} has the fixed number ${port?.port}, which can be opened once; set it to 0 for more`
      : COUNT;
  const count = input.integer(map.count, [...path, 'count'], what, 0, most);
  return port === undefined || count === undefined ? undefined : { port, count, path };
}

/** Cycles per second by name. */
export function readRateLimits(input: LegacyInput, written: unknown): Map<string, { readonly cps: number }> {
  const limits = new Map<string, { readonly cps: number }>();
  for (const [name, value] of Object.entries(input.map(written, ['rate_limits'], 'a map from names to rate limits'))) {
    const path: Path = ['rate_limits', name];
    const map = input.map(value, path, 'a map with cps');
    input.noteUnknownKeys(map, ['cps'], path);
    limits.set(name, { cps: input.number(map.cps, [...path, 'cps'], CPS, MIN_CPS, MAX_CPS) ?? LEGACY_DEFAULTS.cps });
  }
  return limits;
}

const CPS = `a number of cycles per second above 0, from one an hour to ${MAX_CPS}: probes to each target from each source port`;

/** The value with a name; a problem when the name is unknown. */
export function named<Value>(
  input: LegacyInput,
  written: unknown,
  path: Path,
  values: ReadonlyMap<string, Value>,
  what: string,
  section: string,
): Value | undefined {
  const value = typeof written === 'string' ? values.get(written) : undefined;
  if (value !== undefined) return value;
  const names = [...values.keys()];
  const expected = `the name of ${what}: ${names.length === 0 ? `${section} has none` : `${section} has ${names.join(', ')}`}`;
  input.report(
    path,
    typeof written === 'string'
      ? unknownWord(written, expected, names)
      : `found ${shown(written)}, expected ${expected}`,
  );
  return undefined;
}
