/**
 * What the config file now says, put into effect in one turn of the groups: looked at as a whole, checked once, and all of it or nothing.
 * Works on the maps of `Groups`, which nobody else changes during its turn; they say what the file has only when every step is done.
 */

import { setImmediate as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import { sameKeys } from '../config/group-format.js';
import { groupFigures } from '../config/limits.js';
import type { Group } from '../config/types.js';
import type { Discovery } from '../discovery/discovery.js';
import type { Plan } from './groups.js';
import { type HeldGroup, holdGroup, type KnownGroup } from './held.js';
import type { PlanChange } from './plan.js';
import type { StateDirectory } from './state.js';
import type { WaitingGroups } from './waitingGroups.js';

/** What reading the file again did, by names of groups. */
export interface FileReload {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
  /** Groups of the file that were set or removed over REST: what REST said stays, a removal until the file changes the group. */
  readonly kept: readonly string[];
}

/** The inside of `Groups`, lent for a turn. */
export interface FileGround {
  readonly logger: Logger;
  readonly plan: Plan;
  readonly state: StateDirectory | undefined;
  readonly discovery: Discovery;
  readonly held: Map<string, HeldGroup>;
  /** Live groups that are kept and not in force: they hide what the file has as those in force do. */
  readonly waiting: WaitingGroups;
  /** What the file has, by name, as it is defined there. */
  readonly file: Map<string, HeldGroup>;
  /** Digests of the file's groups that REST removed, by name. */
  readonly removed: Map<string, string>;
}

/** A group that takes effect, as it is defined and as it is held. */
interface Put {
  readonly group: Group;
  readonly before: HeldGroup | undefined;
  readonly after: HeldGroup;
}

interface Decision {
  /** Every group of the file, as it is defined there. */
  readonly defined: ReadonlyMap<string, HeldGroup>;
  readonly put: readonly Put[];
  readonly remove: readonly HeldGroup[];
  readonly kept: readonly string[];
}

/**
 * @throws LlamaError `LLAMA_NOT_READY`, `LLAMA_PLAN_TOO_LARGE`, `LLAMA_GROUP_INVALID` or `LLAMA_STATE_UNWRITABLE`; everything is as before
 * then. Only groups that differ are touched.
 */
export async function reloadFile(ground: FileGround, groups: readonly Group[]): Promise<FileReload> {
  ground.plan.mustRun();
  const decision = await decide(ground, groups);
  checkWhole(ground, decision);
  const changes = await prepareAll(ground.plan, decision.put);
  const undo: (() => Promise<void>)[] = [];
  try {
    await forgetRemovals(ground, decision, undo);
    await carryOut(ground, decision, changes, undo);
  } catch (error) {
    // A change that was carried out, or failed behind the point of no return, is in force: the steps of `undo` take it back.
    for (const [{ after }, change] of changes)
      if (ground.held.get(after.group.name) !== after) ground.plan.discard(change);
    for (const step of undo.reverse())
      await step().catch((cause: unknown) =>
        ground.logger.error({ error: String(cause) }, 'a step of a failed reload could not be taken back'),
      );
    throw error;
  }
  return settle(ground, decision);
}

async function decide(ground: FileGround, groups: readonly Group[]): Promise<Decision> {
  const { held, waiting, file, removed, discovery } = ground;
  const defined = new Map<string, HeldGroup>();
  const put: Put[] = [];
  const kept: string[] = [];
  for (const group of groups) {
    const { name } = group;
    const before = held.get(name);
    const after = await holdGroup(group, 'file', pause);
    defined.set(name, after);
    if (waiting.has(name)) kept.push(name);
    else if (before === undefined ? removed.get(name) === after.digest : before.origin === 'api') kept.push(name);
    // The text names a file of keys, not what is in it.
    else if (before?.digest !== after.digest || !sameKeys(before.group, after.group))
      put.push({ group, before, after: { ...after, group: discovery.effective(group, before?.group) } });
  }
  const remove: HeldGroup[] = [];
  for (const name of file.keys()) {
    if (defined.has(name)) continue;
    const before = held.get(name);
    if (before?.origin === 'file') remove.push(before);
    else kept.push(name);
  }
  return { defined, put, remove, kept };
}

/** One check of what there will be: what there is on the way needs no more, for what shrinks comes first. The file's groups come last, so they are named. */
function checkWhole({ plan, held }: FileGround, { put, remove }: Decision): void {
  const touched = new Set([...put.map(({ after }) => after.group.name), ...remove.map(({ group }) => group.name)]);
  const others = [...held.values()].filter(({ group }) => !touched.has(group.name));
  plan.checkAll([...others, ...put.map(({ after }) => after)].map(({ group }) => group));
}

async function prepareAll(plan: Plan, put: readonly Put[]): Promise<Map<Put, PlanChange>> {
  const changes = new Map<Put, PlanChange>();
  try {
    for (const one of put.toSorted(byGrowth)) changes.set(one, await plan.prepare(one.after.group));
  } catch (error) {
    for (const change of changes.values()) plan.discard(change);
    throw error;
  }
  return changes;
}

/** What shrinks makes room for what grows. The number of source ports is the same for all. */
function byGrowth(a: Put, b: Put): number {
  return (
    growth(a, 'probesPerSecond') - growth(b, 'probesPerSecond') || growth(a, 'memoryBytes') - growth(b, 'memoryBytes')
  );
}

function growth({ before, after }: Put, figure: 'probesPerSecond' | 'memoryBytes'): number {
  return groupFigures(after.group, 1)[figure] - (before === undefined ? 0 : groupFigures(before.group, 1)[figure]);
}

/** The file says something else than what REST removed, or nothing: the removal is over. It fails here, if at all, before anything is touched. */
async function forgetRemovals(
  { state, removed, file }: FileGround,
  { defined, put }: Decision,
  undo: (() => Promise<void>)[],
): Promise<void> {
  const over = [...put.map(({ group }) => group.name), ...[...file.keys()].filter((name) => !defined.has(name))];
  for (const name of over) {
    if (state === undefined || !removed.has(name)) continue;
    const entry = state.entry(name);
    await state.save(name, undefined);
    undo.push(() => state.save(name, entry));
  }
}

async function carryOut(
  { plan, held }: FileGround,
  { remove }: Decision,
  changes: ReadonlyMap<Put, PlanChange>,
  undo: (() => Promise<void>)[],
): Promise<void> {
  const putBack = async (before: HeldGroup): Promise<void> => {
    const change = await plan.prepare(before.group);
    await plan.carryOut(change, before.origin, () => held.set(before.group.name, before));
  };
  for (const before of remove) {
    const { name } = before.group;
    held.delete(name);
    undo.push(() => putBack(before));
    await plan.remove(name);
  }
  for (const [{ before, after }, change] of changes) {
    const { name } = after.group;
    await plan.carryOut(change, after.origin, () => {
      held.set(name, after);
      undo.push(async () => {
        if (before !== undefined) return putBack(before);
        held.delete(name);
        await plan.remove(name);
      });
    });
  }
}

/** All of it is in force: from here on nothing can fail. */
function settle(ground: FileGround, { defined, put, remove, kept }: Decision): FileReload {
  const { file, removed, held, waiting, discovery, logger } = ground;
  for (const name of kept) {
    if (defined.has(name) && file.get(name)?.digest !== defined.get(name)?.digest)
      logger.warn({ group: name }, whyHidden(held.get(name) ?? waiting.get(name)));
  }
  for (const name of file.keys()) if (!defined.has(name)) removed.delete(name);
  file.clear();
  for (const [name, group] of defined) file.set(name, group);
  for (const { group, before } of put) {
    removed.delete(group.name);
    discovery.follow(group, before?.group);
  }
  for (const { group } of remove) discovery.drop(group.name);
  waiting.roomMade();
  const named = (of: readonly Put[]): string[] => of.map(({ group }) => group.name);
  return {
    added: named(put.filter(({ before }) => before === undefined)),
    changed: named(put.filter(({ before }) => before !== undefined)),
    removed: remove.map(({ group }) => group.name),
    kept,
  };
}

/** What the log says of a group of the file that does not take effect; `live` is the one that has its name. */
export function whyHidden(live: KnownGroup | undefined): string {
  return live === undefined
    ? 'the group of the config file was removed live and stays away; it counts again when the file changes it'
    : 'a live group hides the group of this name in the config file';
}
