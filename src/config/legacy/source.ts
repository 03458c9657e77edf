/**
 * The source ports of a collector are the same for all groups and classes; LLAMA has them per port group. What one setting can say of
 * them is carried over; the rest is named.
 */

import { parseAddress } from '../address.js';
import { LEGACY_DEFAULTS } from './defaults.js';
import { className } from './group.js';
import type { LegacyInput } from './input.js';
import type { LegacyPort } from './ports.js';
import type { LegacyFlow } from './tests.js';

export function sourceOf(
  input: LegacyInput,
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
    if (flow.count === count) continue;
    const before = rate(flow.count * flow.cps);
    input.note(
      flow.path,
      `class ${className(flow.dscp)} of group ${flow.group} had ${flow.count} source port${flow.count === 1 ? '' : 's'}, here all classes have ${count}: ${rate(count * flow.cps)} probes/s to each target instead of ${before}`,
    );
  }
  return { ports: count, ...localAddresses(input, ports), ...basePort(input, ports, count) };
}

const rate = (perSecond: number): string => String(Math.round(perSecond * 1000) / 1000);

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

/** Fixed numbers are carried over when they follow each other and there are as many as source ports. */
function basePort(input: LegacyInput, ports: readonly LegacyPort[], count: number): Record<string, number> {
  const fixed = ports.filter(({ port }) => port !== 0).toSorted((a, b) => a.port - b.port);
  const [first] = fixed;
  if (first === undefined) return {};
  if (
    fixed.length === ports.length &&
    fixed.length === count &&
    fixed.every(({ port }, i) => port === first.port + i)
  ) {
    input.came(['source', 'basePort'], ['ports', first.name, 'port']);
    return { basePort: first.port };
  }
  for (const { name, port } of fixed)
    input.note(
      ['ports', name, 'port'],
      `source port ${port} is not carried over, because the source ports here are one range for all classes: the system chooses it; source.basePort can set the range`,
    );
  return {};
}
