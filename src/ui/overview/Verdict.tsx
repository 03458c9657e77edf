/** The answer in two sentences: what the network does, and what the tool does. */

import { formatAge, formatCount, formatLoss } from '../lib/format.js';
import { clockText } from '../lib/time.js';
import type { OwnTrouble, Trouble } from './data.js';
import type { Onset } from './onset.js';
import type { Summary } from './summary.js';

interface VerdictProps {
  /** undefined: not known yet. */
  readonly summary: Summary | undefined;
  readonly troubles: readonly Trouble[];
  readonly own: readonly OwnTrouble[];
  readonly away: boolean;
  readonly scrapes: boolean;
  /** The end of what is shown, when that is in the past, epoch ms. */
  readonly toMs: number | undefined;
}

export function sinceText({ sinceMs, knownMs }: Onset, atMs = Date.now()): string {
  const ms = sinceMs ?? knownMs;
  const time = clockText(ms);
  return sinceMs === undefined ? `before ${time}` : `${time} (${formatAge(atMs - ms)})`;
}

export function Verdict(props: VerdictProps) {
  const { summary, away, own, toMs } = props;
  const network = networkText(props);
  const tool = toolText(props);
  const ownNow = toMs === undefined && own.some((one) => one.now);
  const stale = summary?.stale ?? 0;
  const state = away || summary === undefined ? 'unknown' : summary.losing > 0 ? 'bad' : 'good';
  const ofTool =
    ownNow || stale > 0 || away ? 'warn' : summary === undefined || toMs !== undefined ? 'unknown' : 'good';
  return (
    <div class="verdict">
      <div class={`answer ${state}`}>
        <h1>Network</h1>
        <p class="head">{away ? 'Unknown: nothing new comes.' : network.head}</p>
        <p>{away ? 'What is shown below is of the time before.' : network.text}</p>
      </div>
      <div class={`answer ${ofTool}`}>
        <h1>Tool</h1>
        <p class="head">{tool.head}</p>
        <p>{tool.text}</p>
      </div>
    </div>
  );
}

interface Said {
  readonly head: string;
  readonly text: string;
}

function toolText({ summary, own, away, scrapes, toMs }: VerdictProps): Said {
  const now = own.filter((one) => one.now);
  const stale = summary?.stale ?? 0;
  const staleHead = `${formatCount(stale)} of ${formatCount(summary?.rows ?? 0)} rows ${toMs === undefined ? 'are' : 'were'} stale.`;
  const staleText = 'Their collector sends nothing new: they say nothing about the network.';
  if (away) return { head: 'It does not answer.', text: stale > 0 ? staleText : '' };
  if (toMs !== undefined) {
    const kept = 'The counters of then are not kept; those below are of now.';
    return stale > 0 ? { head: staleHead, text: kept } : { head: 'All that measured before still did.', text: kept };
  }
  if (now.length > 0)
    return {
      head: `${now.length === 1 ? 'One trouble' : `${now.length} troubles`} of its own.`,
      text: now[0]?.text ?? '',
    };
  if (stale > 0) return { head: staleHead, text: staleText };
  if (summary === undefined) return { head: '…', text: '' };
  return {
    head: 'It is well.',
    text: scrapes
      ? 'Every collector answers, and none tells of a trouble of its own.'
      : 'What is shown is the network and not the tool.',
  };
}

function networkText({ summary, troubles, toMs }: VerdictProps): Said {
  if (summary === undefined) return { head: '…', text: '' };
  const past = toMs !== undefined;
  if (summary.rows === 0)
    return past
      ? { head: 'Nothing was measured then.', text: 'Look at another stretch of time.' }
      : { head: 'Nothing is measured yet.', text: 'The first interval is not finished, or there are no groups.' };
  const [first] = troubles;
  if (summary.losing === 0 || first === undefined)
    return {
      head: 'No loss.',
      text: `All ${formatCount(summary.rows - summary.stale)} pairs and classes ${summary.stale > 0 ? 'that are not stale ' : ''}answer${past ? 'ed' : ''}.`,
    };
  const { losingClasses, classes } = summary;
  const since = troubles
    .flatMap(({ onset }) => (onset === undefined ? [] : [onset]))
    .sort((a, b) => (a.sinceMs ?? 0) - (b.sinceMs ?? 0))[0];
  const parts = [
    `worst ${formatLoss(first.row.value)} from ${first.row.source} to ${first.row.target}`,
    losingClasses.length === classes && classes > 1 ? 'every class' : `class ${losingClasses.slice(0, 4).join(', ')}`,
    ...(since === undefined ? [] : [`since ${sinceText(since, toMs)}`]),
    ...pathText(first),
  ];
  return {
    head: `${formatCount(summary.losing)} of ${formatCount(summary.rows)} pairs and classes ${past ? 'lost' : 'lose'} probes.`,
    text: `${parts.join(' · ')}.`,
  };
}

function pathText({ badPorts, ports }: Trouble): string[] {
  if (ports === undefined || badPorts.length === 0) return [];
  if (badPorts.length === ports) return ['on every path'];
  return [`on ${badPorts.length} of ${ports} source ports: some paths of the fabric, not all`];
}
