/** The effect of a change, shown before it is made. */

import { formatCount } from '../lib/format.js';
import type { DryRun } from '../lib/types.js';
import { HeadRow } from '../shell/HeadRow.js';

const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
const bits = (bytes: number): string => `${((bytes * 8) / 1e6).toFixed(2)} Mbit/s`;

export function DryRunTable({ plan }: { plan: DryRun }) {
  const { targets, paths, group, total, budget } = plan;
  const share = (total.probesPerSecond / Math.max(1, budget.probesPerSecond)) * 100;
  return (
    <div class="dry-run" role="status">
      <h3>
        This would {plan.action} <b>{plan.name}</b>
      </h3>
      <ul>
        <li>
          targets: {formatCount(targets.added)} added, {formatCount(targets.removed)} removed,{' '}
          {formatCount(targets.kept)} kept
          {targets.retagged > 0 && `, ${formatCount(targets.retagged)} of them with other tags`}
        </li>
        <li>
          paths: {formatCount(paths.added)} added, {formatCount(paths.removed)} removed, {formatCount(paths.kept)} kept
        </li>
        {plan.restarts && <li class="warn">The timing changes: every path of the group begins anew.</li>}
      </ul>
      <table class="numbers">
        <thead>
          <HeadRow names={['', 'targets', 'paths', 'probes a second', 'each way', 'memory']} />
        </thead>
        <tbody>
          {(
            [
              ['this group', group],
              ['all groups', total],
            ] as const
          ).map(([name, figures]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>{formatCount(figures.targets)}</td>
              <td>{formatCount(figures.paths)}</td>
              <td>{formatCount(Math.round(figures.probesPerSecond))}</td>
              <td>{bits(figures.bytesPerSecond)}</td>
              <td>{mib(figures.memoryBytes)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="quiet">
        {share.toFixed(share < 10 ? 1 : 0)} % of the {formatCount(budget.probesPerSecond)} probes a second that the
        collector may send, on {plan.threads} threads.
      </p>
    </div>
  );
}
