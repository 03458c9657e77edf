/**
 * The format of a file of the state directory. Pure: text in, text out.
 *
 * One file a group, so that the cost of a change depends on that group only, and damage to one file loses one group. In
 * the form of `sealedFile.ts` it has an entry: `{"name":…,"group":{…}}`, the group in the shape of the config file, or
 * `{"name":…,"removed":"<digest>"}`: the config file's group of this name, with this digest, was removed by REST.
 */

import { seal, unseal } from '../../base/files/sealedFile.js';
import { isRecord } from '../../config/files/problems.js';

export type StateEntry =
  /** A group set by REST, as JSON text. */
  | { readonly kind: 'group'; readonly text: string }
  /** A group of the config file that was removed by REST: it stays removed until the file changes it. */
  | { readonly kind: 'removed'; readonly digest: string }
  /** The whole text of a file of a newer version of LLAMA, kept unchanged for the time when that version runs again. */
  | { readonly kind: 'newer'; readonly version: string; readonly text: string };

/** The result of reading: an entry whose group is parsed JSON but not checked, or why there is no entry. */
export type ReadState =
  | { readonly name: string; readonly entry: { readonly kind: 'group'; readonly input: unknown } }
  | { readonly name: string; readonly entry: Extract<StateEntry, { kind: 'removed' }> }
  /** The file is of this later version of the format. */
  | { readonly newer: string }
  | { readonly damage: string };

const FORMAT = 'llama-state';

export function writeState(name: string, entry: StateEntry): string {
  if (entry.kind === 'newer') return entry.text;
  const head = `{"name":${JSON.stringify(name)},`;
  return seal(
    FORMAT,
    entry.kind === 'group' ? `${head}"group":${entry.text}}` : `${head}"removed":${JSON.stringify(entry.digest)}}`,
  );
}

export function readState(text: string): ReadState {
  const unsealed = unseal(FORMAT, text);
  if (!('body' in unsealed)) return unsealed;
  const value: unknown = JSON.parse(unsealed.body);
  if (isRecord(value) && typeof value.name === 'string') {
    const { name, group, removed } = value;
    if (isRecord(group)) return { name, entry: { kind: 'group', input: group } };
    if (typeof removed === 'string') return { name, entry: { kind: 'removed', digest: removed } };
  }
  return { damage: 'it holds neither a group nor a removal' };
}
