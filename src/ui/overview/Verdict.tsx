/** The answer in two sentences: how the network is, and how the tool is. */

import { normalOf, type Slowness } from '../../history/slowness.js';
import { formatAge, formatCount, formatLoss, formatUs } from '../lib/format.js';
import { clockText } from '../lib/time.js';
import { rowUnit, type Summary, type SummaryRow } from '../worker/summary.js';
import type { Trouble } from './data.js';
import type { Onset } from './lossOnset.js';
import type { OwnTrouble } from './own.js';

interface VerdictProps {
  /** undefined: not known yet. */
  readonly summary: Summary | undefined;
  /** Compared with the normal latency; undefined: not known yet. */
  readonly latency: Slowness | undefined;
  readonly troubles: readonly Trouble[];
  readonly own: readonly OwnTrouble[];
  readonly away: boolean;
  readonly scrapes: boolean;
  /** The end of the shown time when that is in the past, epoch ms. */
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
  const { stale = 0, unmeasured = 0 } = summary ?? {};
  const ofTool =
    ownNow || stale > 0 || unmeasured > 0 || away
      ? 'warn'
      : summary === undefined || toMs !== undefined
        ? 'unknown'
        : 'good';
  return (
    <div class="verdict">
      <div class={`answer ${away ? 'unknown' : networkState(props)}`}>
        <h1>Network</h1>
        <p class="head">{away ? 'Unknown: no new data.' : network.head}</p>
        <p>{away ? 'The tables below show old data.' : network.text}</p>
      </div>
      <div class={`answer ${ofTool}`}>
        <h1>Tool</h1>
        <p class="head">{tool.head}</p>
        <p>{tool.text}</p>
      </div>
    </div>
  );
}

/** Good only where replies were received, from data that are not stale. */
function networkState({ summary, latency }: VerdictProps): 'unknown' | 'bad' | 'warn' | 'good' {
  if (summary === undefined) return 'unknown';
  const { rows, stale, losing, silent, unmeasured, tooBig } = summary;
  if (losing + silent > 0) return 'bad';
  if (rows - stale - unmeasured === 0) return 'unknown';
  return unmeasured + tooBig > 0 || (latency?.slow ?? 0) > 0 ? 'warn' : 'good';
}

interface Said {
  readonly head: string;
  readonly text: string;
}

function toolText({ summary, own, away, scrapes, toMs }: VerdictProps): Said {
  const now = own.filter((one) => one.now);
  const { stale = 0, unmeasured = 0, rows = 0, firstUnmeasured } = summary ?? {};
  const staleHead = `${formatCount(stale)} of ${formatCount(rows)} rows ${toMs === undefined ? 'are' : 'were'} stale.`;
  const staleText = 'Their collector sends no new data. Nothing is known of the network there.';
  if (away) return { head: 'No answer, or no new data.', text: stale > 0 ? staleText : '' };
  if (toMs !== undefined) {
    const kept = 'The counters of that time are not kept. Those below are current.';
    return stale > 0 ? { head: staleHead, text: kept } : { head: 'All collectors sent data.', text: kept };
  }
  if (unmeasured > 0 && firstUnmeasured !== undefined)
    return { head: 'Some pairs are not measured.', text: unmeasuredText(firstUnmeasured) };
  if (now.length > 0)
    return { head: now.length === 1 ? 'One trouble.' : `${now.length} troubles.`, text: now[0]?.text ?? '' };
  if (stale > 0) return { head: staleHead, text: staleText };
  if (summary === undefined) return { head: '…', text: '' };
  return {
    head: 'LLAMA is healthy.',
    text: scrapes ? 'All collectors answer and report no trouble.' : 'The figures are about the network.',
  };
}

const unmeasuredText = ({ source, target, reason }: SummaryRow): string =>
  `${source} to ${target}: ${reason ?? 'not measured'}.`;

