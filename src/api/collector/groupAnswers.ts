/** The API's answers about groups: whole groups, summaries, and why a group is missing. */

import type { FastifyReply } from 'fastify';
import { LlamaError } from '../../base/errors.js';
import type { ActiveGroup, GroupOrigin, KnownGroup, SuspendedGroup } from '../../collector/groups/groupRecord.js';
import type { CollectorService } from '../../collector/service.js';
import { groupToJson } from '../../config/group/group.js';
import { groupFigures } from '../../config/group/limits.js';
import type { GroupSummary, WaitingSummary } from '../server/schemas.js';

/** The origin of a group, and whether it overrides one of the config file. */
function originOf(name: string, origin: GroupOrigin, service: CollectorService) {
  const hidesFile = origin === 'api' && service.inFile(name);
  return { name, origin, ...(hidesFile ? { hidesFile } : {}) };
}

/** A group that is not in force, with the reason. */
export function waitingSummary({ name, origin, reason }: SuspendedGroup, service: CollectorService): WaitingSummary {
  return { ...originOf(name, origin, service), notInForce: reason };
}

/**
 * The text is JSON already: a group of ten thousand targets costs nothing here. The state of its source is sent in
 * addition, and is not part of its tag.
 */
export function sendGroup(reply: FastifyReply, known: KnownGroup, service: CollectorService): FastifyReply {
  const about = 'reason' in known ? waitingSummary(known, service) : originOf(known.group.name, known.origin, service);
  const discovery = service.discoveryStatus(about.name);
  const parts = [
    JSON.stringify(about).slice(1, -1),
    known.text.slice(1, -1),
    discovery === undefined ? '' : `"discovery":${JSON.stringify(discovery)}`,
  ];
  return reply
    .header('etag', known.etag)
    .type('application/json; charset=utf-8')
    .send(`{${parts.filter((part) => part !== '').join()}}`);
}

export function summary(held: ActiveGroup, service: CollectorService): GroupSummary {
  const { group } = held;
  const {
    protocol,
    port,
    period,
    timeout,
    payloadBytes,
    dontFragment,
    anySource,
    sourcePorts,
    sourceInterface,
    skipSelf,
  } = groupToJson({
    ...group,
    targets: [],
  });
  const { targets, paths, probesPerSecond } = groupFigures(group, service.config.source.ports);
  return {
    ...originOf(group.name, held.origin, service),
    protocol,
    port,
    period,
    timeout,
    classes: group.classes.map(({ name }) => name),
    ...(payloadBytes === undefined ? {} : { payloadBytes }),
    ...(dontFragment === undefined ? {} : { dontFragment }),
    ...(anySource === undefined ? {} : { anySource }),
    ...(sourcePorts === undefined ? {} : { sourcePorts }),
    ...(sourceInterface === undefined ? {} : { sourceInterface }),
    ...(skipSelf === undefined ? {} : { skipSelf }),
    ...(group.from === undefined ? {} : { source: group.from.kind }),
    targets,
    paths,
    probesPerSecond,
  };
}

export function unreadable(name: string): LlamaError {
  return new LlamaError(
    'LLAMA_GROUP_CONFLICT',
    `found the group ${name} in a form that this version does not read, expected one whose targets are known; GET says why, PUT replaces it`,
  );
}

export function unknownGroup(name: string, service: CollectorService): LlamaError {
  if (service.removedGroups().includes(name))
    return new LlamaError(
      'LLAMA_GROUP_UNKNOWN',
      `found the group name "${name}", which the config file has and which was removed by REST; DELETE /v1/groups/${name}?revert=1 brings it back, PUT makes another`,
    );
  const known = service.groups().map((group) => group.name);
  const some = known.slice(0, 10).join(', ');
  const expected =
    known.length === 0 ? 'there are no groups' : `expected one of ${some}${known.length > 10 ? ', …' : ''}`;
  return new LlamaError('LLAMA_GROUP_UNKNOWN', `found the group name "${name}", ${expected}`);
}
