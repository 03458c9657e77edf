/** Adapts a collector's own finished intervals to its history. */

import type { HistoryInterval, HistoryRow } from '../../history/types.js';
import { reasonOf } from '../../stats/outcome.js';
import type { Explained } from '../../stats/reasons.js';
import { type IntervalReport, PATH_COLUMNS, ROW_TIMES } from '../../threads/messages.js';
import type { StoredInterval } from './results.js';

const SENT = PATH_COLUMNS.indexOf('sent');
const RECEIVED = PATH_COLUMNS.indexOf('received');
const LOST = PATH_COLUMNS.indexOf('lost');
const UNREACHABLE = PATH_COLUMNS.indexOf('unreachable');
const TOO_BIG = PATH_COLUMNS.indexOf('tooBig');
const SEND_ERRORS = PATH_COLUMNS.indexOf('sendErrors');
const LOCAL_DROPS = PATH_COLUMNS.indexOf('localDrops');

/** `intervalMs` is the usual length: the first interval of a process, and the last, are shorter. */
export function historyInterval(collector: string, intervalMs: number, interval: StoredInterval): HistoryInterval {
  const { startMs, endMs, clockStepMs } = interval.report;
  const { clockEpoch } = interval;
  return { collector, clockEpoch, intervalMs, startMs, endMs, aheadMs: clockStepMs, rows: rowsOf(interval) };
}

function* rowsOf({ report, infos }: StoredInterval): Generator<HistoryRow> {
  const { rowCounters, forHistory } = report;
  if (forHistory === null) return;
  const { times, sparse, sparseOffsets } = forHistory;
  for (const [i, { group, target, class: trafficClass, source }] of infos.entries()) {
    const counters = rowCounters.subarray(i * PATH_COLUMNS.length, (i + 1) * PATH_COLUMNS.length);
    const [samples, meanNs, minNs, maxNs, jitterNs, p50Ns, p90Ns, p99Ns] = times.subarray(
      i * ROW_TIMES.length,
      (i + 1) * ROW_TIMES.length,
    );
    const from = sparseOffsets[i];
    const to = sparseOffsets[i + 1];
    yield {
      group: group.name,
      source,
      target: target.address,
      port: target.port,
      class: trafficClass.name,
      tags: target.tags,
      sent: counters[SENT],
      received: counters[RECEIVED],
      lost: counters[LOST],
      unreachable: counters[UNREACHABLE],
      tooBig: counters[TOO_BIG],
      sendErrors: counters[SEND_ERRORS],
      localDrops: counters[LOCAL_DROPS],
      reason: reasonOfRow(report, i, counters),
      ...{ samples, minNs, meanNs, maxNs, jitterNs, p50Ns, p90Ns, p99Ns },
      histogram: from === to ? null : sparse.subarray(from, to),
    };
  }
}

/**
 * Errnos, ICMP errors and the MTU stand in the row's text only, which is read where there are any: few rows, as a rule.
 */
function reasonOfRow({ rows, rowOffsets }: IntervalReport, row: number, counters: Uint32Array): string | null {
  if (counters[UNREACHABLE] + counters[TOO_BIG] + counters[SEND_ERRORS] === 0)
    return counters[RECEIVED] > 0 ? null : reasonOf(plainCounts(counters));
  const text = Buffer.from(rows.buffer, rows.byteOffset + rowOffsets[row], rowOffsets[row + 1] - 1 - rowOffsets[row]);
  return reasonOf(JSON.parse(text.toString()) as Explained);
}

const plainCounts = (counters: Uint32Array): Explained => ({
  target: '',
  sent: counters[SENT],
  received: counters[RECEIVED],
  lost: counters[LOST],
  unreachable: counters[UNREACHABLE],
  localDrops: counters[LOCAL_DROPS],
});
