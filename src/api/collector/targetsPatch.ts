/** `PATCH /v1/groups/{name}/targets`: some targets in, some out, of a group that may have thousands. Pure. */

import { type Static, Type } from 'typebox';
import { inTurns } from '../../base/yielding.js';
import { parseAddress } from '../../config/address.js';
import { found, isRecord, ProblemList } from '../../config/files/problems.js';
import { checkPort } from '../../config/group/agentless.js';
import { invalidGroup, readAddress, secondTime } from '../../config/group/group.js';
import { MAX_TARGETS, TargetSchema } from '../../config/group/groupSchema.js';
import { ListShape, Pace } from '../../config/group/listShape.js';
import { describeSource } from '../../config/group/targetSource.js';
import type { Group, Target } from '../../config/types.js';

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

/** A target of a patch, checked except for constraints that depend on the group. */
interface Named {
  /** The target as written; of a target to remove, even if it is invalid. */
  readonly text: string;
  readonly address: string;
  /** Undefined: that of the group. */
  readonly port: number | undefined;
}
interface TargetsPatch {
  readonly add: readonly (Named & Pick<Target, 'family' | 'tags'>)[];
  readonly remove: readonly Named[];
}

const SHAPE = new ListShape(TargetsPatchSchema, ['add', 'remove']);

/**
 * Reads a patch in short turns: `pause` lets other work run.
 * @throws LlamaError `LLAMA_GROUP_INVALID` with the problems that show without the group.
 */
export async function parseTargetsPatch(input: unknown, pause: () => Promise<void>): Promise<TargetsPatch> {
  const problems = new ProblemList();
  const patch = await inTurns(readingPatch(input, new Pace(problems.report)), pause);
  if (problems.count > 0) throw invalidGroup(problems.listed, problems.count);
  return patch;
}

function* readingPatch(input: unknown, pace: Pace): Generator<void, TargetsPatch> {
  const add: TargetsPatch['add'][number][] = [];
  const remove: Named[] = [];
  yield* SHAPE.reading(input, pace);
  if (!isRecord(input)) return { add, remove };
  if (pace.problems === 0 && (input.add ?? input.remove) === undefined)
    pace.report([], 'found neither add nor remove, expected a list of targets under one or both');
  for (const [index, written] of listOf(input.add).entries()) {
    if (pace.due) yield;
    const address = readAddress(written, ['add', index], pace.report);
    if (address === undefined) continue;
    const { address: text, port, tags = {} } = asTarget(written);
    add.push({ ...address, text, port, tags });
  }
  for (const written of listOf(input.remove)) {
    if (pace.due) yield;
    // Anything else was reported with its shape.
    if (typeof written !== 'string' && !isRecord(written)) continue;
    const { address: text, port } = asTarget(written);
    remove.push({ text, address: typeof text === 'string' ? (parseAddress(text)?.address ?? text) : '', port });
  }
  return { add, remove };
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const asTarget = (written: unknown) =>
  (typeof written === 'string' ? { address: written } : written) as Static<typeof TargetSchema>;

const keyOf = ({ address, port }: { readonly address: string; readonly port: number }): string => `${address} ${port}`;

/**
 * The group after the patch: remaining targets keep their order, new ones come last. Runs without yielding, so it only
 * compares.
 * @throws LlamaError `LLAMA_GROUP_INVALID` with the problems: targets that come from a source, a target added twice, an
 * unknown target to remove, a target in both lists, no target left.
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
  const problems = new ProblemList();
  let ports: ReadonlyMap<string, number> | undefined;
  const portOf = (address: string): number | undefined => {
    ports ??= new Map(listed.map((target) => [target.address, target.port]));
    return ports.get(address);
  };
  /** Problems beyond the listed ones are only counted. */
  const report = (list: 'add' | 'remove', index: number, message: () => string): void =>
    problems.report([list, index], problems.full ? '' : message());
  const targets = new Map(listed.map((target) => [keyOf(target), target]));
  const added = new Map<string, { readonly index: number; readonly target: Target }>();
  for (const [index, { text, address, family, port = group.port, tags }] of patch.add.entries()) {
    checkPort(port, group.protocol, ['add', index, 'port'], problems.report);
    const target = { address, family, port, tags };
    const key = keyOf(target);
    const first = added.get(key);
    if (first === undefined) added.set(key, { index, target });
    else report('add', index, () => secondTime(text, port, `/add/${first.index}`));
  }
  for (const [index, { text, address, port = group.port }] of patch.remove.entries()) {
    const key = keyOf({ address, port });
    if (added.has(key))
      report(
        'remove',
        index,
        () =>
          `found ${found(text)} with port ${port} in add as well, expected it in one list; remove it from the other`,
      );
    else if (!targets.delete(key))
      report(
        'remove',
        index,
        () =>
          `found ${found(text)} with port ${port}, expected a target of the group ${group.name}${otherPort(portOf(address), address)}`,
      );
  }
  for (const [key, { target }] of added) targets.set(key, target);
  if (problems.count === 0 && targets.size === 0)
    problems.report(
      ['remove'],
      'found that no target is left, expected at least one; to stop probing, remove the group',
    );
  if (problems.count > 0) throw invalidGroup(problems.listed, problems.count);
  return { ...rest, targets: [...targets.values()] };
}

/** The message when the address is there with another port. */
function otherPort(port: number | undefined, address: string): string {
  return port === undefined ? '; read the group again' : `; write { "address": "${address}", "port": ${port} }`;
}
