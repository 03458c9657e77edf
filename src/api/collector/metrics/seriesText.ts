/**
 * Series of targets and groups in Prometheus' text format, made in short turns: a thousand of them are some megabytes.
 */

import { nsToS } from '../../../base/units.js';
import type { Breather } from '../../../base/yielding.js';
import type { Group } from '../../../config/types.js';
import { RTT_BOUNDS_NS } from '../../../stats/rttBuckets.js';
import { PATH_COLUMNS, type PathColumn } from '../../../threads/messages.js';
import { Chunk } from '../../server/bodies.js';
import { FIRST_BUCKET, label, RTT_SUM, type Series } from './totals.js';

/** Name and help of a metric. */
export interface Named {
  readonly name: string;
  readonly help: string;
}

/** The counters of a row, by column: the end of the name, and the help. */
const COLUMN_METRICS: Readonly<Record<PathColumn, Named>> = {
  sent: { name: 'probes_sent_total', help: 'Probes sent.' },
  received: { name: 'probes_received_total', help: 'Probes answered within the timeout.' },
  lost: { name: 'probes_lost_total', help: 'Probes not answered within the timeout.' },
  unreachable: { name: 'probes_unreachable_total', help: 'Probes answered by an ICMP error.' },
  tooBig: { name: 'too_big_total', help: 'Probes larger than a link of their path lets through.' },
  localDrops: { name: 'local_drops_total', help: 'Probes unanswered while the receive queue of this host overflowed.' },
  late: { name: 'late_replies_total', help: 'Replies after the timeout.' },
  duplicates: { name: 'duplicate_replies_total', help: 'Further replies to a probe that has one.' },
  reordered: { name: 'reordered_replies_total', help: 'Replies that were overtaken on their path.' },
  sendErrors: { name: 'send_errors_total', help: 'Probes that the kernel refused to send.' },
  lostForward: { name: 'probes_lost_forward_total', help: 'Probes known to be lost on the way to the target.' },
  lostReverse: { name: 'probes_lost_reverse_total', help: 'Probes known to be lost on the way back.' },
  lostUnknown: { name: 'probes_lost_unknown_total', help: 'Probes lost of which the way is not known.' },
  remarked: { name: 'probes_remarked_total', help: 'Probes received whose DSCP was rewritten on the way.' },
  ceMarks: { name: 'probes_ce_marked_total', help: 'Probes received that were marked for congestion (ECN).' },
  hopChanges: {
    name: 'hop_changes_total',
    help: 'Probes received that came another number of hops than the one before.',
  },
};

const BUCKET_LABELS = [...RTT_BOUNDS_NS.map((ns) => `,le="${nsToS(ns)}"`), ',le="+Inf"'];

interface SeriesNames {
  readonly counters: readonly Named[];
  readonly histogram: Named;
}

function names(prefix: string, of: string, histogram: string): SeriesNames {
  const counters = PATH_COLUMNS.map((column) => {
    const { name, help } = COLUMN_METRICS[column];
    return { name: prefix + name, help: `${help.slice(0, -1)}, in all finished intervals, by ${of}.` };
  });
  return { counters, histogram: { name: histogram, help: `Round-trip times, in all finished intervals, by ${of}.` } };
}

export const TARGET_NAMES = names('llama_target_', 'group, target and class', 'llama_rtt_seconds');
export const GROUP_NAMES = names('llama_group_', 'group and class', 'llama_group_rtt_seconds');
const TARGET_INFO: Named = {
  name: 'llama_target_info',
  help: 'Always 1; the tags of a target are its labels, each with tag_ before its name.',
};

/**
 * For groups: the number of targets in each state in the last finished interval. They show a single target also where
 * targets have no series of their own.
 */
const STATES: readonly (Named & { readonly value: (series: Series) => number })[] = [
  {
    name: 'llama_group_targets_silent',
    help: 'Targets that answered no probe of the last finished interval, by group and class.',
    value: ({ silent }) => silent,
  },
  {
    name: 'llama_group_targets_unmeasured',
    help: 'Targets to which this host sent no probe of the last finished interval, because the kernel refused all, by group and class.',
    value: ({ unmeasured }) => unmeasured,
  },
];

