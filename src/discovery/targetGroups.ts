/**
 * Prometheus' lists of target groups (file_sd, http_sd): `[{ "targets": ["10.0.0.1:8100"], "labels": { "rack": "r1" } }]`. Pure.
 *
 * A list of the wrong shape is refused as a whole, for what it leaves out is not known. In a list of the right shape a single target
 * that can't be probed is left out with a warning, and the rest holds.
 */

import { endsLikePort, parseAddress, whyNotTarget } from '../config/address.js';
import { MAX_TARGETS } from '../config/group-schema.js';
import { found, isRecord } from '../config/problems.js';
import { readYaml } from '../config/yaml.js';
import { type Answer, type Entry, messageOf } from './source.js';

const MAX_TAG_CHARACTERS = 1024;
const SHAPE = 'expected a list of target groups such as [{ "targets": ["10.0.0.1:8100"], "labels": { "rack": "r1" } }]';

/** Reads JSON, or YAML where it is not JSON. Throws an error that names the place. */
export function parseTargetText(text: string): Answer {
  return parseTargetGroups(/^\s*\[/.test(text) ? readJsonOrYaml(text) : readYamlValue(text));
}

/** Reads JSON only, as http_sd wants it. */
export function parseTargetJson(text: string): Answer {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new Error(`found text that is not JSON (${messageOf(cause)}), ${SHAPE}`, { cause });
  }
  return parseTargetGroups(value);
}

export function parseTargetGroups(value: unknown): Answer {
  if (!Array.isArray(value)) throw new Error(`found ${found(value)}, ${SHAPE}`);
  const entries: Entry[] = [];
  const warnings: string[] = [];
  let count = 0;
  for (const [index, group] of value.entries()) {
    const targets: unknown = isRecord(group) ? group.targets : undefined;
    if (!isRecord(group) || !Array.isArray(targets))
      throw new Error(
        `found ${found(isRecord(group) ? targets : group)} at /${index}${isRecord(group) ? '/targets' : ''}, ${SHAPE}`,
      );
    count += targets.length;
    if (count > MAX_TARGETS)
      throw new Error(`found more than ${MAX_TARGETS} targets, expected at most so many in a group`);
    const tags = readLabels(group.labels ?? {}, index, warnings);
    for (const [at, text] of targets.entries()) {
      if (typeof text !== 'string')
        throw new Error(`found ${found(text)} at /${index}/targets/${at}, expected text such as "10.0.0.1:8100"`);
      const entry = readTarget(text, tags);
      if (typeof entry === 'string') warnings.push(`/${index}/targets/${at}: ${entry}`);
      else entries.push(entry);
      const meant = endsLikePort(text);
      if (meant !== undefined)
        warnings.push(
          `/${index}/targets/${at}: found ${found(text)}, used as an address; write [${meant.address}]:${meant.port} if ${meant.port} is the port, else [${text}]`,
        );
    }
  }
  if (entries.length === 0 && warnings.length > 0 && count > 0)
    throw new Error(`none of ${count} targets can be probed; ${warnings[0]}`);
  return { entries, warnings };
}

/** `10.0.0.1`, `10.0.0.1:8100`, `2001:db8::1` or `[2001:db8::1]:8100`; in words what is wrong with anything else. */
export function readTarget(text: string, tags: Readonly<Record<string, string>>): Entry | string {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d{1,5}))?$/.exec(text);
  const host = match === null ? text : (match[1] ?? match[2] ?? '');
  const address = parseAddress(host);
  if (address === undefined)
    return /^[A-Za-z0-9._-]*[A-Za-z][A-Za-z0-9._-]*$/.test(host)
      ? `found the host name ${found(text)}, expected an address with or without a port; names are not resolved here: write the address, or use fromDns`
      : `found ${found(text)}, expected an address with or without a port, such as 10.0.0.1:8100 or [2001:db8::1]:8100`;
  const refused = whyNotTarget(address);
  if (refused !== undefined) return `found ${found(text)}, ${refused}, expected the address of a host`;
  const port = match?.[3] === undefined ? null : Number(match[3]);
  if (port === 0 || (port ?? 1) > 65_535) return `found ${found(text)}, expected a port from 1 to 65535`;
  return { ...address, port, tags };
}

/** Labels become tags; those that begin with two underscores are for Prometheus only. */
function readLabels(labels: unknown, index: number, warnings: string[]): Record<string, string> {
  if (!isRecord(labels)) throw new Error(`found ${found(labels)} at /${index}/labels, expected a map, text to text`);
  const tags: [string, string][] = [];
  for (const [name, value] of Object.entries(labels)) {
    if (name.startsWith('__')) continue;
    if (typeof value === 'object') throw new Error(`found ${found(value)} at /${index}/labels/${name}, expected text`);
    const text = String(value);
    if (text.length > MAX_TAG_CHARACTERS)
      warnings.push(
        `/${index}/labels/${name}: found ${text.length} characters, expected at most ${MAX_TAG_CHARACTERS}; the label is left out`,
      );
    else tags.push([name, text]);
  }
  return Object.fromEntries(tags);
}

function readJsonOrYaml(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return readYamlValue(text);
  }
}

function readYamlValue(text: string): unknown {
  const { value, syntaxProblems, duplicateKeys } = readYaml(text);
  const problem = syntaxProblems[0] ?? duplicateKeys[0];
  if (problem !== undefined) throw new Error(`line ${problem.line}, column ${problem.column}: ${problem.message}`);
  return value;
}
