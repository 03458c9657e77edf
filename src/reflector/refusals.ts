/** How the reflector degrades where the kernel refuses socket options. */

import ipaddr from 'ipaddr.js';
import { LlamaError } from '../base/errors.js';
import type { Family } from '../net/address.js';
import type { Endpoint } from '../net/endpoint.js';
import { type Refusals, refusedFeatures, type SocketFeature } from '../net/features.js';

const LACKS: Partial<Record<SocketFeature, string>> = {
  receiveStamps:
    'the kernel gives no receive time stamps: T2 is the time at which a request is read, so collectors measure the time in the receive queue as part of the network',
  stampNanoseconds:
    'the kernel stamps requests in whole microseconds: T2 may be up to 1 us early, so an RTT may be up to 1 us too short',
  ttl: 'the kernel does not deliver the TTL of requests: replies do not tell it, so collectors know no hops of the way here',
  queueDrops: 'the kernel does not say what receive queues drop: receiveQueueDrops stays 0',
};

/** Features whose absence would make replies wrong or misroute them. */
const NEEDED: Partial<Record<SocketFeature, string>> = {
  tos: 'replies would leave in another class than their requests',
  packetInfo:
    'replies could leave from another address than the one that was asked; listen on each address of this host by a --listen of its own',
};

const known = new Map<Family, Refusals>();

function refusalsOf(family: Family): Refusals {
  const refusals = known.get(family) ?? refusedFeatures(family);
  known.set(family, refusals);
  return refusals;
}

/** Missing features of an endpoint's sockets. @throws LlamaError `LLAMA_SYSTEM_CALL` where replies would be wrong. */
export function withoutFeatures(endpoint: Endpoint): ReadonlySet<SocketFeature> {
  const refusals = refusalsOf(endpoint.family);
  const wildcard = ipaddr.parse(endpoint.address).range() === 'unspecified';
  for (const [feature, refusal] of refusals) {
    const why = NEEDED[feature];
    if (why === undefined || (feature === 'packetInfo' && !wildcard)) continue;
    throw new LlamaError(
      'LLAMA_SYSTEM_CALL',
      `found a kernel that refuses ${refusal} on ${endpoint.address}, expected it to be granted: without it ${why}`,
    );
  }
  return new Set(refusals.keys());
}

/** One line for each missing feature of listeners of these families. */
export function refusalWarnings(families: ReadonlySet<Family>): string[] {
  return Object.entries(LACKS).flatMap(([feature, lack]) => {
    const found = [...families].flatMap((family) => {
      const refusal = refusalsOf(family).get(feature as SocketFeature);
      return refusal === undefined ? [] : [`IPv${family}: ${refusal}`];
    });
    return found.length === 0 ? [] : [`${lack} (${found.join(', ')})`];
  });
}
