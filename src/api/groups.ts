/**
 * `/v1/groups`: what is probed, live. A group has the shape that it has in the config file, and is checked by the same code.
 * Conditions and edits are handed to the collector, which decides them at the turn of the change; nothing here looks first and acts then.
 */

import { setImmediate as pause } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchemaCompiler } from 'fastify';
import { Type } from 'typebox';
import type { HeldGroup } from '../collector/held.js';
import type { CollectorService, GroupChange, GroupEdit } from '../collector/service.js';
import { groupToJson, invalidGroup, parseGroupInTurns } from '../config/group.js';
import { GroupSchema } from '../config/group-schema.js';
import { groupFigures } from '../config/limits.js';
import { found, isRecord } from '../config/problems.js';
import { LlamaError } from '../errors.js';
import { type Conditions, conditionsOf, hasTag, mustHold } from './conditions.js';
import { type DryRun, DryRunSchema, dryRunOf } from './dryRun.js';
import {
  ChangeQuery,
  ConditionHeaders,
  DiscoverySchema,
  GroupList,
  GroupParams,
  GroupSummary,
  NoQuery,
  ReadHeaders,
} from './schemas.js';
import { parseTargetsPatch, patchTargets, TargetsPatchSchema } from './targetsPatch.js';

interface Named {
  readonly Params: { readonly name: string };
}
interface Changing {
  readonly Querystring: ChangeQuery;
}

const Name = Type.String({ description: 'a name of 1 to 64 letters, digits, dots, dashes and underscores' });

/** A group as a `POST` has it: with its name. What `GET` adds may come back in a body; it is not the client's to set. */
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
  ...GroupSchema.properties,
  discovery: Type.Optional(DiscoverySchema),
};
const Shown = Type.Object(ShownGroup, { description: 'the group as a config would have it, and how its source does' });
const Created = Type.Object(ShownGroup, { description: 'new: the group that is now in force' });
const Replaced = Type.Union([Shown, DryRunSchema], {
  description: 'replaced: the group that is now in force; with dryRun=1, what would be',
});
const Changed = Type.Union([GroupSummary, DryRunSchema], {
  description: 'changed: the group without its targets; with dryRun=1, what would be',
});
const WouldBe = Type.Object(DryRunSchema.properties, { description: 'with dryRun=1: what would be' });
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
  response: { 200: Shown, 304: UNCHANGED },
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
  summary: 'Remove a group',
  tags,
  params: GroupParams,
  querystring: ChangeQuery,
  headers: ConditionHeaders,
  response: { 200: WouldBe, 204: REMOVED },
  problems: ['LLAMA_GROUP_UNKNOWN', ...OF_CHANGES],
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
  problems: ['LLAMA_GROUP_UNKNOWN', ...OF_GROUPS],
} as const;

export function groupRoutes(app: FastifyInstance, service: CollectorService): void {
  /** The schema of a body is for documentation: its reader names every problem, and knows durations, classes and addresses. */
  const validatorCompiler: FastifySchemaCompiler<unknown> = (part) => {
    const others = app.validatorCompiler as FastifySchemaCompiler<unknown> | undefined;
    return part.httpPart === 'body' || others === undefined ? () => true : others(part);
  };

  app.get('/v1/groups', { schema: LIST }, () => ({
    groups: service.heldGroups().map((held) => summary(held, service)),
  }));

  app.get<Named>('/v1/groups/:name', { schema: READ }, (request, reply) => {
    const held = service.heldGroup(request.params.name);
    if (held === undefined) throw unknownGroup(request.params.name, service);
    const { ifNoneMatch } = conditionsOf(request);
    if (ifNoneMatch !== undefined && hasTag(ifNoneMatch, held)) return reply.code(304).header('etag', held.etag).send();
    return sendGroup(reply, held, service);
  });

  app.post<Changing>('/v1/groups', { schema: CREATE, validatorCompiler }, async (request, reply) => {
    const name = isRecord(request.body) ? request.body.name : undefined;
    if (typeof name !== 'string') throw missingName(request.body, name);
    const group = await parseGroupInTurns(withoutAnswerKeys(request.body), name, pause);
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
    const group = await parseGroupInTurns(withoutAnswerKeys(request.body), name, pause);
    return answer(reply, name, await changed(request, name, () => group));
  });

  app.delete<Named & Changing>('/v1/groups/:name', { schema: REMOVE }, async (request, reply) => {
    const { name } = request.params;
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
      const patch = await parseTargetsPatch(request.body, pause);
      const change = await changed(request, name, (held) => {
        if (held === undefined) throw unknownGroup(name, service);
        return patchTargets(held.group, patch);
      });
      if ('dryRun' in change) return change.dryRun;
      const { after } = change;
      if (after === undefined) throw unknownGroup(name, service);
      // Not the targets: whoever sends three of ten thousand does not want all of them back.
      reply.header('etag', after.etag);
      return summary(after, service);
    },
  );

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
const ANSWER_KEYS: readonly string[] = ['name', 'origin', 'hidesFile', 'discovery'];

function withoutAnswerKeys(body: unknown): unknown {
  if (!isRecord(body)) return body;
  return Object.fromEntries(Object.entries(body).filter(([key]) => !ANSWER_KEYS.includes(key)));
}

function missingName(body: unknown, name: unknown): LlamaError {
  if (!isRecord(body))
    return invalidGroup([{ path: '', message: `found ${found(body)}, expected a map with name and targets` }]);
  return invalidGroup([{ path: '/name', message: `found ${found(name)}, expected the name of the new group` }]);
}

/** Where a group comes from; and whether it hides one of the config file. */
function originOf(held: HeldGroup, service: CollectorService) {
  const hidesFile = held.origin === 'api' && service.inFile(held.group.name);
  return { name: held.group.name, origin: held.origin, ...(hidesFile ? { hidesFile } : {}) };
}

/** The text is JSON already: a group of ten thousand targets costs nothing here. How its source does is shown beside it, and not part of its tag. */
function sendGroup(reply: FastifyReply, held: HeldGroup, service: CollectorService): FastifyReply {
  const head = JSON.stringify(originOf(held, service)).slice(0, -1);
  const discovery = service.discoveryStatus(held.group.name);
  const status = discovery === undefined ? '' : `,"discovery":${JSON.stringify(discovery)}`;
  return reply
    .header('etag', held.etag)
    .type('application/json; charset=utf-8')
    .send(`${head},${held.text.slice(1, -1)}${status}}`);
}

function summary(held: HeldGroup, service: CollectorService): GroupSummary {
  const { group } = held;
  const { protocol, port, period, timeout, payloadBytes, skipSelf } = groupToJson({ ...group, targets: [] });
  const { targets, paths, probesPerSecond } = groupFigures(group, service.config.source.ports);
  return {
    ...originOf(held, service),
    protocol,
    port,
    period,
    timeout,
    classes: group.classes.map(({ name }) => name),
    payloadBytes,
    ...(skipSelf === undefined ? {} : { skipSelf }),
    ...(group.from === undefined ? {} : { source: group.from.kind }),
    targets,
    paths,
    probesPerSecond,
  };
}

function unknownGroup(name: string, service: CollectorService): LlamaError {
  const known = service.groups().map((group) => group.name);
  const some = known.slice(0, 10).join(', ');
  const expected =
    known.length === 0 ? 'there are no groups' : `expected one of ${some}${known.length > 10 ? ', …' : ''}`;
  return new LlamaError('LLAMA_GROUP_UNKNOWN', `found the group name "${name}", ${expected}`);
}
