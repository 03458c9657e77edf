/**
 * Finished intervals as InfluxDB's line protocol. Pure.
 *
 * Two rows of an interval must never become points of the same series, because one would overwrite the other. So the
 * tags that identify a row (addresses, port, collector, group, class) are always present, and no tag of a target
 * replaces one. A value that was not measured is left out, never 0. Written by hand except for the escapes: through the
 * client's `Point` the same lines took three times as long. Every field is always a float: a field that is an integer
 * in one point and a float in another is refused.
 */

import { escape as escapes } from '@influxdata/influxdb-client';
import { nsToMs, usToNs } from '../../base/units.js';
import { yieldNow } from '../../base/yielding.js';
import type { PointLayout } from '../../config/scraper/writerConfig.js';
import { lossPct } from '../../stats/row.js';
import { type CollectedInterval, oneByOne, type ResultRow } from '../results/types.js';

/** Unit of a line's time. Files have nanoseconds, the default of their readers; requests name theirs. */
type Precision = 'ms' | 'ns';

const RAW_STATS = 'raw_stats';

/**
 * Names that a target's own tag must not have: our tags, our fields (InfluxDB 3 has one name space for both), and names
 * reserved by InfluxDB.
 */
const TAKEN = new Set([
  ...['src_ip', 'dst_ip', 'dst_port', 'collector', 'group', 'class'],
  ...[
    'loss',
    'lost',
    'rtt',
    'sent',
    'received',
    'rtt_min',
    'rtt_max',
    'rtt_stddev',
    'rtt_p50',
    'rtt_p90',
    'rtt_p99',
    'rtt_p999',
  ],
  ...['jitter', 'late', 'duplicates', 'reordered', 'unreachable', 'local_drops', 'send_errors', 'residence'],
  ...['too_big', 'lost_forward', 'lost_reverse', 'lost_unknown', 'remarked', 'ce_marks', 'hop_changes'],
  ...['forward', 'reverse', 'one_way_relative'],
  ...['value', 'time'],
]);
const OWN_PREFIX = 'tag_';

/** Rows between two yields: about 10 ms. */
const ROWS_AT_ONCE = 2000;

/** The lines of intervals, in the order of their rows. A row without any measured value has none. */
export async function linesOf(
  intervals: readonly CollectedInterval[],
  layout: PointLayout,
  precision: Precision,
): Promise<string[]> {
  const lines: string[] = [];
  let rows = 0;
  for (const interval of intervals) {
    const time = precision === 'ms' ? `${interval.endMs}` : `${interval.endMs}000000`;
    const collector = ownTag(',collector=', interval.collector);
    for (const row of oneByOne(interval.rows)) {
      pushLines(lines, row, collector, time, layout);
      if (++rows % ROWS_AT_ONCE === 0) await yieldNow();
    }
  }
  return lines;
}

function pushLines(lines: string[], row: ResultRow, collector: string, time: string, layout: PointLayout): void {
  const tags = rowTags(row, collector);
  if (layout === 'llama') {
    const fields = rawFields(row);
    if (fields !== '') lines.push(inOnePiece(`${RAW_STATS}${tags} ${fields} ${time}`));
    return;
  }
  if (row.rttUs !== null) pushValue(lines, 'rtt', tags, ms(row.rttUs.mean), time);
  pushValue(lines, 'loss', tags, decimal(noReplyPct(row)), time);
}

/** LLAMA in Python knows one outcome besides a reply, so too big counts as lost; null: unknown. */
function noReplyPct(row: ResultRow): number | null {
  const { sent, received, lost, unreachable, tooBig } = row;
  return tooBig ? lossPct({ sent, received, lost: lost + tooBig, unreachable }) : row.lossPct;
}

function pushValue(lines: string[], measurement: string, tags: string, value: string | null, time: string): void {
  if (value !== null) lines.push(inOnePiece(`${measurement}${tags} value=${value} ${time}`));
}

const piece = Buffer.allocUnsafe(4096);

/**
 * A line waits until it is written. V8 keeps a concatenation of fifty pieces as a tree, which takes five times the
 * memory; this flattens it.
 */
function inOnePiece(line: string): string {
  // A line of UTF-16 has at most three bytes for each of its units.
  return line.length > piece.length / 3 ? line : piece.toString('utf8', 0, piece.write(line));
}

function rowTags(row: ResultRow, collector: string): string {
  const base =
    ownTag(',src_ip=', row.source) +
    ownTag(',dst_ip=', row.target) +
    // 0: a protocol without ports, or a collector that does not report the port.
    (row.port === 0 ? '' : `,dst_port=${row.port}`) +
    collector +
    ownTag(',group=', row.group) +
    ownTag(',class=', row.class);
  const { tags } = row;
  let text = targetTags.get(tags);
  if (text === undefined) {
    text = tagsOfTarget(row, base);
    // The same for all rows that have them.
    if (Object.keys(tags).every((name) => PLAIN.test(name) && name !== 'src_ip' && name !== 'dst_ip'))
      targetTags.set(tags, text);
  }
  return base + text;
}

/**
 * Most rows have their tags from `rowView.ts`, which are one object as long as they are the same: put together each
 * time, they took a third of a line's time.
 */
const targetTags = new WeakMap<ResultRow['tags'], string>();

