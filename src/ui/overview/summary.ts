/** What the overview says of a matrix of all pairs and classes, however many there are: sums, and the worst few. Pure. */

import type { PackedAnswer } from '../lib/packed.js';

/** What `SummaryRow` is made of: asked for as rows and columns of the matrix. */
export const ROW_TAGS = ['collector', 'source'];
export const COLUMN_TAGS = ['group', 'target', 'class'];
export const FIELDS = 'sent,lost,unreachable,ageMs,stale';

/** A pair in one class. */
export interface SummaryRow {
  readonly collector: string;
  readonly group: string;
  readonly source: string;
  readonly target: string;
  readonly class: string;
  /** NaN: not measured. */
  readonly value: number;
}

export interface Freshness {
  readonly collector: string;
  /** Of its newest data. */
  readonly ageMs: number;
  readonly stale: boolean;
}

export interface Summary {
  /** What the data are of, epoch ms. */
  readonly window: { readonly startMs: number; readonly endMs: number };
  readonly rows: number;
  readonly stale: number;
  readonly sent: number;
  readonly failed: number;
  /** Rows that lose probes and are not stale, and the classes of those. */
  readonly losing: number;
  readonly losingClasses: readonly string[];
  readonly classes: number;
  /** Greatest values first: of loss those that lose. */
  readonly worst: readonly SummaryRow[];
  readonly collectors: readonly Freshness[];
}

export function summaryOf({ window, metric, rows, columns, cells }: PackedAnswer, most: number): Summary {
  const { row, column, value, sent, lost, unreachable, ageMs, stale } = cells;
  const classOf = (i: number): string => columns[column[i] ?? 0]?.[2] ?? '';
  const sums = { stale: 0, sent: 0, failed: 0, losing: 0 };
  const classes = new Set<string>();
  const losingClasses = new Set<string>();
  const freshest = new Map<string, Freshness>();
  const worst = new Worst(value, most);
  for (let i = 0; i < value.length; i++) {
    const failed = (lost?.[i] ?? 0) + (unreachable?.[i] ?? 0);
    const isStale = stale?.[i] === 1;
    sums.sent += sent?.[i] ?? 0;
    sums.failed += failed;
    if (isStale) sums.stale += 1;
    classes.add(classOf(i));
    if (failed > 0 && !isStale) {
      sums.losing += 1;
      losingClasses.add(classOf(i));
    }
    if (!isStale && (metric !== 'loss' || failed > 0)) worst.offer(i);
    const collector = rows[row[i] ?? 0]?.[0] ?? '';
    const age = ageMs?.[i] ?? 0;
    if (age < (freshest.get(collector)?.ageMs ?? Number.POSITIVE_INFINITY))
      freshest.set(collector, { collector, ageMs: age, stale: isStale });
  }
  return {
    ...sums,
    window,
    rows: value.length,
    classes: classes.size,
    losingClasses: [...losingClasses],
    worst: worst.cells.map((i) => {
      const [collector = '', source = ''] = rows[row[i] ?? 0] ?? [];
      const [group = '', target = '', name = ''] = columns[column[i] ?? 0] ?? [];
      return { collector, source, group, target, class: name, value: value[i] ?? Number.NaN };
    }),
    collectors: [...freshest.values()],
  };
}

/** The greatest few of many values, greatest first, of equal ones the first. */
class Worst {
  readonly cells: number[] = [];
  private readonly value: Float64Array;
  private readonly most: number;

  constructor(value: Float64Array, most: number) {
    this.value = value;
    this.most = most;
  }

  offer(i: number): void {
    const { cells, value, most } = this;
    const found = value[i] ?? Number.NaN;
    if (Number.isNaN(found)) return;
    if (cells.length === most && found <= (value[cells[most - 1] ?? 0] ?? 0)) return;
    let at = cells.length;
    while (at > 0 && (value[cells[at - 1] ?? 0] ?? 0) < found) at--;
    cells.splice(at, 0, i);
    if (cells.length > most) cells.pop();
  }
}
