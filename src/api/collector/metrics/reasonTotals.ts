/**
 * Why probes were not sent or came back as unreachable, summed over all finished intervals, by group: errnos and ICMP
 * errors for Prometheus. A series appears with the first such probe, and goes with its group.
 */

import type { StoredInterval } from '../../../collector/results/results.js';
import type { Group } from '../../../config/types.js';
import { errnoName } from '../../../net/libc.js';
import { Outcome } from '../../../ring/ring.js';
import { REASON_WORDS, type Reason, readReason } from '../../../stats/reasonCounts.js';
import { icmpReason } from '../../../stats/reasons.js';
import type { Named } from './seriesText.js';
import { label } from './totals.js';

const BY_ERRNO: Named = {
  name: 'llama_group_send_errors_by_errno_total',
  help: 'Probes that the kernel refused to send, in all finished intervals, by group and errno.',
};
const BY_ICMP: Named = {
  name: 'llama_group_unreachable_by_icmp_total',
  help: 'Probes answered by an ICMP error, in all finished intervals, by group and by type and code in words.',
};

export class ReasonTotals {
  private readonly sourcePorts: number;
  /** By group name, then by the other labels. */
  private byGroup = new Map<string, { readonly errnos: Map<string, number>; readonly icmp: Map<string, number> }>();

  constructor(sourcePorts: number) {
    this.sourcePorts = sourcePorts;
  }

  /** Forgets groups that are no longer in the plan. */
  follow(groups: readonly Group[]): void {
    if (this.byGroup.size === 0) return;
    const names = new Set(groups.map(({ name }) => name));
    for (const name of this.byGroup.keys()) if (!names.has(name)) this.byGroup.delete(name);
  }

  add({ report, infos }: StoredInterval): void {
    const { pathReasons, paths } = report;
    if (pathReasons.length === 0) return;
    const groups = new Map(infos.map(({ id, group }) => [id, group.name]));
    for (let at = 0; at < pathReasons.length; at += 1 + REASON_WORDS) {
      const group = groups.get(Math.floor(paths[pathReasons[at]] / this.sourcePorts));
      if (group !== undefined) this.count(group, readReason(pathReasons, at + 1));
    }
  }

  /** Text exposition of both metrics. */
  text(): string {
    return this.metric(BY_ERRNO, 'errnos') + this.metric(BY_ICMP, 'icmp');
  }

  private count(group: string, { count, outcome, errno, version, type, code }: Reason): void {
    // Neither metric counts probes that were too big.
    if (outcome === Outcome.tooBig) return;
    let known = this.byGroup.get(group);
    if (known === undefined) {
      known = { errnos: new Map(), icmp: new Map() };
      this.byGroup.set(group, known);
    }
    const [counts, labels] =
      outcome === Outcome.unreachable
        ? [known.icmp, label('reason', icmpReason(version, type, code))]
        : [known.errnos, label('errno', errnoName(errno))];
    counts.set(labels, (counts.get(labels) ?? 0) + count);
  }

  private metric({ name, help }: Named, kind: 'errnos' | 'icmp'): string {
    const lines = [...this.byGroup].flatMap(([group, known]) =>
      [...known[kind]].map(([labels, count]) => `${name}{${label('group', group)},${labels}} ${count}\n`),
    );
    return `# HELP ${name} ${help}\n# TYPE ${name} counter\n${lines.join('')}`;
  }
}