function networkText(props: VerdictProps): Said {
  const { summary, toMs } = props;
  if (summary === undefined) return { head: '…', text: '' };
  const { rows, stale, losing, silent, unmeasured } = summary;
  if (rows === 0)
    return toMs !== undefined
      ? { head: 'No data of that time.', text: 'Choose another time.' }
      : { head: 'No data yet.', text: 'The first interval is not finished, or there are no groups.' };
  const all = rows - stale;
  if (all === 0) return { head: 'Unknown: all data are stale.', text: 'No collector sends new data.' };
  const of = `of ${formatCount(all)} ${rowUnit(summary)}`;
  const latency = latencyText(props);
  if (losing + silent > 0)
    return {
      head: [
        ...(silent > 0 ? [`No answer from ${formatCount(silent)} ${of}.`] : []),
        ...(losing > 0 ? [`Loss on ${formatCount(losing)} ${of}.`] : []),
      ].join(' '),
      text: [worstText(props), tooBigText(summary), latency.text].filter((text) => text !== '').join(' '),
    };
  if (unmeasured === all)
    return {
      head: 'Not measured.',
      text: summary.firstUnmeasured === undefined ? '' : unmeasuredText(summary.firstUnmeasured),
    };
  const answering = all - unmeasured;
  const head =
    unmeasured > 0 ? `${formatCount(unmeasured)} ${of} are not measured. No loss on the others.` : 'No loss.';
  const which = `${unmeasured + stale > 0 ? `${formatCount(answering)} measured` : `All ${formatCount(answering)}`} ${rowUnit(summary)}`;
  return {
    head: latency.head === '' ? head : `${latency.head} ${head}`,
    text: `${which} ${toMs === undefined ? 'answer' : 'answered'}. ${tooBigText(summary)} ${latency.text}`.replace(
      '  ',
      ' ',
    ),
  };
}

/** They are in no loss, and prove nothing about larger packets. */
const tooBigText = ({ tooBig }: Summary): string =>
  tooBig === 0 ? '' : `Some probes were too big for the path on ${formatCount(tooBig)} of them.`;

/** Against each pair's own normal: the hour before. */
function latencyText({ latency, summary, toMs }: VerdictProps): Said {
  if (latency === undefined) return { head: '', text: '' };
  const { compared, slow, worst } = latency;
  if (compared === 0) return { head: '', text: 'No normal latency is known yet.' };
  const [first] = worst;
  if (slow === 0 || first === undefined) {
    const { rows, stale, silent, unmeasured } = summary ?? { rows: 0, stale: 0, silent: 0, unmeasured: 0 };
    const which = normalOf(compared, rows - stale - silent - unmeasured, rows);
    return { head: '', text: which === null ? '' : `Latency ${toMs === undefined ? 'is' : 'was'} normal${which}.` };
  }
  const [source, target] = [first.row[1], first.column[1]];
  return {
    head: `Slow: ${formatCount(slow)} of ${formatCount(compared)} ${rowUnit(summary)}.`,
    text: `Slowest: median ${formatUs(first.nowUs)}, normal ${formatUs(first.normalUs)}, from ${source} to ${target}.`,
  };
}

function worstText({ summary, troubles, toMs }: VerdictProps): string {
  const [first] = troubles;
  if (summary === undefined || first === undefined) return '';
  const { losingClasses, classes } = summary;
  // Its own start, not that of another trouble.
  const { row, onset: since } = first;
  const said = row.state === 'answers' ? `loss ${formatLoss(row.value)}` : (row.reason ?? 'no answer');
  const parts = [
    `Worst: ${said}, from ${row.source} to ${row.target}`,
    losingClasses.length === classes && classes > 1 ? 'every class' : `class ${losingClasses.slice(0, 4).join(', ')}`,
    ...(since === undefined ? [] : [`since ${sinceText(since, toMs)}`]),
    ...pathText(first),
  ];
  return `${parts.join(' · ')}.`;
}

function pathText({ badPorts, ports, isPartial }: Trouble): string[] {
  if (ports === undefined || badPorts.length === 0) return [];
  if (badPorts.length === ports) return ['on every path'];
  const bad = `on ${badPorts.length} of ${ports} source ports`;
  return [
    isPartial === true ? `${bad}: some paths of the fabric, not all` : `${bad}, too few probes to tell paths apart`,
  ];
}
