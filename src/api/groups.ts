/** `/v1/groups`: what is probed, live. A group has the shape that it has in the config file, and is checked by the same code. */

import type { FastifyInstance } from 'fastify';
import type { CollectorService } from '../collector/service.js';
import { groupToJson, parseGroup } from '../config/group.js';
import { GroupSchema } from '../config/group-schema.js';
import { groupFigures } from '../config/limits.js';
import { isRecord } from '../config/problems.js';
import type { Group } from '../config/types.js';
import { LlamaError } from '../errors.js';
import { GroupList, GroupParams, type GroupSummary, NoQuery } from './schemas.js';

const tags = ['groups'];
const LIST = { operationId: 'listGroups', summary: 'All groups, without their targets', tags };
const READ = {
  operationId: 'getGroup',
  summary: 'One group, as a config would have it',
  tags,
  problems: ['LLAMA_GROUP_UNKNOWN'],
} as const;
const SET = {
  operationId: 'putGroup',
  summary: 'Make a group, or replace it',
  tags,
  problems: ['LLAMA_GROUP_INVALID', 'LLAMA_PLAN_TOO_LARGE', 'LLAMA_NOT_READY'],
} as const;
const REMOVE = {
  operationId: 'deleteGroup',
  summary: 'Remove a group',
  tags,
  problems: ['LLAMA_GROUP_UNKNOWN', 'LLAMA_NOT_READY'],
} as const;
const REPLACED = { ...GroupSchema, description: 'replaced: the group that is now in force' };
const CREATED = { ...GroupSchema, description: 'new: the group that is now in force' };
const REMOVED = { type: 'null', description: 'removed' };

interface Named {
  readonly Params: { readonly name: string };
}

export function groupRoutes(app: FastifyInstance, service: CollectorService): void {
  app.get('/v1/groups', { schema: { ...LIST, querystring: NoQuery, response: { 200: GroupList } } }, () => ({
    groups: service.groups().map((group) => summary(group, service.config.source.ports)),
  }));

  app.get<Named>(
    '/v1/groups/:name',
    {
      schema: { ...READ, params: GroupParams, querystring: NoQuery, response: { 200: GroupSchema } },
    },
    (request) => {
      const group = service.group(request.params.name);
      if (group === undefined) throw unknownGroup(request.params.name, service);
      return shown(group, service);
    },
  );

  app.put<Named>(
    '/v1/groups/:name',
    {
      schema: { ...SET, params: GroupParams, body: GroupSchema, response: { 200: REPLACED, 201: CREATED } },
      // The schema is for documentation here: `parseGroup` names every problem, and knows durations, classes and addresses.
      validatorCompiler: () => () => true,
    },
    async (request, reply) => {
      const group = parseGroup(withoutDiscovery(request.body), request.params.name);
      const { created } = await service.putGroup(group);
      if (created) reply.code(201).header('location', `/v1/groups/${group.name}`);
      return shown(group, service);
    },
  );

  app.delete<Named>(
    '/v1/groups/:name',
    { schema: { ...REMOVE, params: GroupParams, querystring: NoQuery, response: { 204: REMOVED } } },
    async (request, reply) => {
      if (service.group(request.params.name) === undefined) throw unknownGroup(request.params.name, service);
      await service.deleteGroup(request.params.name);
      return reply.code(204).send();
    },
  );
}

/** A group as it would be written in a config, and beside it how its source does. */
function shown(group: Group, service: CollectorService): object {
  const discovery = service.discoveryStatus(group.name);
  return { ...groupToJson(group), ...(discovery === undefined ? {} : { discovery }) };
}

/** What `GET` shows beside a group may come back in a `PUT`; it sets nothing. */
function withoutDiscovery(body: unknown): unknown {
  if (!isRecord(body)) return body;
  const { discovery: _discovery, ...group } = body;
  return group;
}

function summary(group: Group, sourcePorts: number): GroupSummary {
  const { targets: _targets, ...settings } = groupToJson(group);
  const { targets, paths, probesPerSecond } = groupFigures(group, sourcePorts);
  return {
    name: group.name,
    ...settings,
    classes: group.classes.map(({ name }) => name),
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
