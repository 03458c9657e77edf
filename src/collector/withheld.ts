/**
 * Groups of the config file whose protocol needs a privilege that this process lacks, or a socket that the kernel refuses. They are left out, shown as not in force, and the others go on;
 * the file is asked again at a reload.
 */

import { setImmediate as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Group } from '../config/types.js';
import { LlamaError } from '../errors.js';
import { missingPrivilege } from '../net/privilege.js';
import { holdGroup, type WaitingGroup } from './held.js';
import { transportOf } from './messages.js';

/** Why this process can't probe by the protocol of a group; undefined when it can. */
export function whyNotPrivileged({ protocol }: Pick<Group, 'protocol'>): LlamaError | undefined {
  const transport = transportOf(protocol);
  return transport === 'udp' ? undefined : missingPrivilege(transport);
}

/** Why a group can't be probed by this process; undefined when it can. */
export type WhyNot = (group: Group) => LlamaError | undefined;

export class WithheldGroups {
  private readonly logger: Logger;
  private readonly withheld = new Map<string, WaitingGroup>();
  private readonly lacking: WhyNot;

  constructor(logger: Logger, lacking: WhyNot = whyNotPrivileged) {
    this.logger = logger;
    this.lacking = lacking;
  }

  all(): readonly WaitingGroup[] {
    return [...this.withheld.values()];
  }

  get(name: string): WaitingGroup | undefined {
    return this.withheld.get(name);
  }

  /** Those of the file's groups that can be probed; the others are remembered, those of before forgotten. */
  async sift(groups: readonly Group[]): Promise<Group[]> {
    this.withheld.clear();
    const allowed: Group[] = [];
    for (const group of groups) {
      const error = this.lacking(group);
      if (error === undefined) {
        allowed.push(group);
        continue;
      }
      const { text, etag } = await holdGroup(group, 'file', pause);
      this.withheld.set(group.name, { name: group.name, group, origin: 'file', text, etag, reason: error.message });
      this.logger.error({ group: group.name, code: error.code, error: error.message }, 'group not in force');
    }
    return allowed;
  }
}

/** The problems of groups that can't be probed without a privilege, as one error; undefined when all can be. */
export function privilegeProblem(groups: readonly Group[], lacking: WhyNot = whyNotPrivileged): LlamaError | undefined {
  for (const group of groups) {
    const error = lacking(group);
    if (error !== undefined)
      return new LlamaError(error.code, `group ${group.name}: ${error.message}`, {
        cause: error,
        problems: error.problems.length > 0 ? error.problems : [{ path: '/protocol', message: error.message }],
      });
  }
  return undefined;
}
