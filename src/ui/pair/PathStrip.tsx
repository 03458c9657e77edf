/** A cell for each source port, hence for each path through the fabric: loss above, latency below. */

import { formatLoss, formatUs } from '../lib/format.js';
import { isRemarked, lossLevel, type PathSum, timeLevels } from './paths.js';

interface StripProps {
  readonly name: string;
  readonly paths: readonly PathSum[];
  readonly lossBounds: readonly number[];
  readonly timeBounds: readonly number[];
}

const lossClass = (level: number): string => (level < 0 ? 'unmeasured' : `level${level}`);
const timeClass = (level: number): string => (level < 0 ? 'gone' : `level${level}`);

function pathText({ sourcePort, sent, received, lossPct, reason, refused, meanUs, maxUs }: PathSum): string {
  const why = reason === null ? '' : `, ${reason}`;
  if (received === 0 || refused) return `source port ${sourcePort}: ${reason ?? 'not measured'}`;
  const times = Number.isNaN(meanUs) ? 'no round trip' : `mean ${formatUs(meanUs)}, max ${formatUs(maxUs)}`;
  return `source port ${sourcePort}: loss ${formatLoss(lossPct ?? 0)} of ${sent}, ${times}${why}`;
}

export function PathStrip({ name, paths, lossBounds, timeBounds }: StripProps) {
  const times = timeLevels(paths, timeBounds);
  const bad = paths.filter((path) => lossLevel(path, lossBounds) > 0);
  return (
    <figure class="strip">
      <figcaption>
        <b>{name}</b> {stripText(paths, bad)}
        {remarkedText(paths)}
      </figcaption>
      <ul class="strip-cells" aria-label={`Source ports of ${name}`}>
        {paths.map((path, i) => {
          const loss = lossLevel(path, lossBounds);
          const says = pathText(path);
          return (
            <li
              key={path.sourcePort}
              class={loss > 0 ? 'path bad' : 'path'}
              title={says}
              data-port={path.sourcePort}
              data-level={loss}
              aria-label={says}
            >
              <span class={lossClass(loss)} aria-hidden="true">
                {cellText(path, loss)}
              </span>
              <span class={timeClass(times[i] ?? -1)} aria-hidden="true" />
              <small aria-hidden="true">{path.sourcePort}</small>
            </li>
          );
        })}
      </ul>
    </figure>
  );
}

function cellText({ received, failing, lossPct }: PathSum, level: number): string {
  if (level < 0) return '?';
  if (level === 0) return '';
  const pct = lossPct ?? 0;
  return (received === 0 || failing) && pct === 0 ? '✕' : String(Math.max(1, Math.round(pct)));
}

/** The content of the strip, in words. */
function stripText(paths: readonly PathSum[], bad: readonly PathSum[]): string {
  const unmeasured = paths.filter((path) => lossLevel(path, []) < 0);
  const measured = paths.length - unmeasured.length;
  const firstReason = (of: readonly PathSum[]): string => {
    const reason = of.find((path) => path.reason !== null)?.reason;
    return reason === undefined || reason === null ? '' : `, ${reason}`;
  };
  return [
    ...(unmeasured.length === 0
      ? []
      : [`${unmeasured.length} of ${paths.length} source ports not measured${firstReason(unmeasured)}`]),
    ...(measured === 0
      ? []
      : bad.length === 0
        ? [`no loss on any of ${measured} source ports`]
        : [`${bad.length} of ${measured} source ports lose: ${ports(bad)}${firstReason(bad)}${direction(bad)}`]),
  ].join('; ');
}

const MOST_PORTS = 8;
function ports(bad: readonly PathSum[]): string {
  const sorted = [...bad].sort((a, b) => (b.lossPct ?? 0) - (a.lossPct ?? 0));
  const listed = sorted
    .slice(0, MOST_PORTS)
    .map(({ sourcePort, received, failing, lossPct }) =>
      received === 0 || failing ? `${sourcePort} (no answer)` : `${sourcePort} (${formatLoss(lossPct ?? 0)})`,
    );
  return listed.join(', ') + (sorted.length > MOST_PORTS ? ' …' : '');
}

/** Which way it was lost, where that is known of any. */
function direction(bad: readonly PathSum[]): string {
  const sum = (pick: (path: PathSum) => number | undefined): number =>
    bad.reduce((all, path) => all + (pick(path) ?? 0), 0);
  const [failed, forward, reverse] = [
    sum((path) => path.lost + path.unreachable),
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
