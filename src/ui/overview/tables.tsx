/** The tables of the overview: worst pairs, worst paths, slowest pairs. */

import type { SlowPair } from '../../history/slowness.js';
import { answeringOf, countsOf, failureRank, failuresOf, reasonOf } from '../../stats/outcome.js';
import { formatLoss, formatUs } from '../lib/format.js';
import { levelOf } from '../lib/palette.js';
import { go } from '../lib/store.js';
import type { PathRow, PathsAnswer } from '../lib/types.js';
import { HeadRow } from '../shell/HeadRow.js';
import { type SummaryRow, withoutBadPathText } from '../worker/summary.js';
import { besideText, hasPorts, type Several } from './beside.js';
import type { Trouble } from './data.js';
import { sinceText } from './Verdict.js';

export const keyOf = (row: SummaryRow): string =>
  [row.collector, row.group, row.source, row.target, row.port, row.class].join(' ');
/** From where to where; a click shows that pair, with this port of the target only. */
type PairName = Pick<SummaryRow, 'collector' | 'group' | 'source' | 'target' | 'port'>;

function PairLink({ of: { collector, group, source, target, port } }: { of: PairName }) {
  const open = () => go({ view: 'pair', collector, group, source, target, port: String(port), class: '' });
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

/** The loss of a pair that answers; in words why another does not. */
function StatePill({ row, bounds }: { row: SummaryRow; bounds: readonly number[] }) {
  if (row.state === 'answers') return <LossPill value={row.value} bounds={bounds} />;
  return <span class={`pill ${row.state === 'silent' ? 'level4' : 'unmeasured'}`}>{row.reason ?? 'no answer'}</span>;
}

interface PairsProps {
  readonly troubles: readonly Trouble[];
  readonly bounds: readonly number[];
  readonly toMs: number | undefined;
  readonly several: Several;
}

/** Two collectors may have one source address, two groups one target. */
function Beside({ of, several }: { of: Parameters<typeof besideText>[0]; several: Several }) {
  const text = besideText(of, several);
  return text === '' ? null : <small class="quiet"> {text}</small>;
}

export function Pairs({ troubles, bounds, toMs, several }: PairsProps) {
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
                <StatePill row={row} bounds={bounds} />
                {row.state === 'answers' && row.reason !== null && <small class="quiet"> {row.reason}</small>}
              </td>
              <td>
                <PairLink of={row} />
                <Beside of={row} several={several} />
              </td>
              <td>{row.class}</td>
              <td>{onset === undefined ? '…' : sinceText(onset, toMs)}</td>
              <td>{row.state === 'unmeasured' ? '–' : ports === undefined ? '…' : portsText(badPorts, ports)}</td>
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
  readonly several: Several;
}

export function Paths({ paths, bounds, past, several }: PathsProps) {
  const bad = (paths?.paths ?? []).filter((path) => failureRank(path.received, failuresOf(countsOf(path))) > 0);
  if (paths === undefined) return <p class="quiet">…</p>;
  if (past && paths.total === 0)
    return <p class="quiet">No paths are kept of that time: collectors keep those of their last intervals.</p>;
  if (bad.length === 0) return <p class="quiet">{withoutBadPathText(paths.total)}</p>;
  return (
    <div class="scroll">
      <table>
        <thead>
          <HeadRow names={['loss', 'from → to', 'source port', 'class', 'lost of', 'mean, or why there is none']} />
        </thead>
        <tbody>
          {bad.map((path) => (
            <tr
              key={`${path.collector} ${path.group} ${path.source} ${path.sourcePort} ${path.target} ${path.port} ${path.class}`}
            >
              <td>
                <PathPill path={path} bounds={bounds} />
                {path.rttUs !== null && <small class="quiet"> {reasonOf(path) ?? ''}</small>}
              </td>
              <td>
                <PairLink of={{ ...path, collector: path.collector ?? '' }} />
                <Beside of={path} several={{ ...several, ports: hasPorts(paths.paths) }} />
              </td>
              <td>{path.sourcePort ?? '–'}</td>
              <td>{path.class}</td>
              <td>
                {path.lost + path.unreachable} of {path.sent}
              </td>
              <td>{path.rttUs === null ? (reasonOf(path) ?? 'no answer') : formatUs(path.rttUs.mean)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function PathPill({ path, bounds }: { path: PathRow; bounds: readonly number[] }) {
  if (path.lossPct !== null) return <LossPill value={path.lossPct} bounds={bounds} />;
  const isSilent = answeringOf(countsOf(path)) === 'silent';
  return isSilent ? <span class="pill level4">no answer</span> : <span class="pill unmeasured">not measured</span>;
}

const MOST_SLOW = 6;
export function Slowest({ rows, several }: { rows: readonly SummaryRow[]; several: Several }) {
  return (
    <table>
      <tbody>
        {rows.slice(0, MOST_SLOW).map((row) => (
          <tr key={keyOf(row)}>
            <td>{formatUs(row.value)}</td>
            <td>
              <PairLink of={row} />
              <Beside of={row} several={several} />
            </td>
            <td>{row.class}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Pairs that are slower than their own normal. */
export function Slower({ pairs, several }: { pairs: readonly SlowPair[]; several: Several }) {
  return (
    <div class="scroll">
      <table>
        <thead>
          <HeadRow names={['median', 'normal', 'from → to', 'class']} />
        </thead>
        <tbody>
          {pairs.map(
            ({
              row: [collector = '', source = ''],
              column: [group = '', target = '', port = '', name = ''],
              ...times
            }) => (
              <tr key={[collector, group, source, target, port, name].join(' ')}>
                <td>{formatUs(times.nowUs)}</td>
                <td>{formatUs(times.normalUs)}</td>
                <td>
                  <PairLink of={{ collector, group, source, target, port: Number(port) }} />
                  <Beside of={{ collector, group, port: Number(port) }} several={several} />
                </td>
                <td>{name}</td>
              </tr>
            ),
          )}
        </tbody>
      </table>
    </div>
  );
}
