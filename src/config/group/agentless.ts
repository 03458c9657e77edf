/** Constraints on a group that probes without a reflector: ports, and how SYNs keep apart from each other. */

import { formatDuration } from '../../base/units.js';
import type { Protocol } from '../../wire/protocol.js';
import type { Path, Report } from '../files/problems.js';
import type { Group } from '../types.js';
import { PROTOCOLS } from './groupFormat.js';

type Input = Readonly<Record<string, unknown>>;

/** The default port of targets. A wrong type was reported already. */
export function readPort(input: Input, protocol: Protocol, report: Report): number {
  const { port } = input;
  if (port === undefined) return PROTOCOLS[protocol].port;
  if (typeof port !== 'number') return 0;
  checkPort(port, protocol, ['port'], report);
  return protocol === 'icmp' ? 0 : port;
}

/** Reports a port that the protocol does not have. */
export function checkPort(port: number, protocol: Protocol, path: Path, report: Report): void {
  if (protocol === 'icmp' && port !== 0)
    report(path, `found ${port}, expected no port, for icmp has none; take it out`);
  else if (protocol !== 'icmp' && protocol !== 'tcp-syn' && port === 0)
    report(path, `found 0, expected a port from 1 to 65535: only tcp-syn probes port 0, and this is ${protocol}`);
}

/** Number of source ports that probes leave from, where a group limits it. */
export function readSourcePorts({ sourcePorts }: Input, protocol: Protocol, report: Report): number | undefined {
  if (typeof sourcePorts !== 'number') return undefined;
  if (protocol === 'icmp')
    report(
      ['sourcePorts'],
      'found sourcePorts with protocol icmp, expected none, for icmp has no ports: every target has one path for each class; take it out',
      'key',
    );
  return sourcePorts;
}

/**
 * A server that has not yet seen the end of a connection accepts no second SYN for it, of any class. So one SYN at a
 * time is outstanding between two ports; otherwise a server that answers slowly would seem to lose probes.
 */
export function checkTiming({ protocol, periodNs, timeoutNs, classes }: Group, report: Report): void {
  if (protocol !== 'tcp-syn' || periodNs === 0 || periodNs >= timeoutNs * classes.length) return;
  report(
    ['period'],
    `found ${formatDuration(periodNs)} with a timeout of ${formatDuration(timeoutNs)} and ${classes.length} classes, expected a period of tcp-syn to be at least as long as the timeouts of its classes together, ${formatDuration(timeoutNs * classes.length)}, for a server takes one SYN at a time from a port; lengthen the period or shorten the timeout`,
  );
}

/**
 * Targets that several tcp-syn groups probe on the same port: their SYNs would collide. The problem of each, by the
 * later group's name.
 */
export function sharedSynTargets(groups: readonly Group[]): Map<string, string> {
  const groupOf = new Map<string, string>();
  const problems = new Map<string, string>();
  for (const { name, protocol, targets } of groups) {
    if (protocol !== 'tcp-syn') continue;
    for (const { address, port } of targets) {
      const key = `${address} ${port}`;
      const first = groupOf.get(key) ?? name;
      groupOf.set(key, first);
      if (first !== name && !problems.has(name))
        problems.set(
          name,
          `found ${address} with TCP port ${port}, which the group ${first} probes, too, expected it in one group of tcp-syn, for a server takes one SYN at a time from a port; remove it from one of the two`,
        );
    }
  }
  return problems;
}
