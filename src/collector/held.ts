/** A group in force as everybody outside the threads sees it: where it comes from, its JSON text, and the tag by which a change of it shows. */

import { createHash } from 'node:crypto';
import { type GroupJson, groupToJson } from '../config/group.js';
import type { Group } from '../config/types.js';

/** `file`: from the config file. `api`: set by REST. */
export type GroupOrigin = 'file' | 'api';

export interface HeldGroup {
  /** With the targets that are probed now. */
  readonly group: Group;
  readonly origin: GroupOrigin;
  /** The group as it is defined, in the shape of the config file: what is kept in the state directory and what `GET` answers. */
  readonly text: string;
  /** Of the text: equal groups have equal digests, in every process. */
  readonly digest: string;
  /** Entity tag (RFC 9110), with its quotes. */
  readonly etag: string;
}

/** A group set by REST that the state directory keeps, or one of the config file, that is not probed. */
export interface WaitingGroup {
  readonly name: string;
  /** Undefined: what is kept is not a group to this version of LLAMA. */
  readonly group: Group | undefined;
  readonly origin: GroupOrigin;
  /** As `HeldGroup` has it; an empty object when there is no group. */
  readonly text: string;
  readonly etag: string;
  /** Why it is not in force. */
  readonly reason: string;
}

/** What a name means to a client, in force or not: what may be changed, removed and matched by its tag. */
export type KnownGroup = HeldGroup | WaitingGroup;

/** How many targets are written between two chances for others to run. */
const CHUNK = 500;

/**
 * The JSON text of a group as it is defined: its source, or the targets that are listed, not those that a source gave. Made in short turns: ten
 * thousand targets at once would hold the main thread for 20 ms.
 */
export async function groupText(group: Group, pause: () => Promise<void>): Promise<string> {
  if (group.from !== undefined) return JSON.stringify(groupToJson(group));
  const { listed, ...rest } = group;
  const targets = listed ?? group.targets;
  const { targets: _none, ...settings } = groupToJson({ ...rest, targets: [] });
  let text = `${JSON.stringify(settings).slice(0, -1)},"targets":[`;
  for (let from = 0; from < targets.length; from += CHUNK) {
    if (from > 0) {
      await pause();
      text += ',';
    }
    const part: GroupJson = groupToJson({ ...rest, targets: targets.slice(from, from + CHUNK) });
    text += JSON.stringify(part.targets).slice(1, -1);
  }
  return `${text}]}`;
}

export async function holdGroup(group: Group, origin: GroupOrigin, pause: () => Promise<void>): Promise<HeldGroup> {
  const text = await groupText(group, pause);
  const digest = digestOf(text);
  return { group, origin, text, digest, etag: tagOf(origin, digest) };
}

export function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 22);
}

/** The entity tag of a group with this digest. */
export function tagOf(origin: GroupOrigin, digest: string): string {
  return `"${origin}-${digest}"`;
}