const head = ({ name, help }: Named, type: string): string => `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;

/** All counters and the histogram of `series`; empty without series. */
export async function* seriesText(
  series: readonly Series[],
  { counters, histogram }: SeriesNames,
  breather: Breather,
): AsyncGenerator<Buffer> {
  if (series.length === 0) return;
  const chunk = new Chunk();
  for (const [column, counter] of counters.entries()) {
    chunk.addText(head(counter, 'counter'));
    for (const { labels, values } of series) {
      chunk.addText(`${counter.name}{${labels}} ${values[column]}\n`);
      if (breather.due) await breather.breathe();
      if (chunk.full) yield chunk.take();
    }
  }
  chunk.addText(head(histogram, 'histogram'));
  for (const line of series) {
    chunk.addText(histogramText(histogram.name, line));
    if (breather.dueNow) await breather.breathe();
    if (chunk.full) yield chunk.take();
  }
  yield chunk.take();
}

/** `llama_group_targets_…` of `STATES`; empty without series. */
export async function* statesText(series: readonly Series[], breather: Breather): AsyncGenerator<Buffer> {
  if (series.length === 0) return;
  const chunk = new Chunk();
  for (const state of STATES) {
    chunk.addText(head(state, 'gauge'));
    for (const one of series) {
      chunk.addText(`${state.name}{${one.labels}} ${state.value(one)}\n`);
      if (breather.due) await breather.breathe();
      if (chunk.full) yield chunk.take();
    }
  }
  yield chunk.take();
}

function histogramText(name: string, { labels, values }: Series): string {
  let text = '';
  let count = 0;
  for (let bucket = 0; bucket < BUCKET_LABELS.length; bucket++) {
    count += values[FIRST_BUCKET + bucket];
    text += `${name}_bucket{${labels}${BUCKET_LABELS[bucket]}} ${count}\n`;
  }
  return `${text}${name}_sum{${labels}} ${nsToS(values[RTT_SUM])}\n${name}_count{${labels}} ${count}\n`;
}

/** `llama_target_info`: a line for each target of each group. */
export async function* targetInfoText(groups: readonly Group[], breather: Breather): AsyncGenerator<Buffer> {
  const chunk = new Chunk();
  chunk.addText(head(TARGET_INFO, 'gauge'));
  for (const { name, targets } of groups)
    for (const { address, port, tags } of targets) {
      const labels = [label('group', name), label('target', address), `port="${port}"`, ...tagLabels(tags)];
      chunk.addText(`${TARGET_INFO.name}{${labels.join(',')}} 1\n`);
      if (breather.due) await breather.breathe();
      if (chunk.full) yield chunk.take();
    }
  yield chunk.take();
}

/**
 * A tag name may contain characters that a label must not; they become `_`. When several tags become the same name, the
 * tag with exactly that name keeps it, and the others get the suffix `_2`, `_3` … in alphabetical order: no tag
 * vanishes, and no series depends on the order of a file.
 */
function tagLabels(tags: Readonly<Record<string, string>>): string[] {
  const names = Object.keys(tags).map(tagLabelName);
  const distinct = new Set(names).size === names.length ? names : withoutCollisions(Object.keys(tags));
  return Object.values(tags).map((value, i) => label(distinct[i], value));
}

const tagLabelName = (tag: string): string => `tag_${tag.replace(/[^A-Za-z0-9_]/g, '_')}`;

/** Names in the order of the tags. */
function withoutCollisions(tags: readonly string[]): string[] {
  const isExact = (tag: string): boolean => tagLabelName(tag) === `tag_${tag}`;
  const inTurn = tags.toSorted((a, b) => Number(isExact(b)) - Number(isExact(a)) || (a < b ? -1 : 1));
  const tagOf = new Map<string, string>();
  for (const tag of inTurn) {
    const name = tagLabelName(tag);
    let free = name;
    for (let n = 2; tagOf.has(free); n++) free = `${name}_${n}`;
    tagOf.set(free, tag);
  }
  const nameOf = new Map([...tagOf].map(([name, tag]) => [tag, name]));
  return tags.map((tag) => nameOf.get(tag) ?? tagLabelName(tag));
}
