/**
 * `/v1/groups`: the probed groups, live. A group has the same shape as in the config file, and is checked by the same
 * code. Conditions and edits are passed to the collector, which decides them when it carries out the change; a check
 * here would race with other changes.
 */

import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchemaCompiler } from 'fastify';
import { Type } from 'typebox';
import { LlamaError } from '../../base/errors.js';
import { yieldNow } from '../../base/yielding.js';
import type { ActiveGroup, KnownGroup } from '../../collector/groups/groupRecord.js';
import type { CollectorService, GroupChange, GroupEdit } from '../../collector/service.js';
import { found, isRecord } from '../../config/files/problems.js';
import { invalidGroup, parseGroupInTurns } from '../../config/group/group.js';
import { GroupSchema } from '../../config/group/groupSchema.js';
import {
  ChangeQuery,
  ConditionHeaders,
  DiscoverySchema,
  GroupList,
  GroupParams,
  GroupSummary,
  NoQuery,
  ReadHeaders,
  RemoveQuery,
  WaitingSummary,
} from '../server/schemas.js';
import { type Conditions, conditionsOf, hasTag, mustHold } from './conditions.js';
import { type DryRun, DryRunSchema, dryRunOf } from './dryRun.js';
import { sendGroup, summary, unknownGroup, unreadable, waitingSummary } from './groupAnswers.js';
import { parseTargetsPatch, patchTargets, TargetsPatchSchema } from './targetsPatch.js';

interface Named {
  readonly Params: { readonly name: string };
}
interface Changing {
  readonly Querystring: ChangeQuery;
}
interface Removing {
  readonly Querystring: RemoveQuery;
}

const Name = Type.String({ description: 'a name of 1 to 64 letters, digits, dots, dashes and underscores' });

/**
 * A group in the body of a `POST`: with its name. A body may contain the fields that `GET` adds; a client cannot set
 * them.
 */
const NamedGroupSchema = Type.Object(
  { name: Name, ...GroupSchema.properties },
  {
    additionalProperties: false,
    description: 'a map with name, and targets or a source of targets: a named set of targets probed alike',
  },
);

const ShownGroup = {
  name: Name,
  origin: GroupSummary.properties.origin,
  hidesFile: GroupSummary.properties.hidesFile,
  notInForce: Type.Optional(WaitingSummary.properties.notInForce),
  ...GroupSchema.properties,
  discovery: Type.Optional(DiscoverySchema),
};
export const ShownGroupSchema = Type.Object(ShownGroup, {
  description: 'the group as a config would have it, and the state of its source',
});
const Created = Type.Object(ShownGroup, { description: 'new: the group that is now in force' });
const Replaced = Type.Union([ShownGroupSchema, DryRunSchema], {
  description: 'replaced: the group that is now in force; with dryRun=1: what the change would do',
});
const Changed = Type.Union([GroupSummary, DryRunSchema], {
  description: 'changed: the group without its targets; with dryRun=1: what the change would do',
});
const Reverted = Type.Union([ShownGroupSchema, DryRunSchema], {
  description: 'with revert=1: the group of the config file, in force again; with dryRun=1: what the change would do',
});
const WouldBe = Type.Object(DryRunSchema.properties, { description: 'with dryRun=1: what the change would do' });
const REMOVED = { type: 'null', description: 'removed' };
const UNCHANGED = { type: 'null', description: 'the group is the one of If-None-Match' };