/** The target's own tags, after the others. */
function tagsOfTarget(row: ResultRow, base: string): string {
  let text = '';
  // Sorted, so that the same interval is always the same lines.
  for (const name of Object.keys(row.tags).sort()) {
    const value = row.tags[name];
    const free = freeName(name, row);
    // Two names may be equal after escaping; a line with a duplicate tag is refused.
    if (free !== undefined && !(base + text).includes(`,${escapeTag(free)}=`)) text += tag(free, value);
  }
  return text;
}

/**
 * The name of a target's own tag in points: its name, or with `tag_` before it on a collision; undefined when it only
 * repeats ours.
 */
function freeName(name: string, row: ResultRow): string | undefined {
  if (!TAKEN.has(escapeTag(name)) && !name.startsWith('_')) return name;
  if (name === 'src_ip' && row.tags[name] === row.source) return undefined;
  if (name === 'dst_ip' && row.tags[name] === row.target) return undefined;
  let free = `${OWN_PREFIX}${name}`;
  while (Object.hasOwn(row.tags, free)) free = `${OWN_PREFIX}${free}`;
  return free;
}

function rawFields(row: ResultRow): string {
  const { rttUs } = row;
  const fields =
    field('loss', row.lossPct) +
    field('lost', row.lost) +
    field('sent', row.sent) +
    field('received', row.received) +
    field('unreachable', row.unreachable) +
    field('late', row.late) +
    field('duplicates', row.duplicates) +
    field('reordered', row.reordered) +
    field('send_errors', row.sendErrors) +
    field('local_drops', row.localDrops) +
    (rttUs === null
      ? ''
      : time('rtt', rttUs.mean) +
        time('rtt_min', rttUs.min) +
        time('rtt_max', rttUs.max) +
        time('rtt_stddev', rttUs.stddev) +
        time('rtt_p50', rttUs.p50) +
        time('rtt_p90', rttUs.p90) +
        time('rtt_p99', rttUs.p99) +
        time('rtt_p999', rttUs.p999)) +
    time('jitter', row.jitterUs) +
    time('residence', row.residenceUs) +
    directionFields(row);
  return fields.slice(1);
}

function directionFields(row: ResultRow): string {
  const { forwardUs, reverseUs } = row;
  return (
    field('too_big', row.tooBig) +
    field('lost_forward', row.lostForward) +
    field('lost_reverse', row.lostReverse) +
    field('lost_unknown', row.lostUnknown) +
    field('remarked', row.remarked) +
    field('ce_marks', row.ceMarks) +
    field('hop_changes', row.hopChanges) +
    time('forward', forwardUs?.mean) +
    time('reverse', reverseUs?.mean) +
    (typeof forwardUs?.mean === 'number' ? field('one_way_relative', forwardUs.relative === true ? 1 : 0) : '')
  );
}

function field(name: string, value: number | null | undefined): string {
  const text = decimal(value);
  return text === null ? '' : `,${name}=${text}`;
}

function time(name: string, us: number | null | undefined): string {
  const text = ms(us);
  return text === null ? '' : `,${name}=${text}`;
}

const decimal = (value: number | null | undefined): string | null =>
  value === null || value === undefined || !Number.isFinite(value) ? null : `${value}`;

/** µs as ms, in whole nanoseconds: a division must not add digits that were not measured. */
function ms(us: number | null | undefined): string | null {
  // A time that is not checked may be anything else.
  const ns = typeof us === 'number' ? Math.round(usToNs(us)) : Number.NaN;
  return Number.isFinite(ns) ? msText(ns) : null;
}

/** JavaScript writes every digit of numbers below this. */
const EXACT_NS = 1e15;
const NS_DIGITS = 1000;
const THREE = Array.from({ length: NS_DIGITS }, (_, n) => `${n}`.padStart(3, '0'));
const TRIMMED = THREE.map((digits) => digits.replace(/0+$/, ''));

/**
 * As JavaScript writes `nsToMs(ns)`, in a third of the time: JavaScript has to find out how many digits distinguish it
 * from all other numbers.
 */
export function msText(ns: number): string {
  if (!(ns >= 0 && ns < EXACT_NS)) return `${nsToMs(ns)}`;
  const us = Math.floor(ns / NS_DIGITS);
  const belowUs = ns - us * NS_DIGITS;
  const whole = Math.floor(us / NS_DIGITS);
  const belowMs = us - whole * NS_DIGITS;
  if (belowUs > 0) return `${whole}.${THREE[belowMs]}${TRIMMED[belowUs]}`;
  return belowMs > 0 ? `${whole}.${TRIMMED[belowMs]}` : `${whole}`;
}

/** `,name=` and the value; empty when the value is empty. */
function ownTag(key: string, value: string): string {
  const text = escapeTag(value);
  return text === '' ? '' : key + text;
}

function tag(name: string, value: string): string {
  const key = escapeTag(name);
  return key === '' ? '' : ownTag(`,${key}=`, value);
}

const PLAIN = /^[\w.:/@+#-]*$/;
/** Backslashes that would be read as the escape of the next character. */
const AMBIGUOUS = /\\+(?=[ ,=]|$)/g;

/**
 * Escapes a tag's name or value for a line. A line break or tab becomes `\n`, `\r`, `\t` in two characters, as in
 * InfluxDB's own clients. Backslashes before a comma, equals sign, space or the end are left out, as in Telegraf:
 * InfluxDB cannot read one at the end, and databases differ in how they read one before the others.
 */
export function escapeTag(text: string): string {
  return PLAIN.test(text) ? text : escapes.tag(text.replace(AMBIGUOUS, ''));
}
