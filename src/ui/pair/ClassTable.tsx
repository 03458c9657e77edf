/** Classes side by side, over the range that is shown; what went wrong besides loss is of the last minutes. */

import { formatCount, formatLoss, formatUs } from '../lib/format.js';
import { levelOf } from '../lib/palette.js';
import type { HistoryAnswer, ResultRow } from '../lib/types.js';
import { onsetOf } from '../overview/onset.js';
import { sinceText } from '../overview/Verdict.js';
import { HeadRow } from '../shell/HeadRow.js';

const sum = (values: readonly (number | null)[]): number =>
  values.reduce<number>((all, value) => all + (value ?? 0), 0);
const numbers = (values: readonly (number | null)[]): number[] => values.filter((value) => value !== null);
const middle = (values: readonly (number | null)[]): number | undefined => {
  const sorted = numbers(values).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
};
const us = (value: number | undefined): string => (value === undefined ? '–' : formatUs(value));

/** Whether the direction of any loss is known: zeros would say that there was none. */
const isTold = (row: ResultRow): boolean => (row.lostForward ?? 0) + (row.lostReverse ?? 0) > 0;

/** Columns of the last minutes; those of fields that no row has are left out. */
const EXTRA: readonly (readonly [string, (row: ResultRow) => number | null | undefined])[] = [
  ['late', (row) => row.late],
  ['duplicate', (row) => row.duplicates],
  ['reordered', (row) => row.reordered],
  ['lost forward', (row) => (isTold(row) ? row.lostForward : undefined)],
  ['lost reverse', (row) => (isTold(row) ? row.lostReverse : undefined)],
  ['direction unknown', (row) => (isTold(row) ? row.lostUnknown : undefined)],
  ['re-marked', (row) => row.remarked],
];

export function ClassTable({
  history,
  rows,
  bounds,
  toMs,
}: {
  history: HistoryAnswer;
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
              'losing since',
              'lost',
              'sent',
              'p50',
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
            const failed = sum(one.lost) + sum(one.unreachable);
            const loss = sent === 0 ? undefined : (failed / sent) * 100;
            const mine = rows.filter(
              (row) => row.class === one.class && row.group === one.group && row.port === one.port,
            );
            return (
              <tr key={`${one.collector} ${one.group} ${one.port} ${one.class}`}>
                <th scope="row">{one.class}</th>
                <td>
                  <span class={`pill ${loss === undefined ? 'gone' : `level${levelOf(loss, bounds)}`}`}>
                    {loss === undefined ? '–' : formatLoss(loss)}
                  </span>
                </td>
                <td>{failed === 0 ? '–' : sinceText(onsetOf(startMs, one), toMs)}</td>
                <td>{formatCount(failed)}</td>
                <td>{formatCount(sent)}</td>
                <td>{us(middle(one.p50))}</td>
                <td>{us(middle(one.p99))}</td>
                <td>
                  {us(
                    numbers(one.max).reduce<number | undefined>((most, value) => Math.max(most ?? 0, value), undefined),
                  )}
                </td>
                {extra.map(([name, pick]) => (
                  <td key={name}>{formatCount(mine.reduce((all, row) => all + (pick(row) ?? 0), 0))}</td>
                ))}
                {markings && <td>{marking(mine.at(-1))}</td>}
              </tr>
            );
          })}
        </tbody>
      </table>
      <small class="quiet">
        p50 and p99 are the medians of the intervals; {extra.map(([name]) => name).join(', ')} are of the last five
        minutes.
      </small>
    </div>
  );
}

/** Which class the network made of it, on the way there and back. */
function marking(row: ResultRow | undefined): string {
  if (row === undefined) return '–';
  const shown = (dscp: number | null | undefined): string => (dscp === null || dscp === undefined ? '?' : String(dscp));
  const [there, back] = [row.dscpForward, row.dscpReverse];
  const kept = (there ?? row.dscp) === row.dscp && (back ?? row.dscp) === row.dscp;
  return kept ? `kept (${row.dscp})` : `${row.dscp} → ${shown(there)} → ${shown(back)}`;
}
