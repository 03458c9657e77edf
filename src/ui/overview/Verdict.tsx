/** The answer in two sentences: what the network does, and what the tool does. */

import { formatAge, formatCount, formatLoss } from '../lib/format.js';
import type { OwnTrouble, Row, Trouble } from './data.js';
import type { Onset } from './onset.js';

interface VerdictProps {
  readonly rows: readonly Row[];
  readonly bad: readonly Row[];
  readonly troubles: readonly Trouble[];
  readonly own: readonly OwnTrouble[];
  readonly loaded: boolean;
  readonly away: boolean;
  readonly scrapes: boolean;
}

export function sinceText({ sinceMs, knownMs }: Onset): string {
  const ms = sinceMs ?? knownMs;
  const time = new Date(ms).toLocaleTimeString('en-GB');
  return sinceMs === undefined ? `before ${time}` : `${time} (${formatAge(Date.now() - ms)})`;
}

export function Verdict({ rows, bad, troubles, own, loaded, away, scrapes }: VerdictProps) {
  const stale = rows.filter((row) => row.stale).length;
  const network = networkText(rows, bad, troubles, loaded);
  const now = own.filter((one) => one.now);
  const state = away || !loaded ? 'unknown' : bad.length > 0 ? 'bad' : 'good';
  return (
    <div class="verdict">
      <div class={`answer ${state}`}>
        <h1>Network</h1>
        <p class="head">{away ? 'Unknown: nothing new comes.' : network.head}</p>
        <p>{away ? 'What is shown below is of the time before.' : network.text}</p>
      </div>
      <div class={`answer ${now.length > 0 || stale > 0 || away ? 'warn' : loaded ? 'good' : 'unknown'}`}>
        <h1>Tool</h1>
        <p class="head">
          {away
            ? 'It does not answer.'
            : now.length > 0
              ? `${now.length === 1 ? 'One trouble' : `${now.length} troubles`} of its own.`
              : stale > 0
                ? `${formatCount(stale)} of ${formatCount(rows.length)} rows are stale.`
                : loaded
                  ? 'It is well.'
                  : '…'}
        </p>
        <p>
          {now[0]?.text ??
            (stale > 0
              ? 'Their collector sends nothing new: they say nothing about the network.'
              : scrapes
                ? 'Every collector answers; what is wrong inside one is on its own page.'
                : 'What is shown is the network and not the tool.')}
        </p>
      </div>
    </div>
  );
}

function networkText(
  rows: readonly Row[],
  bad: readonly Row[],
  troubles: readonly Trouble[],
  loaded: boolean,
): { head: string; text: string } {
  if (!loaded) return { head: '…', text: '' };
  if (rows.length === 0)
    return { head: 'Nothing is measured yet.', text: 'The first interval is not finished, or there are no groups.' };
  const [first] = troubles;
  if (bad.length === 0 || first === undefined)
    return { head: 'No loss.', text: `All ${formatCount(rows.length)} pairs and classes answer.` };
  const classes = [...new Set(bad.map((row) => row.class))];
  const all = new Set(rows.map((row) => row.class)).size;
  const since = troubles
    .flatMap(({ onset }) => (onset === undefined ? [] : [onset]))
    .sort((a, b) => (a.sinceMs ?? 0) - (b.sinceMs ?? 0))[0];
  const parts = [
    `worst ${formatLoss(first.row.value ?? 0)} from ${first.row.source} to ${first.row.target}`,
    classes.length === all && all > 1 ? 'every class' : `class ${classes.slice(0, 4).join(', ')}`,
    ...(since === undefined ? [] : [`since ${sinceText(since)}`]),
    ...pathText(first),
  ];
  return {
    head: `${formatCount(bad.length)} of ${formatCount(rows.length)} pairs and classes lose probes.`,
    text: `${parts.join(' · ')}.`,
  };
}

function pathText({ badPorts, ports }: Trouble): string[] {
  if (ports === 0 || badPorts.length === 0) return [];
  if (badPorts.length === ports) return ['on every path'];
  return [`on ${badPorts.length} of ${ports} source ports: some paths of the fabric, not all`];
}
