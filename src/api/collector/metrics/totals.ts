/**
 * Sums over all finished intervals, a line per series: the source of Prometheus' counters and histograms.
 *
 * They are exact: a sum equals that of the rows of `/v1/results` with the same labels. Invariants: no interval of a
 * series in the plan is lost, and no series outlives its place in the plan.
 */

import type { StoredInterval, StreamInfo } from '../../../collector/results/results.js';
import type { Group } from '../../../config/types.js';
import { RTT_BUCKETS } from '../../../stats/rttBuckets.js';
import { type IntervalReport, PATH_COLUMNS } from '../../../threads/messages.js';

/** A line of values: `PATH_COLUMNS`, the sum of the RTTs in ns, `RTT_BUCKETS`. */
export const RTT_SUM = PATH_COLUMNS.length;
export const FIRST_BUCKET = RTT_SUM + 1;
const LINE = FIRST_BUCKET + RTT_BUCKETS;

/** The labels of a series as text, without braces. */
export interface Series {
  readonly labels: string;
  readonly values: Float64Array;
  /** Number of rows of the last interval with probes and without any reply. */
  silent: number;
  /** Number of rows of the last interval with refused probes only: nothing is known of the network to their targets. */
  unmeasured: number;
}

/** Which series there are: one for each key. */
interface SeriesKind {
  /** How many series a group has. */
  readonly count: (group: Group) => number;
  /** Every series of a group, with its key and labels; calls back. */
  readonly each: (group: Group, take: (key: string, labels: string) => void) => void;
  /** The series that a row belongs to. */
  readonly keyOf: (info: StreamInfo) => string;
}

/** `name="value"`, escaped as Prometheus' text format wants it. */
export function label(name: string, value: string): string {
  return `${name}="${value.replace(/[\\"\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`))}"`;
}

export const BY_TARGET: SeriesKind = {
  count: ({ targets, classes }) => targets.length * classes.length,
  each: (group, take) => {
    const start = label('group', group.name);
    for (const { address, port } of group.targets)
      for (const { name } of group.classes)
        take(
          targetKey(group.name, address, port, name),
          `${start},${label('target', address)},port="${port}",${label('class', name)}`,
        );
  },
  keyOf: ({ group, target, class: { name } }) => targetKey(group.name, target.address, target.port, name),
};

export const BY_GROUP: SeriesKind = {
  count: ({ classes }) => classes.length,
  each: (group, take) => {
    for (const { name } of group.classes)
      take(groupKey(group.name, name), `${label('group', group.name)},${label('class', name)}`);
  },
  keyOf: ({ group, class: { name } }) => groupKey(group.name, name),
};

const targetKey = (group: string, address: string, port: number, className: string): string =>
  `${group} ${className} ${address} ${port}`;
const groupKey = (group: string, className: string): string => `${group} ${className}`;

/** Groups with series within the limit, and the others, which are left out. */
interface Selection {
  readonly kept: readonly Group[];
  readonly omitted: readonly Group[];
}

/**
 * Leaves out whole groups, the largest first, until the others have at most `most` series: a group has all of its
 * series or none, and a large group does not displace small ones. Among groups of the same size the last by name goes
 * first.
 */
function select(groups: readonly Group[], kind: SeriesKind, most: number): Selection {
  const bySize = groups.toSorted((a, b) => kind.count(a) - kind.count(b) || (a.name < b.name ? -1 : 1));
  const kept = new Set<Group>();
  let series = 0;
  for (const group of bySize) {
    series += kind.count(group);
    if (series > most) break;
    kept.add(group);
  }
  return { kept: groups.filter((group) => kept.has(group)), omitted: groups.filter((group) => !kept.has(group)) };
}

export class SeriesTotals {
  private readonly kind: SeriesKind;
  private readonly most: number;
  private groups: readonly Group[] = [];
  private selection: Selection = { kept: [], omitted: [] };
  private byKey = new Map<string, Series>();
  /** The series of a row; forgotten when the plan changes. */
  private bySource = new WeakMap<StreamInfo, Series | { readonly values: undefined }>();

