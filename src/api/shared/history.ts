/** `GET /v1/history`: how pairs went over time, with the resolution that the memory of the history left. */

import type { FastifyInstance } from 'fastify';
import { LlamaError } from '../../base/errors.js';
import { Breather } from '../../base/yielding.js';
import { parseAddress } from '../../config/address.js';
import { newestEndOf, STALE_INTERVALS, stateOf } from '../../history/answering.js';
import type { MatrixHistory } from '../../history/history.js';
import { withoutGaps } from '../../history/matrix.js';
import type { Slot } from '../../history/slot.js';
import { matching, type Point, pointOf, slotsWithin } from '../../history/timeSeries.js';
import { HdrTextEncoder } from '../../stats/hdrText.js';
import { HistogramSum } from '../../stats/histogramSum.js';
import { OUTCOME_COUNTS } from '../../stats/outcome.js';
import { PERCENTILES_PER_MILLE, roundedUs } from '../../stats/row.js';
import { bodyOf, Chunk } from '../server/bodies.js';
import { HistoryQuery, HistorySchema } from './matrixSchemas.js';

const DEFAULT_LIMIT = 20;
const TIMES = [
  ['p50', 'p50Ns'],
  ['p90', 'p90Ns'],
  ['p99', 'p99Ns'],
  ['max', 'maxNs'],
] as const;

export function historyRoute(app: FastifyInstance, history: MatrixHistory): void {
  const schema = {
    operationId: 'getHistory',
    summary: 'Loss and latency over time',
    tags: ['results'],
    querystring: HistoryQuery,
    response: { 200: HistorySchema },
  };
  app.get<{ Querystring: HistoryQuery }>('/v1/history', { schema }, async (request, reply) => {
    const { from = 0, to = Number.MAX_SAFE_INTEGER, limit = DEFAULT_LIMIT, histograms, ...names } = request.query;
    if (from >= to) {
      const message = `found the time from ${from} to ${to}, expected from to be before to, both in epoch milliseconds`;
      throw new LlamaError('LLAMA_REQUEST_INVALID', message, { problems: [{ path: '/query/from', message }] });
    }
    const filter = {
      ...names,
      source: canonical(names.source),
      target: canonical(names.target),
      class: names.class?.toLowerCase(),
    };
    const aheadMs = history.clockAheadMs();
    const slots = slotsWithin(history, from - aheadMs, to - aheadMs);
    const found = await matching(history, filter, limit);
    const toMs = request.query.to === undefined ? undefined : to - aheadMs;
    const asked = { aheadMs, toMs, withHistograms: histograms === '1' };
    return reply.type('application/json; charset=utf-8').send(bodyOf(historyBody(history, slots, found, asked)));
  });
}

const canonical = (address: string | undefined): string | undefined =>
  address === undefined ? undefined : (parseAddress(address)?.address ?? address);

interface Asked {
  readonly aheadMs: number;
  /** End of a window in the past; undefined: now. */
  readonly toMs: number | undefined;
  readonly withHistograms: boolean;
}

async function* historyBody(
  history: MatrixHistory,
  slots: readonly Slot[],
  { series, total }: { readonly series: readonly number[]; readonly total: number },
  { aheadMs, toMs, withHistograms }: Asked,
): AsyncGenerator<Buffer> {
  const breather = new Breather();
  const chunk = new Chunk();
  const startMs = slots.map((slot) => slot.startMs + aheadMs);
  const endMs = slots.map((slot) => slot.endMs + aheadMs);
  chunk.addText(`${JSON.stringify({ startMs, endMs, total }).slice(0, -1)},"series":[`);
  let first = true;
  for (const one of series) {
    if (breather.dueNow) await breather.breathe();
    // It may be gone, when the reader took its time.
    if (!history.series.isUsed(one)) continue;
    const merged = withHistograms ? { merged: mergedOf(slots, one, aheadMs) } : {};
    chunk.addText(`${first ? '' : ','}${JSON.stringify({ ...seriesJson(history, slots, one, toMs), ...merged })}`);
    first = false;
    if (chunk.full) yield chunk.take();
  }
  chunk.addText(']}');
  yield chunk.take();
}

function seriesJson(
  { series: table, now }: MatrixHistory,
  slots: readonly Slot[],
  series: number,
  toMs: number | undefined,
): Record<string, unknown> {
  // The slots that a matrix of this end is made of.
  const judged = toMs === undefined ? undefined : slots.filter((slot) => slot.fromMs < toMs);
  const ageMs = Math.max(0, (toMs ?? now()) - newestEndOf(table, series, judged));
  const points = slots.map((slot) => pointOf(slot, series));
  const column = <Value>(value: (point: Point) => Value): (Value | null)[] =>
    points.map((point) => (point === undefined ? null : value(point)));
  return {
    collector: table.collector(series),
    group: table.group(series),
    source: table.source(series),
    target: table.target(series),
    port: table.port(series),
    class: table.class(series),
    tags: table.tags(series),
    intervalMs: table.intervalMs(series),
    ageMs,
    stale: ageMs > STALE_INTERVALS * table.cadenceMs(series),
    state: stateOf(table, series, judged),
    reason: judged === undefined ? table.reason(series) : null,
    ...Object.fromEntries(OUTCOME_COUNTS.map((name) => [name, column((point) => point[name])])),
    // NaN becomes null.
    ...Object.fromEntries(TIMES.map(([name, field]) => [name, column((point) => roundedUs(point[field]))])),
    upperBound: points.map((point) => point?.upperBound === true),
  };
}

/** Used for one series after the other, without a pause in between. */
const encoder = new HdrTextEncoder();
const sum = new HistogramSum();
const percentilesNs = new Float64Array(PERCENTILES_PER_MILLE.length);

/** All round trips of a series in the slots with histograms; null without any. */
function mergedOf(slots: readonly Slot[], series: number, aheadMs: number): object | null {
  const kept = withoutGaps(slots).filter((slot) => slot.has(series));
  sum.clear();
  for (const slot of kept) slot.histograms?.addTo(series, sum);
  if (sum.total === 0) return null;
  sum.percentiles(PERCENTILES_PER_MILLE, percentilesNs);
  // A percentile is the upper bound of its bucket, but never above the exact maximum.
  const maxNs = kept.reduce((most, slot) => Math.max(most, pointOf(slot, series)?.maxNs || 0), 0);
  const [p50, p90, p99, p999] = percentilesNs.map((ns) => roundedUs(maxNs > 0 ? Math.min(ns, maxNs) : ns));
  return {
    startMs: Math.min(...kept.map(({ startMs }) => startMs)) + aheadMs,
    endMs: Math.max(...kept.map(({ endMs }) => endMs)) + aheadMs,
    samples: sum.total,
    rttUs: { p50, p90, p99, p999, max: roundedUs(maxNs) },
    hdr: encoder.encode(sum),
  };
}
