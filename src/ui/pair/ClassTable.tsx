/**
 * Classes side by side, over the range that is shown: percentiles of all replies as one histogram. Other counters are
 * of the last minutes.
 */

import { lossShare, type OutcomeCounts, outcomeCounts, whyText } from '../../stats/outcome.js';
import { formatCount, formatLoss, formatUs } from '../lib/format.js';
import { levelOf } from '../lib/palette.js';
import { clockText } from '../lib/time.js';
import type { HistorySeries, ResultRow } from '../lib/types.js';
import { onsetOf } from '../overview/lossOnset.js';
import { sinceText } from '../overview/Verdict.js';
import { HeadRow } from '../shell/HeadRow.js';
import type { PairHistory } from './data.js';
import { markingText, remarkedOf } from './marking.js';
import { nameOf } from './names.js';

const sum = (values: readonly (number | null)[]): number =>
  values.reduce<number>((all, value) => all + (value ?? 0), 0);
const us = (value: number | undefined): string => (value === undefined ? '–' : formatUs(value));

/** A sum; a dash where no row knows it. */
function countText(values: readonly (number | null | undefined)[]): string {
  const known = values.filter((value) => typeof value === 'number');
  return known.length === 0 ? '–' : formatCount(sum(known));
}

/** Whether the direction of any loss is known: zeros would say that there was none. */
const isTold = (row: ResultRow): boolean => (row.lostForward ?? 0) + (row.lostReverse ?? 0) > 0;

/** Columns of the last minutes; fields that no row has are left out. */
const EXTRA: readonly (readonly [string, (row: ResultRow) => number | null | undefined])[] = [
  ['late', (row) => row.late],
  ['duplicate', (row) => row.duplicates],
  ['reordered', (row) => row.reordered],
  ['lost forward', (row) => (isTold(row) ? row.lostForward : undefined)],
  ['lost reverse', (row) => (isTold(row) ? row.lostReverse : undefined)],
  ['direction unknown', (row) => (isTold(row) ? row.lostUnknown : undefined)],
  ['re-marked', remarkedOf],
];

export function ClassTable({
  history,
  rows,
  bounds,
  toMs,
}: {
  history: PairHistory;
  rows: readonly ResultRow[];
  bounds: readonly number[];
  toMs: number | undefined;
}) {
  const { series, startMs } = history;
  if (series.length === 0) return null;
  const extra = EXTRA.filter(([, pick]) => rows.some((row) => typeof pick(row) === 'number'));
  const markings = rows.some((row) => row.dscpForward !== undefined || row.dscpReverse !== undefined);
  return (
    <div class="scroll">
      <table class="numbers">
        <thead>
          <HeadRow
            names={[
              'class',
              'loss',
              'since',
              'lost',
              'sent',
              'p50',
              'p90',
              'p99',
              'max',
              ...extra.map(([name]) => name),
              ...(markings ? ['marking'] : []),
            ]}
          />
        </thead>
        <tbody>
          {series.map((one) => {
            const sent = sum(one.sent);
            const { state } = one;
            const failed = sum(one.lost) + sum(one.unreachable);
            const mine = rows.filter(
              (row) =>
                row.class === one.class &&
                row.group === one.group &&
                row.port === one.port &&
                (row.collector === undefined || row.collector === one.collector),
            );
            return (
              <tr key={`${one.collector} ${one.group} ${one.port} ${one.class}`}>
                <th scope="row">{nameOf(one, series)}</th>
                <td>
                  <State of={one} bounds={bounds} />
                </td>
                <td>{failed === 0 && state === 'answers' ? '–' : sinceText(onsetOf(startMs, one, state), toMs)}</td>
                <td>{formatCount(failed)}</td>
                <td>{formatCount(sent)}</td>
                <td>{us(one.merged?.rttUs.p50)}</td>
                <td>{us(one.merged?.rttUs.p90)}</td>
                <td>{us(one.merged?.rttUs.p99)}</td>
                <td>{us(one.merged?.rttUs.max)}</td>
                {extra.map(([name, pick]) => (
                  <td key={name}>{countText(mine.map(pick))}</td>
                ))}
                {markings && <td>{markingText(mine.findLast(({ received }) => received > 0) ?? mine.at(-1))}</td>}
              </tr>
            );
          })}
        </tbody>
      </table>
      <small class="quiet">
        {mergedText(history)} {extra.map(([name]) => name).join(', ')} are of the last five minutes.
      </small>
    </div>
  );
}

const countsOf = (of: HistorySeries): OutcomeCounts => outcomeCounts((name) => sum(of[name]));

/**
 * The loss of a series that answers; in words why another does not. The same verdict as that of the matrix over the
 * same window.
 */
function State({ of, bounds }: { of: HistorySeries; bounds: readonly number[] }) {
  const counts = countsOf(of);
  if (of.stale) return <span class="pill stale">stale</span>;
  const why = whyText(of.state, counts, of.reason);
  if (of.state === 'unmeasured') return <span class="pill unmeasured">{why}</span>;
  if (of.state === 'silent') return <span class="pill level4">{why}</span>;
  const loss = 100 * (lossShare(counts) ?? 0);
  return (
    <>
      <span class={`pill level${levelOf(loss, bounds)}`}>{formatLoss(loss)}</span>
      {of.reason !== null && <small class="quiet"> {of.reason}</small>}
    </>
  );
}

/** The time that the percentiles cover: memory may be short of older histograms. */
function mergedText({ startMs, series }: PairHistory): string {
  const starts = series.flatMap(({ merged }) => (merged ? [merged.startMs] : []));
  const from = Math.min(...starts);
  if (series.every(({ received }) => sum(received) === 0)) return '';
  if (starts.length === 0) return 'No histograms are kept of this time.';
  const isWhole = from <= (startMs[0] ?? 0);
  return isWhole
    ? 'Percentiles are of all replies.'
    : `Percentiles are of all replies since ${clockText(from)}: older histograms are not kept.`;
}
