/** One record a name: the group of the config file, the change by REST, and the group in force. */

import { createHash } from 'node:crypto';
import { yieldNow } from '../../base/yielding.js';
import { type GroupJson, groupToJson } from '../../config/group/group.js';
import type { Group } from '../../config/types.js';

/** `file`: from the config file. `api`: set by REST. */
export type GroupOrigin = 'file' | 'api';

/** A group as the config file or REST defines it. */
export interface DefinedGroup {
  /** Without the targets that a source gives. */
  readonly defined: Group;
  readonly origin: GroupOrigin;
  /** In the shape of the config file: the state directory keeps it, and `GET` answers it. */
  readonly text: string;
  /** Digest of the text: equal groups have equal digests, in every process. */
  readonly digest: string;
  /** Entity tag (RFC 9110), with its quotes. */
  readonly etag: string;
}

/** A group in force. */
export interface ActiveGroup extends DefinedGroup {
  /** With the targets that are probed now. */
  readonly group: Group;
}

/** A group that is defined and not in force. */
export interface SuspendedGroup {
  readonly name: string;
  /** Undefined: this version of LLAMA can't read the definition. */
  readonly group: Group | undefined;
  readonly origin: GroupOrigin;
  /** As `DefinedGroup` has it; an empty object when the definition can't be read. */
  readonly text: string;
  readonly etag: string;
  /** Why it is not in force. */
  readonly reason: string;
}

/** A name as a client sees it: `PUT`, `DELETE` and `If-Match` refer to it. */
export type KnownGroup = ActiveGroup | SuspendedGroup;

export interface GroupRecord {
  readonly name: string;
  /** The group of the config file, in force or not. */
  readonly file: DefinedGroup | undefined;
  /** Why this process can't probe the group of the config file. */
  readonly refused: string | undefined;
  /** Digest of the config file's group that REST removed: it stays removed until the file changes it. */
  readonly removed: string | undefined;
  readonly active: ActiveGroup | undefined;
  /** A group set by REST that is kept but not in force. Never together with `active`. */
  readonly suspended: SuspendedGroup | undefined;
}

/** Number of targets written between two yields. */
const CHUNK = 500;

/** Writes the text of a group with yields: ten thousand targets at once would block the main thread for 20 ms. */
export async function defineGroup(group: Group, origin: GroupOrigin): Promise<DefinedGroup> {
  const text = await groupText(group);
  const digest = digestOf(text);
  return { defined: group, origin, text, digest, etag: etagOf(origin, digest) };
}

/** `text`: the definition as it is kept. */
export function suspendGroup(name: string, group: Group | undefined, text: string, reason: string): SuspendedGroup {
  return {
    name,
    group,
    origin: 'api',
    text: group === undefined ? '{}' : text,
    etag: etagOf('api', digestOf(text)),
    reason: reason.replaceAll('\n', '; '),
  };
}

async function groupText(group: Group): Promise<string> {
  if (group.from !== undefined) return JSON.stringify(groupToJson(group));
  const { listed, ...rest } = group;
  const targets = listed ?? group.targets;
  const { targets: _none, ...settings } = groupToJson({ ...rest, targets: [] });
  let text = `${JSON.stringify(settings).slice(0, -1)},"targets":[`;
  for (let from = 0; from < targets.length; from += CHUNK) {
    if (from > 0) {
      await yieldNow();
      text += ',';
    }
    const part: GroupJson = groupToJson({ ...rest, targets: targets.slice(from, from + CHUNK) });
    text += JSON.stringify(part.targets).slice(1, -1);
  }
  return `${text}]}`;
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 22);
}

function etagOf(origin: GroupOrigin, digest: string): string {
  return `"${origin}-${digest}"`;
}