const tags = ['groups'];
const OF_CHANGES = ['LLAMA_GROUP_CHANGED', 'LLAMA_STATE_UNWRITABLE', 'LLAMA_NOT_READY'] as const;
const OF_GROUPS = ['LLAMA_GROUP_INVALID', 'LLAMA_PLAN_TOO_LARGE', ...OF_CHANGES] as const;
const LIST = {
  operationId: 'listGroups',
  summary: 'All groups, without their targets',
  tags,
  querystring: NoQuery,
  response: { 200: GroupList },
};
const READ = {
  operationId: 'getGroup',
  summary: 'One group, as a config would have it',
  tags,
  params: GroupParams,
  headers: ReadHeaders,
  querystring: NoQuery,
  response: { 200: ShownGroupSchema, 304: UNCHANGED },
  problems: ['LLAMA_GROUP_UNKNOWN'],
} as const;
const CREATE = {
  operationId: 'postGroup',
  summary: 'Make a group',
  tags,
  querystring: ChangeQuery,
  headers: ConditionHeaders,
  body: NamedGroupSchema,
  response: { 200: WouldBe, 201: Created },
  problems: ['LLAMA_GROUP_EXISTS', ...OF_GROUPS],
} as const;
const SET = {
  operationId: 'putGroup',
  summary: 'Make a group, or replace it',
  tags,
  params: GroupParams,
  querystring: ChangeQuery,
  headers: ConditionHeaders,
  body: GroupSchema,
  response: { 200: Replaced, 201: Created },
  problems: OF_GROUPS,
} as const;
const REMOVE = {
  operationId: 'deleteGroup',
  summary: 'Remove a group, or go back to that of the config file',
  tags,
  params: GroupParams,
  querystring: RemoveQuery,
  headers: ConditionHeaders,
  response: { 200: Reverted, 204: REMOVED },
  problems: [
    'LLAMA_GROUP_UNKNOWN',
    'LLAMA_GROUP_CONFLICT',
    'LLAMA_GROUP_INVALID',
    'LLAMA_PLAN_TOO_LARGE',
    ...OF_CHANGES,
  ],
} as const;
const PATCH = {
  operationId: 'patchTargets',
  summary: 'Add and remove some targets of a group',
  tags,
  params: GroupParams,
  querystring: ChangeQuery,
  headers: ConditionHeaders,
  body: TargetsPatchSchema,
  response: { 200: Changed },
  problems: ['LLAMA_GROUP_UNKNOWN', 'LLAMA_GROUP_CONFLICT', ...OF_GROUPS],
} as const;

