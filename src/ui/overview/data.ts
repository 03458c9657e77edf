/** What the overview is made of: the worst pairs, since when they are bad, and which of their paths. */

import { get } from '../lib/api.js';
import type { HistoryAnswer, MatrixAnswer, PathsAnswer, Status } from '../lib/types.js';
import { isScraper } from '../lib/types.js';
import { type Onset, onsetOf } from './onset.js';

export interface Row {
  readonly collector: string;
  readonly group: string;
  readonly source: string;
  readonly target: string;
  readonly class: string;
  readonly value: number | null;
  readonly sent: number;
  readonly failed: number;
  readonly ageMs: number;
  readonly stale: boolean;
}

const ROW_TAGS = ['collector', 'source'];
const COLUMN_TAGS = ['group', 'target', 'class'];

export async function askRows(metric: string, window: string, signal: AbortSignal): Promise<Row[]> {
  const answer = await get<MatrixAnswer>(
    '/v1/matrix',
    {
      rows: ROW_TAGS.join(),
      columns: COLUMN_TAGS.join(),
      metric,
      window,
      format: 'columns',
      fields: 'sent,lost,unreachable,ageMs,stale',
    },
    signal,
  );
  const { cells, rows, columns } = answer;
  return cells.value.map((value, i) => {
    const [collector = '', source = ''] = rows[cells.row[i] ?? 0] ?? [];
    const [group = '', target = '', name = ''] = columns[cells.column[i] ?? 0] ?? [];
    const failed = (cells.lost[i] ?? 0) + (cells.unreachable[i] ?? 0);
    return {
      collector,
      group,
      source,
      target,
      class: name,
      value,
      sent: cells.sent[i] ?? 0,
      failed,
      ageMs: cells.ageMs[i] ?? 0,
      stale: cells.stale[i] ?? false,
    };
  });
}

export interface Trouble {
  readonly row: Row;
  readonly onset: Onset | undefined;
  readonly badPorts: readonly number[];
  readonly ports: number;
}

/** What is behind the worst rows. Answers that cannot be had leave a row as it is. */
export function askTroubles(rows: readonly Row[], scrapes: boolean, signal: AbortSignal): Promise<Trouble[]> {
  return Promise.all(
    rows.map(async (row) => {
      const { collector, group, source, target, class: name } = row;
      const [history, paths] = await Promise.all([
        get<HistoryAnswer>('/v1/history', { collector, group, source, target, class: name, limit: '1' }, signal).catch(
          () => undefined,
        ),
        get<PathsAnswer>('/v1/paths', { group, target, class: name, ...(scrapes ? { collector } : {}) }, signal).catch(
          () => undefined,
        ),
      ]);
      const mine = (paths?.paths ?? []).filter((path) => path.source === source);
      const series = history?.series[0];
      return {
        row,
        onset: series === undefined || history === undefined ? undefined : onsetOf(history.startMs, series),
        badPorts: mine
          .filter((path) => path.lossPct > 0)
          .flatMap(({ sourcePort }) => (sourcePort === null ? [] : [sourcePort])),
        ports: mine.length,
      };
    }),
  );
}

/** Counters that tell of the tool and not of the network, with what they mean. */
export const OWN_COUNTERS: Readonly<Record<string, string>> = {
  scheduleSlips: 'probes skipped: this host was too busy to send them',
  ringOverflows: 'outcomes dropped between threads',
  threadLosses: 'outcomes lost with a thread that died',
  localDrops: 'replies dropped by this host',
  sendErrors: 'probes the kernel refused to send',
  clockSteps: 'steps of the clock',
};

export interface OwnTrouble {
  readonly text: string;
  /** It is so now, and not only since the start. */
  readonly now: boolean;
}

/** Pure: what the tool says of itself; `before` is an earlier answer. */
export function ownTroubles(status: Status, before: Status | undefined): OwnTrouble[] {
  const troubles: OwnTrouble[] = status.warnings.map((text) => ({ text, now: true }));
  if (isScraper(status)) {
    for (const { name, url, state, lastError } of status.collectors)
      if (state === 'down' || state === 'behind')
        troubles.push({ text: `${name ?? url} is ${state}${lastError === null ? '' : `: ${lastError}`}`, now: true });
    for (const { name, up, lastError } of status.writers)
      if (!up && lastError !== null) troubles.push({ text: `the writer ${name} fails: ${lastError}`, now: true });
    return troubles;
  }
  for (const { thread, state, restarts, lastError } of [...status.workers, status.aggregator]) {
    if (state !== 'running')
      troubles.push({ text: `thread ${thread} is ${state}${lastError === null ? '' : `: ${lastError}`}`, now: true });
    else if (restarts > 0)
      troubles.push({ text: `thread ${thread} was started again ${restarts} times: ${lastError ?? ''}`, now: false });
  }
  for (const [name, meaning] of Object.entries(OWN_COUNTERS)) {
    const count = status.totals[name] ?? 0;
    const was = before === undefined || isScraper(before) ? count : (before.totals[name] ?? 0);
    if (count > 0)
      troubles.push({ text: `${name} ${count.toLocaleString('en')} since the start: ${meaning}`, now: count > was });
  }
  return troubles;
}
