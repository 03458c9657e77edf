/**
 * Prometheus' lists of target groups (file_sd, http_sd): `[{ "targets": ["10.0.0.1:8100"], "labels": { "rack": "r1" }
 * }]`. Pure.
 *
 * A list of the wrong shape is refused as a whole, because the missing part is unknown. In a list of the right shape, a
 * single target that can't be probed is left out with a warning, and the rest is accepted. The same is true of a label
 * that is no text.
 *
 * Messages name positions and kinds of values, never a value or the name of a label: the path may lead to the wrong
 * file, and its content must not reach readers of the API or the log.
 */

import { endsLikePort, parseAddress, whyNotTarget } from '../config/address.js';
import { API_PATH } from '../config/apiPath.js';
import { isRecord, kindOf } from '../config/files/problems.js';
import { readYaml } from '../config/files/yaml.js';
import { MAX_TARGETS } from '../config/group/groupSchema.js';
import type { Answer, Entry } from './source.js';

const MAX_TAG_CHARACTERS = 1024;
const SHAPE = 'expected a list of target groups such as [{ "targets": ["10.0.0.1:8100"], "labels": { "rack": "r1" } }]';

/** Reads JSON, or YAML where it is not JSON. Throws an error that names the position. */
export function parseTargetText(text: string): Answer {
  return parseTargetGroups(/^\s*\[/.test(text) ? readJsonOrYaml(text) : readYamlValue(text));
}

/** Reads JSON only, as http_sd wants it. */
export function parseTargetJson(text: string): Answer {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's message quotes the text.
    throw new Error(`found text that is not JSON, ${SHAPE}`);
  }
  return parseTargetGroups(value);
}

export function parseTargetGroups(value: unknown): Answer {
  if (!Array.isArray(value)) throw new Error(`found ${kindOf(value)}, ${SHAPE}`);
  const entries: Entry[] = [];
  const warnings: string[] = [];
  let count = 0;
  for (const [index, group] of value.entries()) {
    const targets: unknown = isRecord(group) ? group.targets : undefined;
    if (!isRecord(group) || !Array.isArray(targets))
      throw new Error(
        `found ${kindOf(isRecord(group) ? targets : group)} at /${index}${isRecord(group) ? '/targets' : ''}, ${SHAPE}`,
      );
    count += targets.length;
    if (count > MAX_TARGETS)
      throw new Error(`found more than ${MAX_TARGETS} targets, expected at most so many in a group`);
    const tags = readLabels(group.labels ?? {}, index, warnings);
    for (const [at, text] of targets.entries()) {
      if (typeof text !== 'string')
        throw new Error(`found ${kindOf(text)} at /${index}/targets/${at}, expected text such as "10.0.0.1:8100"`);
      const entry = readTarget(text, tags);
      if (typeof entry === 'string') warnings.push(`/${index}/targets/${at}: ${entry}`);
      else entries.push(entry);
      if (endsLikePort(text) !== undefined)
        warnings.push(
          `/${index}/targets/${at}: found an IPv6 address that ends like a port, used as an address; write [ADDRESS]:PORT if it is one, else [ADDRESS]`,
        );
    }
  }
  if (entries.length === 0 && warnings.length > 0 && count > 0)
    throw new Error(`none of ${count} targets can be probed; ${warnings[0]}`);
  return { entries, warnings };
}

/** `10.0.0.1`, `10.0.0.1:8100`, `2001:db8::1` or `[2001:db8::1]:8100`; for any other text, the error in words. */
export function readTarget(text: string, tags: Readonly<Record<string, string>>): Entry | string {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d{1,5}))?$/.exec(text);
  const host = match === null ? text : (match[1] ?? match[2] ?? '');
  const address = parseAddress(host);
  if (address === undefined && API_PATH.test(text))
    return 'found the path of an API behind it, expected an address with or without a port; write it without the path (/v1/results, /influxdata), such as 10.0.0.1:5000';
  if (address === undefined && /^https?:\/\//i.test(text))
    return 'found a URL, expected an address with or without a port; write it without the scheme, such as 10.0.0.1:5000';
  if (address === undefined)
    return /^[A-Za-z0-9._-]*[A-Za-z][A-Za-z0-9._-]*$/.test(host)
      ? 'found a host name, expected an address with or without a port; names are not resolved here: write the address, or use fromDns'
      : 'found other text, expected an address with or without a port, such as 10.0.0.1:8100 or [2001:db8::1]:8100';
  const refused = whyNotTarget(address);
  if (refused !== undefined) return `found ${refused}, expected the address of a host`;
  const port = match?.[3] === undefined ? null : Number(match[3]);
  if (port === 0 || (port ?? 1) > 65_535)
    return 'found another number behind the address, expected a port from 1 to 65535';
  return { ...address, port, tags };
}

/**
 * Labels become tags; labels that begin with two underscores are for Prometheus only. A null value means that the label
 * is not set.
 */
function readLabels(labels: unknown, index: number, warnings: string[]): Record<string, string> {
  if (labels === null) return {};
  if (!isRecord(labels)) throw new Error(`found ${kindOf(labels)} at /${index}/labels, expected a map, text to text`);
  const tags: [string, string][] = [];
  for (const [at, [name, value]] of Object.entries(labels).entries()) {
    if (name.startsWith('__') || value === null) continue;
    const text = String(value);
    const wrong =
      typeof value === 'object'
        ? `${kindOf(value)}, expected text`
        : text.length > MAX_TAG_CHARACTERS
          ? `${text.length} characters, expected at most ${MAX_TAG_CHARACTERS}`
          : undefined;
    if (wrong === undefined) tags.push([name, text]);
    else warnings.push(`/${index}/labels: label ${at + 1}: found ${wrong}; the label is left out`);
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
  // The parser's messages, including that about a duplicate key, quote the text.
  const what = syntaxProblems.length > 0 ? 'text that is neither JSON nor YAML' : 'a key a second time';
  if (problem !== undefined) throw new Error(`line ${problem.line}, column ${problem.column}: found ${what}, ${SHAPE}`);
  return value;
}