export function groupRoutes(app: FastifyInstance, service: CollectorService): void {
  /**
   * The schema of a body is for documentation: its reader names every problem, and knows durations, classes and
   * addresses.
   */
  const validatorCompiler: FastifySchemaCompiler<unknown> = (part) => {
    const others = app.validatorCompiler as FastifySchemaCompiler<unknown> | undefined;
    return part.httpPart === 'body' || others === undefined ? () => true : others(part);
  };

  app.get('/v1/groups', { schema: LIST }, () => ({
    groups: service.activeGroups().map((held) => summary(held, service)),
    notInForce: service.suspendedGroups().map((waiting) => waitingSummary(waiting, service)),
    removed: service.removedGroups(),
  }));

  app.get<Named>('/v1/groups/:name', { schema: READ }, (request, reply) => {
    const { name } = request.params;
    const held = service.activeGroup(name) ?? service.suspendedGroup(name);
    if (held === undefined) throw unknownGroup(name, service);
    const { ifNoneMatch } = conditionsOf(request);
    if (ifNoneMatch !== undefined && hasTag(ifNoneMatch, held)) return reply.code(304).header('etag', held.etag).send();
    return sendGroup(reply, held, service);
  });

  app.post<Changing>('/v1/groups', { schema: CREATE, validatorCompiler }, async (request, reply) => {
    const name = isRecord(request.body) ? request.body.name : undefined;
    if (typeof name !== 'string') throw missingName(request.body, name);
    const group = await parseGroupInTurns(withoutAnswerKeys(request.body), name, yieldNow, service.rulesOf(name));
    const change = await changed(request, name, (held) => {
      if (held === undefined) return group;
      throw new LlamaError(
        'LLAMA_GROUP_EXISTS',
        `found the group name "${name}", which is in use, expected a new one; PUT /v1/groups/${name} changes the group`,
      );
    });
    return answer(reply, name, change);
  });

  app.put<Named & Changing>('/v1/groups/:name', { schema: SET, validatorCompiler }, async (request, reply) => {
    const { name } = request.params;
    const said = isRecord(request.body) ? request.body.name : undefined;
    if (said !== undefined && said !== name)
      throw invalidGroup([
        {
          path: '/name',
          message: `found ${found(said)}, expected the name of the address, "${name}", or no name; a group can't be renamed`,
        },
      ]);
    const group = await parseGroupInTurns(withoutAnswerKeys(request.body), name, yieldNow, service.rulesOf(name));
    return answer(reply, name, await changed(request, name, () => group));
  });

  app.delete<Named & Removing>('/v1/groups/:name', { schema: REMOVE }, async (request, reply) => {
    const { name } = request.params;
    if (request.query.revert === '1') {
      const back = await reverted(request, name);
      // Always 200: 201 is for groups that a client creates.
      return 'dryRun' in back ? back.dryRun : sendGroup(reply, back.group, service);
    }
    const change = await changed(request, name, (held) => {
      if (held === undefined) throw unknownGroup(name, service);
      return undefined;
    });
    return 'dryRun' in change ? change.dryRun : reply.code(204).send();
  });

  app.patch<Named & Changing>(
    '/v1/groups/:name/targets',
    { schema: PATCH, validatorCompiler },
    async (request, reply) => {
      const { name } = request.params;
      const patch = await parseTargetsPatch(request.body, yieldNow);
      const change = await changed(request, name, (held) => {
        if (held === undefined) throw unknownGroup(name, service);
        if (held.group === undefined) throw unreadable(name);
        return patchTargets(held.group, patch);
      });
      if ('dryRun' in change) return change.dryRun;
      const { after } = change;
      if (after === undefined) throw unknownGroup(name, service);
      // Without the targets: a client that sends three of ten thousand does not want all of them back.
      reply.header('etag', after.etag);
      return summary(after, service);
    },
  );

  async function reverted(
    request: FastifyRequest<Removing>,
    name: string,
  ): Promise<{ readonly group: ActiveGroup } | { readonly dryRun: DryRun }> {
    const conditions = conditionsOf(request);
    const dryRun = request.query.dryRun === '1';
    const may = (known: KnownGroup | undefined): void => {
      mustHold(conditions, name, known);
      if (known === undefined && !service.inFile(name)) throw unknownGroup(name, service);
    };
    const change = await service.revertGroup(name, may, { dryRun });
    if (change.after === undefined) throw unknownGroup(name, service);
    return dryRun ? { dryRun: dryRunOf(name, change, service) } : { group: change.after };
  }

  async function changed(
    request: FastifyRequest<Changing>,
    name: string,
    edit: GroupEdit,
  ): Promise<GroupChange | { readonly dryRun: DryRun }> {
    const conditions: Conditions = conditionsOf(request);
    const dryRun = request.query.dryRun === '1';
    const checked: GroupEdit = (held) => {
      mustHold(conditions, name, held);
      return edit(held);
    };
    const change = await service.changeGroup(name, checked, { dryRun });
    return dryRun ? { dryRun: dryRunOf(name, change, service) } : change;
  }

  function answer(reply: FastifyReply, name: string, change: GroupChange | { readonly dryRun: DryRun }) {
    if ('dryRun' in change) return change.dryRun;
    const { before, after } = change;
    if (after === undefined) throw unknownGroup(name, service);
    if (before === undefined) reply.code(201).header('location', `/v1/groups/${name}`);
    return sendGroup(reply, after, service);
  }
}

/** Keys of an answer that a body may bring back. */
const ANSWER_KEYS: readonly string[] = ['name', 'origin', 'hidesFile', 'notInForce', 'discovery'];

function withoutAnswerKeys(body: unknown): unknown {
  if (!isRecord(body)) return body;
  return Object.fromEntries(Object.entries(body).filter(([key]) => !ANSWER_KEYS.includes(key)));
}

function missingName(body: unknown, name: unknown): LlamaError {
  if (!isRecord(body))
    return invalidGroup([{ path: '', message: `found ${found(body)}, expected a map with name and targets` }]);
  return invalidGroup([{ path: '/name', message: `found ${found(name)}, expected the name of the new group` }]);
}
