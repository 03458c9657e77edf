/** A configuration of Dropbox's LLAMA as one of ours. The only entry to this folder. */

import { formatDuration, sToNs } from '../../base/units.js';
import type { Report } from '../files/problems.js';
import type { YamlInput } from '../files/yaml.js';
import { LEGACY_DEFAULTS, LEGACY_PROTOCOL_NOTE } from './defaults.js';
import { convertFull } from './full.js';
import { groupOf } from './group.js';
import { type Converted, LegacyInput } from './input.js';
import { readTags, TargetList } from './targets.js';

/**
 * `yaml` was read with `textOnly`. Problems are reported with their position in the LLAMA file; the value is valid only
 * without problems.
 */
export function convertLegacy(form: 'simple' | 'full', yaml: YamlInput, fileName: string, report: Report): Converted {
  const input = new LegacyInput(yaml, fileName, report);
  return form === 'simple' ? convertSimple(input) : convertFull(input);
}

const GROUP = 'default';

/** LLAMA's simple form: a YAML map from IP address to a map of tags. Every other option has LLAMA's default. */
function convertSimple(input: LegacyInput): Converted {
  const { intervalS, bind, count, cps, targetPort: port } = LEGACY_DEFAULTS;
  const list = new TargetList(input, ['groups', GROUP, 'targets']);
  for (const [address, tags] of Object.entries(input.map(input.yaml.value, [], 'a map from IP addresses to tags')))
    list.add(
      { address, port, tags: readTags(input, tags, [address]) },
      { target: [address], address: [address], at: 'key', tags: [address] },
    );
  const group = groupOf({ cps, timeoutMs: LEGACY_DEFAULTS.timeoutMs, dscps: [0], targets: list.targets });
  input.came(['groups', GROUP], []);
  return {
    value: {
      collector: { interval: `${intervalS}s` },
      source: { ports: count },
      api: { listen: bind },
      groups: { [GROUP]: group },
    },
    places: input.places,
    notes: [
      `the simple form names targets only, so the rest is as LLAMA assumes it: results every ${formatDuration(sToNs(intervalS))}, ${count} source ports, ${cps} probes a second to each target from each of them, API on ${bind}`,
      `targets are probed on port ${port}, the Go version's; the Python version's reflectors listen on 60000 and answer its own packets: where that is meant, set port 60000 and protocol llama-legacy in what "llama check --print" writes`,
      LEGACY_PROTOCOL_NOTE,
      ...input.allNotes(),
    ],
  };
}
