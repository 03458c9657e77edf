/**
 * LLAMA's full form (Go): ports, port groups, rate limits and targets by name, and the tests that put them together.
 */

import type { Path } from '../files/problems.js';
import { LEGACY_DEFAULTS, LEGACY_PROTOCOL_NOTE } from './defaults.js';
import { FULL_KEYS } from './form.js';
import { type Converted, isNothing, type LegacyInput } from './input.js';
import { sourceOf } from './source.js';
import { readTests } from './tests.js';

export function convertFull(input: LegacyInput): Converted {
  const file = input.map(input.yaml.value, [], 'a map');
  input.noteUnknownKeys(file, FULL_KEYS, []);
  const collector = readSummarization(input, file.summarization);
  const api = readApi(input, file.api);
  const { groups, flows, ports } = readTests(input, file);
  const source = sourceOf(input, groups, flows, ports);
  const notes = [...(groups.size === 0 ? [] : [LEGACY_PROTOCOL_NOTE]), ...input.allNotes()];
  return { value: { collector, source, api, groups: Object.fromEntries(groups) }, places: input.places, notes };
}

function readSummarization(input: LegacyInput, written: unknown): Record<string, unknown> {
  const path: Path = ['summarization'];
  const map = input.map(written, path, 'a map with interval and handlers');
  input.noteUnknownKeys(map, ['interval', 'handlers'], path);
  if (map.handlers !== undefined)
    input.note(['summarization', 'handlers'], 'handlers has no counterpart here: one thread counts for all', 'key');
  if (isNothing(map.interval)) {
    input.notes.push(`no summarization.interval: results every ${LEGACY_DEFAULTS.intervalS}s, as LLAMA's default`);
    return { interval: `${LEGACY_DEFAULTS.intervalS}s` };
  }
  const what = 'whole seconds from 1 to 3600';
  const seconds = input.integer(map.interval, ['summarization', 'interval'], what, 1, 3600);
  input.came(['collector', 'interval'], ['summarization', 'interval']);
  return { interval: `${seconds ?? LEGACY_DEFAULTS.intervalS}s` };
}

/**
 * Go listens on all addresses where none is given, and resolves names; of these only `localhost` is sure to mean the
 * same everywhere.
 */
function readApi(input: LegacyInput, written: unknown): Record<string, unknown> {
  const path: Path = ['api'];
  const map = input.map(written, path, 'a map with bind');
  input.noteUnknownKeys(map, ['bind'], path);
  if (isNothing(map.bind)) {
    input.notes.push(`no api.bind: the API is on ${LEGACY_DEFAULTS.bind}, as LLAMA's default`);
    return { listen: LEGACY_DEFAULTS.bind };
  }
  input.came(['api', 'listen'], ['api', 'bind']);
  if (typeof map.bind !== 'string') return { listen: map.bind };
  const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(map.bind) ?? [];
  if (host === 'localhost') return { listen: `127.0.0.1:${port}` };
  if (host === '' && port !== '') return { listen: `[::]:${port}` };
  return { listen: map.bind };
}
