/**
 * Conditional requests (RFC 9110, section 13): whether a group is still the one that the client knows. Decided when the
 * change is carried out.
 */

import type { FastifyRequest } from 'fastify';
import { LlamaError } from '../../base/errors.js';
import type { KnownGroup } from '../../collector/groups/groupRecord.js';

export interface Conditions {
  readonly ifMatch: string | undefined;
  readonly ifNoneMatch: string | undefined;
}

export function conditionsOf(request: FastifyRequest): Conditions {
  const text = (value: string | string[] | undefined): string | undefined =>
    Array.isArray(value) ? value.join(',') : value;
  return { ifMatch: text(request.headers['if-match']), ifNoneMatch: text(request.headers['if-none-match']) };
}

/**
 * Whether a list of entity tags (or `*`) has that of the group. A weak tag never matches: groups are compared exactly.
 */
export function hasTag(list: string, held: KnownGroup | undefined): boolean {
  if (list.trim() === '*') return held !== undefined;
  return held !== undefined && list.split(',').some((tag) => tag.trim() === held.etag);
}

/** @throws LlamaError `LLAMA_GROUP_CHANGED` when a condition is false. */
export function mustHold({ ifMatch, ifNoneMatch }: Conditions, name: string, held: KnownGroup | undefined): void {
  const now = held === undefined ? 'there is no such group' : `its ETag is ${held.etag}`;
  if (ifMatch !== undefined && !hasTag(ifMatch, held))
    throw new LlamaError(
      'LLAMA_GROUP_CHANGED',
      `found the group ${name} changed (${now}), expected If-Match: ${ifMatch}; read it again and decide anew`,
    );
  if (ifNoneMatch !== undefined && hasTag(ifNoneMatch, held))
    throw new LlamaError(
      'LLAMA_GROUP_CHANGED',
      `found the group ${name} (${now}), expected none by If-None-Match: ${ifNoneMatch}; read it, or leave the condition out to replace it`,
    );
}
