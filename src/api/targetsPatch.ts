/** `PATCH /v1/groups/{name}/targets`: some targets in, some out, of a group that may have thousands. Pure. */

import { type Static, Type } from 'typebox';
import { parseAddress } from '../config/address.js';
import { invalidGroup, readTargets } from '../config/group.js';
import { MAX_TARGETS, TargetSchema } from '../config/group-schema.js';
import { found, isRecord, toPointer } from '../config/problems.js';
import { reportShape } from '../config/schema-problems.js';
import { describeSource } from '../config/target-source.js';
import type { Group, Target } from '../config/types.js';
import type { Problem } from '../errors.js';

const TargetName = Type.Object(
  {
    address: Type.String({ description: 'an IPv4 or IPv6 address: that of a target of the group' }),
    port: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 65_535,
        description: "a port, an integer from 1 to 65535: that of the target, when it differs from the group's",
      }),
    ),
  },
  { additionalProperties: false, description: 'a map with address, and maybe port: one target of the group' },
);

export const TargetsPatchSchema = Type.Object(
  {
    add: Type.Optional(
      Type.Array(
        Type.Union([Type.String(), TargetSchema], {
          description: 'an address, or a map with address and maybe port and tags: one that answers probes',
        }),
        { maxItems: MAX_TARGETS, description: 'a list of targets: to be added, or to get other tags' },
      ),
    ),
    remove: Type.Optional(
      Type.Array(
        Type.Union([Type.String(), TargetName], {
          description: 'an address, or a map with address and maybe port: one target of the group',
        }),
        { maxItems: MAX_TARGETS, description: 'a list of targets: to be removed' },
      ),
    ),
  },
  { additionalProperties: false, description: 'a map with add, remove or both: what changes of the targets' },
);
export type TargetsPatch = Static<typeof TargetsPatchSchema>;

/** @throws LlamaError `LLAMA_GROUP_INVALID` with every problem of the shape. */
export function parseTargetsPatch(input: unknown): TargetsPatch {
  const problems: Problem[] = [];
  reportShape(TargetsPatchSchema, input, (path, message) => problems.push({ path: toPointer(path), message }));
  if (problems.length === 0 && isRecord(input) && (input.add ?? input.remove) === undefined)
    problems.push({ path: '', message: 'found neither add nor remove, expected a list of targets under one or both' });
  if (problems.length > 0) throw invalidGroup(problems);
  return input as TargetsPatch;
}

const keyOf = ({ address, port }: { readonly address: string; readonly port: number }): string => `${address} ${port}`;

/**
 * The group with the patch carried out: what stays keeps its place, what is new comes last.
 * @throws LlamaError `LLAMA_GROUP_INVALID` with every problem: targets that come from a source, an unknown target to remove, a target in both lists, no target left.
 */
export function patchTargets(group: Group, patch: TargetsPatch): Group {
  const { listed = group.targets, ...rest } = group;
  if (group.from !== undefined)
    throw invalidGroup([
      {
        path: '',
        message: `found the group ${group.name}, whose targets come from ${describeSource(group.from)}, expected one whose targets are listed; change the targets there, or replace the group`,
      },
    ]);
  const problems: Problem[] = [];
  const add = readTargets(patch.add ?? [], group.port, (path, message) =>
    // `readTargets` speaks of a list named targets.
    problems.push({ path: toPointer(['add', ...path.slice(1)]), message: message.replaceAll('/targets/', '/add/') }),
  );
  const targets = new Map(listed.map((target) => [keyOf(target), target]));
  const added = new Set(add.map(keyOf));
  for (const [index, written] of (patch.remove ?? []).entries()) {
    const path = toPointer(['remove', index]);
    const { address: text, port = group.port } =
      typeof written === 'string' ? { address: written } : (written as Static<typeof TargetName>);
    const address = parseAddress(text)?.address ?? text;
    const key = keyOf({ address, port });
    if (added.has(key))
      problems.push({
        path,
        message: `found ${found(text)} with port ${port} in add as well, expected it in one list`,
      });
    else if (!targets.delete(key))
      problems.push({
        path,
        message: `found ${found(text)} with port ${port}, expected a target of the group ${group.name}${otherPorts(listed, address)}`,
      });
  }
  for (const target of add) targets.set(keyOf(target), target);
  if (problems.length === 0 && targets.size === 0)
    problems.push({
      path: '/remove',
      message: 'found that no target is left, expected at least one; to stop probing, remove the group',
    });
  if (problems.length > 0) throw invalidGroup(problems);
  return { ...rest, targets: [...targets.values()] };
}

/** Says when the address is there, with another port. */
function otherPorts(targets: readonly Target[], address: string): string {
  const [other] = targets.filter((target: Target) => target.address === address);
  return other === undefined ? '' : `; write { "address": "${address}", "port": ${other.port} }`;
}
