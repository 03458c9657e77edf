/** A collector's own finished intervals, as its history takes them in. */

import type { HistoryInterval, HistoryRow } from '../matrix/types.js';
import { PATH_COLUMNS, ROW_TIMES } from './messages.js';
import type { StoredInterval } from './results.js';

const SENT = PATH_COLUMNS.indexOf('sent');
const RECEIVED = PATH_COLUMNS.indexOf('received');
const LOST = PATH_COLUMNS.indexOf('lost');
const UNREACHABLE = PATH_COLUMNS.indexOf('unreachable');

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
      ...{ samples, minNs, meanNs, maxNs, jitterNs, p50Ns, p90Ns, p99Ns },
      histogram: from === to ? null : sparse.subarray(from, to),
    };
  }
}
