/** The tables of the overview: worst pairs, worst paths, slowest pairs. */

import { formatCount, formatLoss, formatUs } from '../lib/format.js';
import { levelOf } from '../lib/palette.js';
import { go } from '../lib/store.js';
import type { PathsAnswer } from '../lib/types.js';
import { HeadRow } from '../shell/HeadRow.js';
import type { Trouble } from './data.js';
import type { SummaryRow } from './summary.js';
import { sinceText } from './Verdict.js';

export const keyOf = (row: SummaryRow): string =>
  [row.collector, row.group, row.source, row.target, row.class].join(' ');
/** From where to where; a click shows that pair. */
function PairLink({ of: { collector, group, source, target } }: { of: Omit<SummaryRow, 'class' | 'value'> }) {
  const open = () => go({ view: 'pair', collector, group, source, target, class: '' });
  return (
    <button type="button" class="link" onClick={open}>
      {source} → {target}
    </button>
  );
}

function LossPill({ value, bounds }: { value: number | null; bounds: readonly number[] }) {
  if (value === null) return <span class="pill">not sent</span>;
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
          <HeadRow names={['loss', 'from → to', 'class', 'since', 'source ports that lose']} />
        </thead>
        <tbody>
          {troubles.map(({ row, onset, badPorts, ports }) => (
            <tr key={keyOf(row)}>
              <td>
                <LossPill value={row.value} bounds={bounds} />
              </td>
              <td>
                <PairLink of={row} />
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
  const losing = (paths?.paths ?? []).filter(({ lossPct }) => lossPct === null || lossPct > 0);
  if (paths === undefined) return <p class="quiet">…</p>;
  if (past && paths.total === 0)
    return <p class="quiet">Those of then are not held any more: collectors keep the paths of their last intervals.</p>;
  if (losing.length === 0) return <p class="quiet">None of {formatCount(paths.total)} paths lost a probe.</p>;
  return (
    <div class="scroll">
      <table>
        <thead>
          <HeadRow names={['loss', 'from → to', 'source port', 'class', 'lost of', 'mean']} />
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
                <PairLink of={{ ...path, collector: path.collector ?? '' }} />
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
              <PairLink of={row} />
            </td>
            <td>{row.class}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
