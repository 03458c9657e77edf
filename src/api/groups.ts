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
import { type DryRun, dryRunOf } from './dryRun.js';
import { requireLocalWriter } from './guard.js';
import { ChangeQuery, GroupList, GroupParams, type GroupSummary, NoQuery } from './schemas.js';
import { parseTargetsPatch, patchTargets, TargetsPatchSchema } from './targetsPatch.js';

interface Named {
  readonly Params: { readonly name: string };
}
interface Changing {
  readonly Querystring: ChangeQuery;
}

/** A group as a `POST` has it: with its name. What `GET` adds may come back in a body; it is not the client's to set. */
const NamedGroupSchema = Type.Object(
  {
    name: Type.String({ description: 'a name of 1 to 64 letters, digits, dots, dashes and underscores' }),
    ...GroupSchema.properties,
  },
  { additionalProperties: false, description: 'a map with name and targets: a named set of targets probed alike' },
);

export function groupRoutes(app: FastifyInstance, service: CollectorService): void {
  /** The schema of a body is for documentation: its reader names every problem, and knows durations, classes and addresses. */
  const validatorCompiler: FastifySchemaCompiler<unknown> = (part) => {
    const others = app.validatorCompiler as FastifySchemaCompiler<unknown> | undefined;
    return part.httpPart === 'body' || others === undefined ? () => true : others(part);
  };

  app.get('/v1/groups', { schema: { querystring: NoQuery, response: { 200: GroupList } } }, () => ({
    groups: service.heldGroups().map((held) => summary(held, service)),
  }));

  app.get<Named>('/v1/groups/:name', { schema: { params: GroupParams, querystring: NoQuery } }, (request, reply) => {
    const held = service.heldGroup(request.params.name);
    if (held === undefined) throw unknownGroup(request.params.name, service);
    const { ifNoneMatch } = conditionsOf(request);
    if (ifNoneMatch !== undefined && hasTag(ifNoneMatch, held)) return reply.code(304).header('etag', held.etag).send();
    return sendGroup(reply, held, service);
  });

  app.post<Changing>(
    '/v1/groups',
    { schema: { querystring: ChangeQuery, body: NamedGroupSchema }, onRequest: requireLocalWriter, validatorCompiler },
    async (request, reply) => {
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
    },
  );

  app.put<Named & Changing>(
    '/v1/groups/:name',
    {
      schema: { params: GroupParams, querystring: ChangeQuery, body: GroupSchema },
      onRequest: requireLocalWriter,
      validatorCompiler,
    },
    async (request, reply) => {
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
    },
  );

  app.delete<Named & Changing>(
    '/v1/groups/:name',
    { schema: { params: GroupParams, querystring: ChangeQuery }, onRequest: requireLocalWriter },
    async (request, reply) => {
      const { name } = request.params;
      const change = await changed(request, name, (held) => {
        if (held === undefined) throw unknownGroup(name, service);
        return undefined;
      });
      return 'dryRun' in change ? change.dryRun : reply.code(204).send();
    },
  );

  app.patch<Named & Changing>(
    '/v1/groups/:name/targets',
    {
      schema: { params: GroupParams, querystring: ChangeQuery, body: TargetsPatchSchema },
      onRequest: requireLocalWriter,
      validatorCompiler,
    },
    async (request, reply) => {
      const { name } = request.params;
      const patch = parseTargetsPatch(request.body);
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
const ANSWER_KEYS: readonly string[] = ['name', 'origin', 'hidesFile'];

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

/** The text is JSON already: a group of ten thousand targets costs nothing here. */
function sendGroup(reply: FastifyReply, held: HeldGroup, service: CollectorService): FastifyReply {
  const head = JSON.stringify(originOf(held, service)).slice(0, -1);
  return reply
    .header('etag', held.etag)
    .type('application/json; charset=utf-8')
    .send(`${head},${held.text.slice(1)}`);
}

function summary(held: HeldGroup, service: CollectorService): GroupSummary {
  const { group } = held;
  const { targets: _targets, classes: _classes, ...settings } = groupToJson({ ...group, targets: [] });
  const { targets, paths, probesPerSecond } = groupFigures(group, service.config.source.ports);
  return {
    ...originOf(held, service),
    ...settings,
    classes: group.classes.map(({ name }) => name),
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
