/** Privileges of this process that the protocol of a group needs. */

import { LlamaError } from '../../base/errors.js';
import type { Group } from '../../config/types.js';
import { missingPrivilege } from '../../net/privilege.js';
import { transportOf } from '../../threads/messages.js';

/** Why this process can't probe by the protocol of a group; undefined when it can. */
export function whyNotPrivileged({ protocol }: Pick<Group, 'protocol'>): LlamaError | undefined {
  const transport = transportOf(protocol);
  return transport === 'udp' ? undefined : missingPrivilege(transport);
}

/** The first group that can't be probed, as an error with its problems; undefined when all can be. */
export function privilegeProblem(
  groups: readonly Group[],
  whyNot: (group: Group) => LlamaError | undefined = whyNotPrivileged,
): LlamaError | undefined {
  for (const group of groups) {
    const error = whyNot(group);
    if (error !== undefined)
      return new LlamaError(error.code, `group ${group.name}: ${error.message}`, {
        cause: error,
        problems: error.problems.length > 0 ? error.problems : [{ path: '/protocol', message: error.message }],
      });
  }
  return undefined;
}
