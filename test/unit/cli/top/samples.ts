/** Pictures for the tests of how they are drawn. */

import type { MatrixAnswer, Pair, PathAnswer, Picture, View } from '../../../../src/cli/top/types.js';
import type { Answering } from '../../../../src/stats/outcome.js';

export const VIEW: View = {
  asked: { rows: 'source', columns: 'target', window: '1m', class: undefined, metric: 'loss' },
  sort: 'loss',
  filter: '',
  typing: false,
  help: false,
  focus: 'matrix',
  top: { matrix: 0, pairs: 0, paths: 0 },
  left: 0,
};

export interface Cell {
  readonly row: number;
  readonly column: number;
  readonly value: number | null;
  readonly sent?: number;
  readonly lost?: number;
  readonly stale?: boolean;
}

/** Of 1,000 probes a cell unless it says something else; of a time nothing is lost. */
export function matrixOf(
  rows: readonly string[],
  columns: readonly string[],
  cells: readonly Cell[],
  metric: MatrixAnswer['metric'] = 'loss',
): MatrixAnswer {
  const sent = cells.map((cell) => cell.sent ?? 1000);
  const lost = cells.map(
    (cell, i) => cell.lost ?? (metric === 'loss' ? Math.round((sent[i] * (cell.value ?? 0)) / 100) : 0),
  );
  return {
    window: { startMs: 1_000_000, endMs: 1_060_000, coveredMs: 60_000 },
    metric,
    unit: metric === 'loss' ? '%' : 'us',
    rowTags: ['source'],
    columnTags: ['target'],
    refusedRows: 0,
    rows: rows.map((name) => [name]),
    columns: columns.map((name) => [name]),
    cells: {
      row: cells.map(({ row }) => row),
      column: cells.map(({ column }) => column),
      value: cells.map(({ value }) => value),
      sent,
      lost,
      received: sent.map((count, i) => count - lost[i]),
      unreachable: cells.map(() => 0),
      tooBig: cells.map(() => 0),
      samples: sent,
      ageMs: cells.map(({ stale }) => (stale === true ? 60_000 : 2_000)),
      stale: cells.map(({ stale }) => stale === true),
      silentSeries: cells.map(() => 0),
      unmeasuredSeries: cells.map(() => 0),
      state: sent.map((count, i): Answering => (count === 0 ? 'unmeasured' : count === lost[i] ? 'silent' : 'answers')),
      reason: sent.map((count, i) => (count === 0 ? 'not sent' : count === lost[i] ? 'no answer' : null)),
    },
  };
}

export function pictureOf(matrix: MatrixAnswer, changes: Partial<Picture> = {}): Picture {
  const { cells, rows, columns } = matrix;
  const pairs = cells.row.map((row, i): Pair => {
    const { sent, lost, ageMs, stale, received } = cells;
    return {
      ...{
        collector: 'host-a',
        group: 'west',
        source: rows[row][0],
        target: columns[cells.column[i]][0],
        port: 8100,
        class: 'ef',
        unreachable: 0,
        tooBig: 0,
      },
      ...{
        sent: sent[i],
        lost: lost[i],
        lossPct: (100 * lost[i]) / sent[i],
        state: cells.state[i],
        reason: cells.reason[i],
        ageMs: ageMs[i],
        stale: stale[i],
      },
      timeUs: received[i] === 0 ? null : 80.5 + i,
    };
  });
  const paths = pairs.map((pair, i): PathAnswer => {
    const { source, target, sent, lost, lossPct } = pair;
    const received = sent - lost;
    const rttUs = pair.timeUs === null ? null : { min: 60, mean: pair.timeUs, max: 400 + i };
    return {
      source,
      target,
      sent,
      received,
      lost,
      lossPct,
      rttUs,
      sourcePort: 40_000 + i,
      group: 'west',
      port: 8100,
      class: 'ef',
      unreachable: 0,
      localDrops: 0,
    };
  });
  return {
    url: 'http://10.1.0.1:5000',
    takenAt: '2026-11-21T04:40:00.000Z',
    asked: { ...VIEW.asked, metric: matrix.metric },
    tool: {
      ...{ kind: 'collector', name: 'host-a', version: '0.1.0', intervalMs: 10_000, troubles: [] },
      facts: ['slips 12 (+3)', 'overflows 0', 'local drops 0', 'threads 3 of 3 running'],
    },
    matrix,
    timeMetric: 'p99',
    ageMs: 2_000,
    pairs,
    slowness: { compared: pairs.length, slow: 0, worst: [] },
    classes: ['cs0', 'ef'],
    paths: { total: paths.length, paths },
    ...changes,
  };
}

/** Four by four: whole, a small loss, a large one, no reply at all, stale, and one that was not measured. */
export function small(): Picture {
  const rows = ['10.1.0.1', '10.1.0.2', '10.1.0.3', 'a-name-of-a-host-that-is-far-too-long-for-a-terminal.example.net'];
  const columns = ['10.2.0.1', '10.2.0.2', '2001:db8:1234:5678:9abc:def0:1234:5678', '測定対象'];
  const values = [0, 0.1, 2.5, 100, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.3, 0];
  const cells = values.map((value, i) => ({ row: i >> 2, column: i & 3, value, stale: i === 9 }));
  return pictureOf(matrixOf(rows, columns, cells));
}

/** A thousand rows of forty columns; row 777 loses. */
export function large(): Picture {
  const rows = Array.from({ length: 1_000 }, (_, i) => `host-${String(i).padStart(4, '0')}`);
  const columns = Array.from({ length: 40 }, (_, i) => `rack-${String(i).padStart(2, '0')}`);
  const cells = rows.flatMap((_, row) =>
    columns.map((_, column) => ({ row, column, value: row === 777 ? column / 10 : 0 })),
  );
  const picture = pictureOf(matrixOf(rows, columns, cells));
  return { ...picture, paths: { total: 640_000, paths: picture.paths.paths.slice(0, 1_000) } };
}

export const TROUBLES = [
  'scheduleSlips: 1200 of 64000 planned probes were not sent in time lately; this host is too busy',
  'thread prober 1: restarting: \u001b[2Jkilled',
  'receiveQueueDrops: 7 packets were dropped by full receive queues of this host lately',
  'clockSteps: 1 steps of the wall clock were seen lately; RTTs around them were thrown away',
];
