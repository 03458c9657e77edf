/**
 * The result of a measurement by hand: the exit code of `llama probe`, the outcomes that are no answer in words, and a
 * histogram of round trips in text. Pure.
 */

import { decodeFromCompressedBase64, type JsHistogram } from 'hdr-histogram-js';
import { formatDuration, nsToUs } from '../../base/units.js';
import { formatEndpoint } from '../../net/endpoint.js';
import { answeringOf, lossShare, type OutcomeCounts } from '../../stats/outcome.js';
import { errnoText, tooBigList, type UnreachableReason, unreachableList } from '../../stats/reasons.js';
import { formatPct, formatUs, type ResultRow } from '../shared/rows.js';

/**
 * 0: a reply was received; 3: probes were decided, and none was received; 2: no probe was sent, or none was decided for
 * or against the target.
 */
export function exitCode(rows: readonly OutcomeCounts[]): 0 | 2 | 3 {
  const states = rows.map(answeringOf);
  if (states.includes('answers')) return 0;
  return states.includes('silent') ? 3 : 2;
}

interface SentTotals {
  readonly sent: number;
  readonly received: number;
  readonly lost: number;
  readonly unreachable: number;
  /** Sent, but the measurement ended before reply or timeout. */
  readonly undecided: number;
}

interface LossBounds {
  readonly least: number;
  readonly most: number;
}

/**
 * The loss of all sent probes, in percent: least if every undecided probe were answered, most if none were. null: the
 * loss is unknown.
 */
export function lossBounds(totals: SentTotals): LossBounds | null {
  const { sent, lost, unreachable, undecided } = totals;
  if (lossShare(totals) === null) return null;
  const pct = (count: number): number => Number(((count / sent) * 100).toFixed(4));
  return { least: pct(lost + unreachable), most: pct(lost + unreachable + undecided) };
}

/** The probes that the end of the measurement left undecided, in words; undefined without any. */
export function undecidedText(totals: SentTotals, timeoutNs: number): string | undefined {
  const { sent, undecided } = totals;
  if (undecided === 0) return undefined;
  const start = `${undecided} of ${sent} probes undecided: the measurement ended before their timeout of ${formatDuration(timeoutNs)}`;
  const bounds = lossBounds(totals);
  return bounds === null
    ? `${start}; the loss is unknown`
    : `${start}; the table has the other ${sent - undecided}, and the loss of all is between ${formatPct(bounds.least)} and ${formatPct(bounds.most)}`;
}

/** A line for each reason why probes of a row got no answer, but for silence. */
export function reasonLines(row: ResultRow): string[] {
  const { target, sent, lost, sendErrors, unreachable, tooBig, localDrops } = row;
  const notSent = row.sendErrorsBy ?? [];
  const named = notSent.reduce((sum, { count }) => sum + count, 0);
  return [
    ...notSent.map(({ count, errno }) => `${count} not sent: ${errnoText(errno, target)}`),
    ...(sendErrors > named ? [`${sendErrors - named} not sent`] : []),
    ...(unreachable > 0 ? [`unreachable: ${unreachableList(row.unreachableBy ?? [], row).join(', ')}`] : []),
    ...tooBigList(tooBig, row, row),
    ...(row.protocol === 'tcp-syn' && row.port === 0 && sent > 0 && lost === sent ? [silentPort0(target)] : []),
    ...(localDrops > 0 ? [`${localDrops} × dropped by this host: its receive queue was full`] : []),
  ];
}

type Extra =
  | 'lostForward'
  | 'lostReverse'
  | 'lostUnknown'
  | 'late'
  | 'duplicates'
  | 'reordered'
  | 'remarked'
  | 'hopChanges';

