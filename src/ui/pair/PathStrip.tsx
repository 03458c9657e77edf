/** A cell for each source port, which is for each path through the fabric: loss above, latency below. */

import { formatLoss, formatUs } from '../lib/format.js';
import { isRemarked, lossLevel, type PathSum, timeLevels } from './paths.js';

interface StripProps {
  readonly name: string;
  readonly paths: readonly PathSum[];
  readonly lossBounds: readonly number[];
  readonly timeBounds: readonly number[];
}

const levelClass = (level: number): string => (level < 0 ? 'gone' : `level${level}`);

export function PathStrip({ name, paths, lossBounds, timeBounds }: StripProps) {
  const times = timeLevels(paths, timeBounds);
  const bad = paths.filter((path) => lossLevel(path, lossBounds) > 0);
  return (
    <figure class="strip">
      <figcaption>
        <b>{name}</b>{' '}
        {bad.length === 0
          ? `no loss on any of ${paths.length} source ports`
          : `${bad.length} of ${paths.length} source ports lose: ${ports(bad)}${direction(bad)}`}
        {remarkedText(paths)}
      </figcaption>
      <ul class="strip-cells" aria-label={`Source ports of ${name}`}>
        {paths.map((path, i) => {
          const loss = lossLevel(path, lossBounds);
          const says = `source port ${path.sourcePort}: ${formatLoss(path.lossPct)} of ${path.sent} lost, ${
            Number.isNaN(path.meanUs) ? 'no reply' : `mean ${formatUs(path.meanUs)}, max ${formatUs(path.maxUs)}`
          }`;
          return (
            <li
              key={`${path.collector} ${path.sourcePort}`}
              class={loss > 0 ? 'path bad' : 'path'}
              title={says}
              data-port={path.sourcePort}
              data-level={loss}
              aria-label={says}
            >
              <span class={levelClass(loss)} aria-hidden="true">
                {loss > 0 ? Math.max(1, Math.round(path.lossPct)) : ''}
              </span>
              <span class={levelClass(times[i] ?? -1)} aria-hidden="true" />
              <small aria-hidden="true">{path.sourcePort}</small>
            </li>
          );
        })}
      </ul>
    </figure>
  );
}

const MOST_PORTS = 8;
function ports(bad: readonly PathSum[]): string {
  const sorted = [...bad].sort((a, b) => b.lossPct - a.lossPct);
  const listed = sorted.slice(0, MOST_PORTS).map(({ sourcePort, lossPct }) => `${sourcePort} (${formatLoss(lossPct)})`);
  return listed.join(', ') + (sorted.length > MOST_PORTS ? ' …' : '');
}

/** Which way it was lost, where that is known of any. */
function direction(bad: readonly PathSum[]): string {
  const sum = (pick: (path: PathSum) => number | undefined): number =>
    bad.reduce((all, path) => all + (pick(path) ?? 0), 0);
  const [failed, forward, reverse] = [
    sum((path) => path.failed),
    sum((path) => path.forward),
    sum((path) => path.reverse),
  ];
  if (forward + reverse === 0) return '';
  const unknown = failed - forward - reverse;
  return `; ${forward} on the way there, ${reverse} on the way back${unknown > 0 ? `, ${unknown} not known` : ''}`;
}

/** Says when the network rewrites the class of some paths, or of all. */
function remarkedText(paths: readonly PathSum[]): string {
  const remarked = paths.filter(isRemarked);
  const [first] = remarked;
  if (first?.marking === undefined) return '';
  const { sent, forward, reverse } = first.marking;
  return `; ${remarked.length} re-marked: sent with DSCP ${sent}, arrived with ${forward ?? '?'}, came back with ${reverse ?? '?'}`;
}
