/**
 * What a file of the state directory says. Pure: text in, text out.
 *
 * One file a group, so that a change costs what the group costs, and damage to one file is the loss of one group. The file is JSON:
 * `{"format":"llama-state","version":1,"sha256":"<64 hex digits>","entry":<entry>}` and a line feed. The checksum is over the bytes of
 * the entry as they stand in the file. An entry is `{"name":…,"group":{…}}`, the group in the shape of the config file, or
 * `{"name":…,"removed":"<digest>"}`: the config file's group of this name, with this digest, was removed by REST.
 */

import { createHash } from 'node:crypto';
import { isRecord } from '../config/problems.js';

export type StateEntry =
  /** A group set by REST, as JSON text. */
  | { readonly kind: 'group'; readonly text: string }
  /** A group of the config file that was removed by REST: it stays away until the file says something else about it. */
  | { readonly kind: 'removed'; readonly digest: string }
  /** Whatever a newer version of LLAMA keeps in its file, with the whole text of that: to be left as it is, for the day when that version runs again. */
  | { readonly kind: 'newer'; readonly version: string; readonly text: string };

/** What was read: an entry whose group is parsed JSON but not checked, or why there is none. */
export type ReadState =
  | { readonly name: string; readonly entry: { readonly kind: 'group'; readonly input: unknown } }
  | { readonly name: string; readonly entry: Extract<StateEntry, { kind: 'removed' }> }
  /** The file is of this later version of the format. */
  | { readonly newer: string }
  | { readonly damage: string };

const VERSION = 1;
/** What every version of the format begins with. */
const ANY_VERSION = /^\{"format":"llama-state","version":([1-9]\d*)[,}]/;
const HEAD = /^\{"format":"llama-state","version":(\d+),"sha256":"([0-9a-f]{64})","entry":/;
const TAIL = '}\n';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

export function writeState(name: string, entry: StateEntry): string {
  if (entry.kind === 'newer') return entry.text;
  const head = `{"name":${JSON.stringify(name)},`;
  const body =
    entry.kind === 'group' ? `${head}"group":${entry.text}}` : `${head}"removed":${JSON.stringify(entry.digest)}}`;
  return `{"format":"llama-state","version":${VERSION},"sha256":"${sha256(body)}","entry":${body}${TAIL}`;
}

export function readState(text: string): ReadState {
  const newer = ANY_VERSION.exec(text)?.[1];
  if (newer !== undefined && Number(newer) > VERSION) return { newer };
  const head = HEAD.exec(text);
  if (head === null) return { damage: text === '' ? 'it is empty' : 'it does not begin as a state file does' };
  const [start, version, expected] = head;
  if (Number(version) !== VERSION) return { damage: `found the format's version ${version}, expected ${VERSION}` };
  if (!text.endsWith(TAIL)) return { damage: 'its end is missing' };
  const body = text.slice(start.length, -TAIL.length);
  if (sha256(body) !== expected) return { damage: 'its checksum does not fit its content' };
  const value: unknown = JSON.parse(body);
  if (isRecord(value) && typeof value.name === 'string') {
    const { name, group, removed } = value;
    if (isRecord(group)) return { name, entry: { kind: 'group', input: group } };
    if (typeof removed === 'string') return { name, entry: { kind: 'removed', digest: removed } };
  }
  return { damage: 'it holds neither a group nor a removal' };
}
