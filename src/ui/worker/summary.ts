/** Sums over a matrix of all pairs and classes, however many there are, and the worst few of them. Pure. */

import type { Answering } from '../../stats/outcome.js';
import { formatCount } from '../lib/format.js';
import { type PackedAnswer, stateOf } from '../lib/packed.js';
import type { Newest } from '../lib/types.js';

/** The tags of `SummaryRow`, requested as rows and columns of the matrix. */
export const ROW_TAGS = ['collector', 'source'];
export const COLUMN_TAGS = ['group', 'target', 'port', 'class'];
export const FIELDS = 'sent,received,lost,unreachable,tooBig,ageMs,stale,state,reason';

/** A pair in one class. */
export interface SummaryRow {
  readonly collector: string;
  readonly group: string;
  readonly source: string;
  readonly target: string;
  readonly port: number;
  readonly class: string;
  /** NaN: not measured. */
  readonly value: number;
  readonly state: Answering;
  /** Always there for a row without an answer. */
  readonly reason: string | null;
}

interface Freshness {
  readonly collector: string;
  /** Age of its newest data. */
  readonly ageMs: number;
  readonly stale: boolean;
}

export interface Summary {
  /** The time that the data cover, epoch ms. */
  readonly window: { readonly startMs: number; readonly endMs: number };
  readonly newest: Newest;
  readonly rows: number;
  readonly groups: number;
  /** Targets have more than one port between them: a port is part of the name of a pair. */
  readonly severalPorts: boolean;
  readonly stale: number;
  readonly sent: number;
  readonly received: number;
  readonly failed: number;
  /** Rows that answer, lose probes and are not stale. */
  readonly losing: number;
  /** Current rows without any reply, by the side of the trouble: the network, or this host. */
  readonly silent: number;
  readonly unmeasured: number;
  /** Current rows that answer and had probes that were too big for the path. */
  readonly tooBig: number;
  /** The first of the unmeasured ones. */
  readonly firstUnmeasured: SummaryRow | undefined;
  /** Classes of losing and silent rows. */
  readonly losingClasses: readonly string[];
  readonly classes: number;
  /** Greatest values first; for loss: rows without an answer, rows that are not measured, rows with loss. */
  readonly worst: readonly SummaryRow[];
  readonly collectors: readonly Freshness[];
}

/** The noun for counts of rows: with several classes, a pair is counted once for each. */
export const rowUnit = (summary: Pick<Summary, 'classes'> | undefined): string =>
  (summary?.classes ?? 0) > 1 ? 'pairs and classes' : 'pairs';

export function summaryOf({ window, newest, metric, rows, columns, cells }: PackedAnswer, most: number): Summary {
  const { row, column, value, sent, received, lost, unreachable, tooBig, ageMs, stale, reason } = cells;
  const classOf = (i: number): string => columns[column[i] ?? 0]?.[3] ?? '';
  const sums = { stale: 0, sent: 0, received: 0, failed: 0, losing: 0, silent: 0, unmeasured: 0, tooBig: 0 };
  let firstUnmeasured: number | undefined;
  const classes = new Set<string>();
  const losingClasses = new Set<string>();
  const freshest = new Map<string, Freshness>();
  const rank = (i: number): number =>
    metric === 'loss' ? (RANKS[stateOf(cells, i)] ?? value[i] ?? Number.NaN) : (value[i] ?? Number.NaN);
  const worst = new Worst(rank, most);
  const rowOf = (i: number): SummaryRow => {
    const [collector = '', source = ''] = rows[row[i] ?? 0] ?? [];
    const [group = '', target = '', port = '', name = ''] = columns[column[i] ?? 0] ?? [];
    const said = { value: value[i] ?? Number.NaN, state: stateOf(cells, i), reason: reason?.[i] ?? null };
    return { collector, source, group, target, port: Number(port), class: name, ...said };
  };
  for (let i = 0; i < value.length; i++) {
    const failed = (lost?.[i] ?? 0) + (unreachable?.[i] ?? 0);
    const isStale = stale?.[i] === 1;
    sums.sent += sent?.[i] ?? 0;
    sums.received += received?.[i] ?? 0;
    sums.failed += failed;
    if (isStale) sums.stale += 1;
    classes.add(classOf(i));
    const state = stateOf(cells, i);
    if (!isStale) {
      if (state === 'silent') sums.silent += 1;
      else if (state === 'unmeasured') sums.unmeasured += 1;
      else if (failed > 0) sums.losing += 1;
      if (state === 'answers' && (tooBig?.[i] ?? 0) > 0) sums.tooBig += 1;
      if (state === 'silent' || (state === 'answers' && failed > 0)) losingClasses.add(classOf(i));
      if (state === 'unmeasured') firstUnmeasured ??= i;
      if (metric !== 'loss' || state !== 'answers' || failed > 0) worst.offer(i);
    }
    const collector = rows[row[i] ?? 0]?.[0] ?? '';
    const age = ageMs?.[i] ?? 0;
    if (age < (freshest.get(collector)?.ageMs ?? Number.POSITIVE_INFINITY))
      freshest.set(collector, { collector, ageMs: age, stale: isStale });
  }
  return {
    ...sums,
    window,
    newest,
    firstUnmeasured: firstUnmeasured === undefined ? undefined : rowOf(firstUnmeasured),
    rows: value.length,
    groups: new Set(columns.map(([group]) => group)).size,
    severalPorts: columns.some(([, , port]) => port !== columns[0]?.[2]),
    classes: classes.size,
    losingClasses: [...losingClasses],
    worst: worst.cells.map(rowOf),
    collectors: [...freshest.values()],
  };
}

/** Replaces the worst pairs when no pair has a trouble; claims no loss only for pairs with current data. */
export function withoutTroubleText({ rows, stale }: Pick<Summary, 'rows' | 'stale'>): string {
  if (rows === 0) return 'No data yet.';
  return stale === rows ? 'All data are stale: nothing is known of loss.' : 'No loss on any pair with current data.';
}

/** Replaces the worst paths when none is bad. */
export const withoutBadPathText = (total: number): string =>
  total === 0 ? 'No paths in the last interval.' : `No loss on ${formatCount(total)} paths.`;

/** Above every loss. */
const RANKS: Readonly<Partial<Record<Answering, number>>> = { silent: 102, unmeasured: 101 };

/** The greatest few of many values, greatest first, of equal ones the first. */
class Worst {
  readonly cells: number[] = [];
  private readonly value: (i: number) => number;
  private readonly most: number;

  constructor(value: (i: number) => number, most: number) {
    this.value = value;
    this.most = most;
  }

  offer(i: number): void {
    const { cells, value, most } = this;
    const found = value(i);
    if (Number.isNaN(found)) return;
    if (cells.length === most && found <= value(cells[most - 1] ?? 0)) return;
    let at = cells.length;
    while (at > 0 && value(cells[at - 1] ?? 0) < found) at--;
    cells.splice(at, 0, i);
    if (cells.length > most) cells.pop();
  }
}
