/**
 * A collector has one range of source ports, and every group uses the first N of them; LLAMA opens separate ones for
 * each port group. Settings that fit one range are carried over; the others are noted.
 */

import { parseAddress } from '../address.js';
import { LEGACY_DEFAULTS } from './defaults.js';
import type { LegacyInput } from './input.js';
import type { LegacyPort } from './ports.js';
import type { LegacyFlow } from './tests.js';

/**
 * The source ports of the collector, as many as the group with the most has; a group with fewer gets its `sourcePorts`.
 */
export function sourceOf(
  input: LegacyInput,
  groups: ReadonlyMap<string, Record<string, unknown>>,
  flows: readonly LegacyFlow[],
  ports: readonly LegacyPort[],
): Record<string, unknown> {
  const most = flows.reduce<LegacyFlow | undefined>(
    (a, b) => (a === undefined || b.count > a.count ? b : a),
    undefined,
  );
  if (most !== undefined) input.came(['source', 'ports'], [...most.path, 'count']);
  const count = most?.count ?? LEGACY_DEFAULTS.count;
  for (const flow of flows) {
    const group = groups.get(flow.group);
    if (group === undefined || flow.count === count || group.sourcePorts !== undefined) continue;
    group.sourcePorts = flow.count;
    input.came(['groups', flow.group, 'sourcePorts'], [...flow.path, 'count']);
  }
  return { ports: count, ...localAddresses(input, ports), ...basePort(input, flows, ports) };
}

function localAddresses(input: LegacyInput, ports: readonly LegacyPort[]): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [family, option] of [
    [4, 'address'],
    [6, 'address6'],
  ] as const) {
    const ofFamily = ports.filter((port) => port.family === family);
    const [first] = ofFamily;
    if (first === undefined) continue;
    const different = ofFamily.find(({ address }) => address !== first.address);
    if (different === undefined) {
      result[option] = parseAddress(first.address)?.address ?? first.address;
      input.came(['source', option], ['ports', first.name, 'ip']);
    } else
      input.note(
        ['ports', different.name, 'ip'],
        `probes are sent from one address, but the ports have several (${[...new Set(ofFamily.map(({ address }) => address))].join(', ')}): the system chooses it for each target`,
      );
  }
  return result;
}

/** Fixed numbers are carried over when the numbers of every class are the first of one range. */
function basePort(
  input: LegacyInput,
  flows: readonly LegacyFlow[],
  ports: readonly LegacyPort[],
): Record<string, number> {
  const fixed = ports.filter(({ port }) => port !== 0).toSorted((a, b) => a.port - b.port);
  const [first] = fixed;
  if (first === undefined) return {};
  const isFirst = (flow: LegacyFlow): boolean =>
    flow.ports.toSorted((a, b) => a.port - b.port).every(({ port }, i) => port === first.port + i);
  if (flows.every(isFirst)) {
    input.came(['source', 'basePort'], ['ports', first.name, 'port']);
    return { basePort: first.port };
  }
  for (const { name, port } of fixed)
    input.note(
      ['ports', name, 'port'],
      `source port ${port} is not carried over, because the source ports here are one range, of which every class uses the first: the system chooses it; source.basePort can set the range`,
    );
  return {};
}
