/** Words for `warnings` what results lack when this kernel refuses a packet feature. Pure. */

import type { TimestampMode } from '../../config/types.js';
import type { Refusals, SocketFeature, Stamps } from '../../net/features.js';
import type { Family } from './sourceSet.js';

type Refused = ReadonlyMap<Family, Refusals>;

/** Features that the collector uses, and the consequence of their refusal. */
const LACKS: Partial<Record<SocketFeature, string>> = {
  sendStamps:
    'the kernel gives no send time stamps: RTTs begin before the system call that sends, so they include the time in which this host sends a batch',
  receiveStamps:
    'the kernel gives no receive time stamps: RTTs end when a thread of this process reads the reply, so they include the delays of this host',
  stampNanoseconds: 'the kernel stamps replies in whole microseconds: an RTT may be up to 1 us too short',
  icmpErrors:
    'the kernel delivers no ICMP errors: unreachable targets and probes that are too big for the path are reported as lost, without a reason',
  tos: 'the kernel does not deliver the marking of replies: dscpReverse is unknown, and remarked and ceMarks know the way out only',
  ttl: 'the kernel does not deliver the TTL of replies: hopsReverse is unknown, and hopChanges knows the way out only',
  dontFragment: 'the kernel lets no socket forbid fragmentation: groups with dontFragment are not in force',
  queueDrops:
    'the kernel does not say what receive queues drop: replies that this host drops are reported as lost, localDrops stays 0',
};

/** The requested time stamps that sockets of every family support. */
export function grantedStamps(wanted: TimestampMode, refused: Refused): Stamps {
  const lacks = (feature: SocketFeature): boolean => [...refused.values()].some((refusals) => refusals.has(feature));
  if (lacks('receiveStamps')) return 'none';
  return wanted === 'full' && lacks('sendStamps') ? 'receive' : wanted;
}

/** A line for each feature that is refused. `wanted`: stamps that are not wanted are not missed. */
export function lacksOf(wanted: TimestampMode, refused: Refused): string[] {
  return Object.entries(LACKS).flatMap(([name, lack]) => {
    const feature = name as SocketFeature;
    if (feature === 'sendStamps' && wanted !== 'full') return [];
    const found = [...refused].filter(([, refusals]) => refusals.has(feature));
    if (found.length === 0) return [];
    const families = found.map(([family, refusals]) => `IPv${family}: ${refusals.get(feature)}`);
    return [`${lack} (${families.join(', ')})`];
  });
}
