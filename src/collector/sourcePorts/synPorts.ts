/**
 * SYNs go to port 0 unless a port is configured: a host's kernel answers them with RST, but firewalls commonly drop
 * them, and then a healthy target looks dead. This module finds targets that never answered there, for a warning; it
 * sends nothing.
 */

import { PATH_COLUMNS } from '../../threads/messages.js';
import type { StoredInterval } from '../results/results.js';

const COLUMNS = PATH_COLUMNS.length;
const SENT = PATH_COLUMNS.indexOf('sent');
const RECEIVED = PATH_COLUMNS.indexOf('received');
const LOST = PATH_COLUMNS.indexOf('lost');

interface GroupAtPort0 {
  targets: number;
  silent: number;
  /** One of the silent targets. */
  example: string;
}

/** The state of one target of a group. */
interface TargetAtPort0 {
  readonly group: string;
  readonly address: string;
  /** At any time since the target was first probed. */
  answered: boolean;
  sent: number;
  lost: number;
}

export class SynPorts {
  /** By group and address: the targets of the last interval. */
  private targets: ReadonlyMap<string, TargetAtPort0> = new Map();

  /** To be called with each finished interval. */
  see({ report: { rowCounters }, infos }: StoredInterval): void {
    const targets = new Map<string, TargetAtPort0>();
    for (const [row, { group, target }] of infos.entries()) {
      if (group.protocol !== 'tcp-syn' || target.port !== 0) continue;
      const key = `${group.name} ${target.address}`;
      let found = targets.get(key);
      if (found === undefined) {
        const answered = this.targets.get(key)?.answered ?? false;
        found = { group: group.name, address: target.address, answered, sent: 0, lost: 0 };
        targets.set(key, found);
      }
      const at = row * COLUMNS;
      found.sent += rowCounters[at + SENT];
      found.lost += rowCounters[at + LOST];
      found.answered ||= rowCounters[at + RECEIVED] > 0;
    }
    this.targets = targets;
  }

  /** A line for each group with targets that never answered and lost all SYNs in the last interval. */
  get warnings(): string[] {
    const groups = new Map<string, GroupAtPort0>();
    for (const { group, address, answered, sent, lost } of this.targets.values()) {
      const known = groups.get(group) ?? { targets: 0, silent: 0, example: '' };
      groups.set(group, known);
      known.targets += 1;
      if (answered || sent === 0 || lost < sent) continue;
      known.silent += 1;
      known.example ||= address;
    }
    return [...groups].flatMap(([group, { targets, silent, example }]) =>
      silent === 0
        ? []
        : [
            `group ${group}: ${silent} of ${targets} targets never answered a SYN to port 0, the default of tcp-syn, such as ${example}; ` +
              'a firewall likely drops them: set the option port to a TCP port that it lets through, open or closed',
          ],
    );
  }
}
