/** The tables of the overview: worst pairs, worst paths, slowest pairs. */

import { formatCount, formatLoss, formatUs } from '../lib/format.js';
import { levelOf } from '../lib/palette.js';
import { go } from '../lib/store.js';
import type { PathsAnswer } from '../lib/types.js';
import type { Trouble } from './data.js';
import type { SummaryRow } from './summary.js';
import { sinceText } from './Verdict.js';

export const keyOf = (row: SummaryRow): string =>
  [row.collector, row.group, row.source, row.target, row.class].join(' ');
const open =
  ({ collector, group, source, target }: Omit<SummaryRow, 'class' | 'value'>) =>
  () =>
    go({ view: 'pair', collector, group, source, target, class: '' });

export function LossPill({ value, bounds }: { value: number; bounds: readonly number[] }) {
  return <span class={`pill level${levelOf(value, bounds)}`}>{formatLoss(value)}</span>;
}

interface PairsProps {
  readonly troubles: readonly Trouble[];
  readonly bounds: readonly number[];
  readonly toMs: number | undefined;
}

export function Pairs({ troubles, bounds, toMs }: PairsProps) {
  return (
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th scope="col">loss</th>
            <th scope="col">from → to</th>
            <th scope="col">class</th>
            <th scope="col">since</th>
            <th scope="col">source ports that lose</th>
          </tr>
        </thead>
        <tbody>
          {troubles.map(({ row, onset, badPorts, ports }) => (
            <tr key={keyOf(row)}>
              <td>
                <LossPill value={row.value} bounds={bounds} />
              </td>
              <td>
                <button type="button" class="link" onClick={open(row)}>
                  {row.source} → {row.target}
                </button>
              </td>
              <td>{row.class}</td>
              <td>{onset === undefined ? '…' : sinceText(onset, toMs)}</td>
              <td>{ports === undefined ? '…' : portsText(badPorts, ports)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const MOST_LISTED = 4;
function portsText(bad: readonly number[], all: number): string {
  if (all === 0) return 'not held any more';
  if (bad.length === 0) return `none of ${all} just now`;
  const listed = bad.slice(0, MOST_LISTED).join(', ');
  return `${bad.length} of ${all}${bad.length === all ? ': every path' : `: ${listed}${bad.length > MOST_LISTED ? ' …' : ''}`}`;
}

interface PathsProps {
  readonly paths: PathsAnswer | undefined;
  readonly bounds: readonly number[];
  readonly past: boolean;
}

export function Paths({ paths, bounds, past }: PathsProps) {
  const losing = (paths?.paths ?? []).filter(({ lossPct }) => lossPct > 0);
  if (paths === undefined) return <p class="quiet">…</p>;
  if (past && paths.total === 0)
    return <p class="quiet">Those of then are not held any more: collectors keep the paths of their last intervals.</p>;
  if (losing.length === 0) return <p class="quiet">None of {formatCount(paths.total)} paths lost a probe.</p>;
  return (
    <div class="scroll">
      <table>
        <thead>
          <tr>
            {['loss', 'from → to', 'source port', 'class', 'lost of', 'mean'].map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {losing.map((path) => (
            <tr
              key={`${path.collector} ${path.group} ${path.source} ${path.sourcePort} ${path.target} ${path.port} ${path.class}`}
            >
              <td>
                <LossPill value={path.lossPct} bounds={bounds} />
              </td>
              <td>
                <button type="button" class="link" onClick={open({ ...path, collector: path.collector ?? '' })}>
                  {path.source} → {path.target}
                </button>
              </td>
              <td>{path.sourcePort ?? '–'}</td>
              <td>{path.class}</td>
              <td>
                {path.lost + path.unreachable} of {path.sent}
              </td>
              <td>{path.rttUs === null ? 'no reply' : formatUs(path.rttUs.mean)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const MOST_SLOW = 6;
export function Slowest({ rows }: { rows: readonly SummaryRow[] }) {
  return (
    <table>
      <tbody>
        {rows.slice(0, MOST_SLOW).map((row) => (
          <tr key={keyOf(row)}>
            <td>{formatUs(row.value)}</td>
            <td>
              <button type="button" class="link" onClick={open(row)}>
                {row.source} → {row.target}
              </button>
            </td>
            <td>{row.class}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