  /** With `most`, whole groups are left out when there are more series. */
  constructor(kind: SeriesKind, most = Number.POSITIVE_INFINITY) {
    this.kind = kind;
    this.most = most;
  }

  /** Groups that have series, in the order of the plan. */
  get kept(): readonly Group[] {
    return this.selection.kept;
  }

  /** Groups without series, because there would be too many. */
  get omitted(): readonly Group[] {
    return this.selection.omitted;
  }

  /** How many series are left out. */
  get omittedSeries(): number {
    return this.omitted.reduce((sum, group) => sum + this.kind.count(group), 0);
  }

  /**
   * Makes the series match the plan: new ones begin at 0, existing ones keep their sums. Cheap when nothing changed.
   */
  follow(groups: readonly Group[]): void {
    if (groups.length === this.groups.length && groups.every((group, i) => group === this.groups[i])) return;
    const before = this.byKey;
    this.groups = [...groups];
    this.byKey = new Map();
    this.bySource = new WeakMap();
    this.selection = select(groups, this.kind, this.most);
    for (const group of this.kept)
      this.kind.each(group, (key, labels) => {
        this.byKey.set(key, before.get(key) ?? { labels, values: new Float64Array(LINE), silent: 0, unmeasured: 0 });
      });
  }

  /** Adds a finished interval; rows of no series are left out. */
  add({ report, infos }: StoredInterval): void {
    for (const series of this.byKey.values()) {
      series.silent = 0;
      series.unmeasured = 0;
    }
    if (this.byKey.size === 0) return;
    for (let row = 0; row < infos.length; row++) {
      const series = this.seriesOf(infos[row]);
      if (series.values === undefined) continue;
      addRow(series.values, report, row);
      if (isSilent(report, row)) series.silent += 1;
      if (isUnmeasured(report, row)) series.unmeasured += 1;
    }
  }

  /** The series as they are now, which later intervals do not change. */
  snapshot(): Series[] {
    return Array.from(this.byKey.values(), (series) => ({ ...series, values: series.values.slice() }));
  }

  private seriesOf(info: StreamInfo): Series | { readonly values: undefined } {
    let series = this.bySource.get(info);
    if (series === undefined) {
      series = this.byKey.get(this.kind.keyOf(info)) ?? { values: undefined };
      this.bySource.set(info, series);
    }
    return series;
  }
}

const SENT = PATH_COLUMNS.indexOf('sent');
const RECEIVED = PATH_COLUMNS.indexOf('received');
const LOCAL_DROPS = PATH_COLUMNS.indexOf('localDrops');
const SEND_ERRORS = PATH_COLUMNS.indexOf('sendErrors');

/** Probes that this host dropped say nothing of a target. */
function isSilent({ rowCounters }: IntervalReport, row: number): boolean {
  const at = row * RTT_SUM;
  return rowCounters[at + SENT] > rowCounters[at + LOCAL_DROPS] && rowCounters[at + RECEIVED] === 0;
}

function isUnmeasured({ rowCounters }: IntervalReport, row: number): boolean {
  return rowCounters[row * RTT_SUM + SENT] === 0 && rowCounters[row * RTT_SUM + SEND_ERRORS] > 0;
}

function addRow(values: Float64Array, report: IntervalReport, row: number): void {
  const { rowCounters, rowRttSumsNs, rowRttBuckets } = report;
  for (let column = 0; column < RTT_SUM; column++) values[column] += rowCounters[row * RTT_SUM + column];
  values[RTT_SUM] += rowRttSumsNs[row];
  for (let bucket = 0; bucket < RTT_BUCKETS; bucket++)
    values[FIRST_BUCKET + bucket] += rowRttBuckets[row * RTT_BUCKETS + bucket];
}