const EXTRAS: Readonly<Record<Extra, string>> = {
  lostForward: 'lost on the way to the target',
  lostReverse: 'lost on the way back',
  lostUnknown: 'lost, direction unknown',
  late: 'answered after the timeout, and counted lost',
  duplicates: 'further replies to a probe that was answered already',
  reordered: 'overtaken by a later probe of their path',
  remarked: 'with their DSCP changed on the way',
  hopChanges: 'with another number of hops than the probe before on their path',
};

/**
 * A line for each count without a column in the table. Without any reply, directions are left out: no loss has a known
 * one.
 */
export function extraLines(row: Pick<ResultRow, Extra | 'received'>): string[] {
  return (Object.keys(EXTRAS) as Extra[])
    .filter((name) => row[name] > 0 && (name !== 'lostUnknown' || row.received > 0))
    .map((name) => `${row[name]} ${EXTRAS[name]}`);
}

type Silence = Pick<
  ResultRow,
  'protocol' | 'target' | 'port' | 'received' | 'late' | 'lost' | 'unreachable' | 'unreachableBy'
>;

/** A hint that a reflector may be missing, when a target that needs one sent no reply at all; undefined otherwise. */
export function silenceHint(rows: readonly Silence[]): string | undefined {
  const silent = rows.find(({ lost, unreachableBy }) => lost > 0 || (unreachableBy ?? []).some(isPortUnreachable));
  if (silent === undefined || rows.some(({ received, late }) => received + late > 0)) return undefined;
  if (!NEEDS_REFLECTOR.has(silent.protocol)) return undefined;
  return `no reply came from ${formatEndpoint({ address: silent.target, port: silent.port })}: a reflector may be missing there (llama reflector answers on port 8100), or a firewall drops UDP; --protocol icmp needs no reflector`;
}

const NEEDS_REFLECTOR: ReadonlySet<string> = new Set(['stamp', 'llama', 'llama-legacy']);
/** ICMP destination unreachable, port unreachable; the same of ICMPv6. */
const isPortUnreachable = ({ type, code }: UnreachableReason): boolean =>
  (type === 3 && code === 3) || (type === 1 && code === 4);

const silentPort0 = (target: string): string =>
  `no answer to SYNs to port 0, the default of tcp-syn; a firewall likely drops them: name a TCP port that it lets through, open or closed, such as ${formatEndpoint({ address: target, port: 443 })}`;

const BAR = 40;
/** Lines per doubling of the round-trip time. */
const STEPS_PER_DOUBLING = 4;

/**
 * A line per step of a quarter power of two, from the smallest to the greatest: where it begins, how many, a bar.
 * `text` is an HdrHistogram.
 */
export function distribution(title: string, text: string): string {
  const histogram = decodeFromCompressedBase64(text) as JsHistogram;
  const counts = new Map<number, number>();
  const levels = histogram.recordedValuesIterator;
  for (levels.reset(); levels.hasNext(); ) {
    const { valueIteratedTo, countAtValueIteratedTo } = levels.next();
    const step = Math.floor(Math.log2(Math.max(1, valueIteratedTo)) * STEPS_PER_DOUBLING);
    counts.set(step, (counts.get(step) ?? 0) + countAtValueIteratedTo);
  }
  const steps = [...counts.keys()];
  const [first, last] = [Math.min(...steps), Math.max(...steps)];
  const most = Math.max(...counts.values());
  const lines: string[][] = [];
  for (let step = first; step <= last; step++) {
    const count = counts.get(step) ?? 0;
    const bar = count === 0 ? '' : '#'.repeat(Math.max(1, Math.round((count / most) * BAR)));
    lines.push([formatUs(nsToUs(2 ** (step / STEPS_PER_DOUBLING))), String(count), bar]);
  }
  const width = Math.max(...lines.map(([value]) => value.length));
  const digits = Math.max(...lines.map(([, count]) => count.length));
  return `${title}, round-trip time from:\n${lines
    .map(([value, count, bar]) => `${`  ${value.padStart(width)}  ${count.padStart(digits)}  ${bar}`.trimEnd()}\n`)
    .join('')}`;
}
