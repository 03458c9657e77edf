/** The state of the sources of targets, for Prometheus: one series for each group with a source. */

import { Counter, Gauge, type Registry } from 'prom-client';
import { msToS } from '../../../base/units.js';
import type { CollectorService } from '../../../collector/service.js';

/** Adds the metrics to a registry; the returned function sets them to their current values. */
export function addSourceMetrics(registry: Registry, service: CollectorService): () => void {
  const named = (name: string, help: string) => ({ name, help, labelNames: ['group'], registers: [registry] });
  const up = new Gauge(
    named('llama_target_source_up', "1 while the latest answer of the group's source of targets is in force, else 0."),
  );
  const age = new Gauge(
    named(
      'llama_target_source_age_seconds',
      "Time since the group's source of targets last gave a good answer, in this run or an earlier one; absent before the first.",
    ),
  );
  const targets = new Gauge(
    named('llama_target_source_targets', 'Targets in force of a group that has them from a source.'),
  );
  const failures = new Counter(
    named(
      'llama_target_source_keep_failures_total',
      'How often the last good targets of the group could not be written to the state directory.',
    ),
  );
  return () => {
    for (const metric of [up, age, targets, failures]) metric.reset();
    for (const { group } of service.activeGroups()) {
      const status = service.discoveryStatus(group.name);
      if (status === undefined) continue;
      const of = { group: group.name };
      up.set(of, status.error === null && status.updatedAt !== null && !status.restored ? 1 : 0);
      if (status.ageMs !== null) age.set(of, msToS(status.ageMs));
      targets.set(of, status.targets);
      failures.inc(of, status.keepFailures);
    }
  };
}
