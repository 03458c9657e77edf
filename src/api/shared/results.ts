/**
 * `GET /v1/results`: finished intervals after a cursor. The rows are JSON already, made by the aggregator. This module
 * only cuts and joins bytes, so that an answer of many megabytes costs the main thread next to nothing.
 */

import type { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import type { SteadyClock } from '../../base/steadyClock.js';
import { Breather } from '../../base/yielding.js';
import { aheadOf, type ResultsPage, type StoredInterval } from '../../collector/results/results.js';
import type { CollectorService } from '../../collector/service.js';
import type { IntervalReport } from '../../threads/messages.js';
import { asBuffer, bodyOf, Chunk } from '../server/bodies.js';
import { ResultsQuery } from '../server/schemas.js';
import { ResultsSchema } from './answers.js';
import { type FilteredInfo, type RowFilter, rowFilter } from './filter.js';

/** An answer has the whole intervals that fit in this, and at least one. */
export const PAGE_BYTES = 16 * 2 ** 20;

/** Registers the route. `pageBytes` is the size of an answer before filters, for tests. */
export function resultsRoute(app: FastifyInstance, service: CollectorService, pageBytes = PAGE_BYTES): void {
  const schema = {
    operationId: 'getResults',
    summary: 'Finished intervals after a cursor',
    tags: ['results'],
    querystring: ResultsQuery,
    response: { 200: ResultsSchema },
  };
  app.get<{ Querystring: ResultsQuery }>('/v1/results', { schema }, (request, reply) => {
    const { after = 0, limit, histograms } = request.query;
    const filter = rowFilter(request.query);
    const withHistograms = histograms === '1';
    const held = service.results.after(after, limit ?? Number.MAX_SAFE_INTEGER);
    const page = fitting(held, pageBytes, withHistograms);
    const { name, intervalMs } = service.config.collector;
    const { next, oldest, gap } = page;
    const head = { collector: name, intervalMs, nowMs: service.clock.wallMs(), next, oldest, gap };
    return reply
      .type('application/json; charset=utf-8')
      .send(pageBody(head, page.intervals, filter, withHistograms, (interval) => placeJson(interval, service.clock)));
  });
}

/** Whole intervals up to `pageBytes`, at least one. The size counts all rows, even rows that the filter removes. */
function fitting(page: ResultsPage, pageBytes: number, withHistograms: boolean): ResultsPage {
  let bytes = 0;
  let count = 0;
  for (const { report } of page.intervals) {
    bytes += report.rows.byteLength + (withHistograms ? report.histograms.byteLength : 0);
    if (count > 0 && bytes > pageBytes) break;
    count += 1;
  }
  const intervals = page.intervals.slice(0, count);
  return { ...page, intervals, next: intervals.at(-1)?.cursor ?? page.next };
}

/** The body of an answer with whole intervals; `placeOf`: the fields that one begins with, and a comma. */
export function pageBody<Interval extends WrittenInterval>(
  head: object,
  intervals: readonly Interval[],
  filter: RowFilter | undefined,
  withHistograms: boolean,
  placeOf: (interval: Interval) => string,
): Readable {
  return bodyOf(pageBytes(head, intervals, filter, withHistograms, placeOf));
}

async function* pageBytes<Interval extends WrittenInterval>(
  head: object,
  intervals: readonly Interval[],
  filter: RowFilter | undefined,
  withHistograms: boolean,
  placeOf: (interval: Interval) => string,
): AsyncGenerator<Buffer> {
  const breather = new Breather();
  yield Buffer.from(`${JSON.stringify(head).slice(0, -1)},"intervals":[`);
  for (const [index, interval] of intervals.entries()) {
    if (index > 0) yield Buffer.from(',');
    yield* intervalBody(interval, filter, withHistograms, breather, placeOf(interval));
    await breather.breathe();
  }
  yield Buffer.from(']}');
}

/** The identity of a collector's interval, and the clock of its times: fields and a comma. */
export function placeJson(interval: StoredInterval, clock: Pick<SteadyClock, 'aheadMs'>): string {
  const { incarnation, cursor, clockEpoch, follows } = interval;
  return `"cursor":${cursor},"follows":${follows},"incarnation":${incarnation},"clockEpoch":${clockEpoch},"clockAheadMs":${aheadOf(interval, clock)},`;
}

/** An interval whose rows are JSON already. */
export interface WrittenInterval {
  readonly report: Pick<
    IntervalReport,
    'startMs' | 'endMs' | 'rows' | 'rowOffsets' | 'histograms' | 'histogramOffsets'
  >;
  readonly infos: readonly FilteredInfo[];
}

/** One interval as JSON, an element of `intervals`; on a single line. `head` is its beginning, fields and a comma. */
export async function* intervalBody(
  interval: WrittenInterval,
  filter: RowFilter | undefined,
  withHistograms: boolean,
  breather: Breather,
  head = '',
  withRows = true,
): AsyncGenerator<Buffer> {
  const { startMs, endMs, rows } = interval.report;
  const start = new Date(startMs).toISOString();
  const end = new Date(endMs).toISOString();
  yield Buffer.from(`{${head}"start":"${start}","end":"${end}","endMs":${endMs},"results":[`);
  if (!withRows) yield Buffer.alloc(0);
  else if (filter === undefined && !withHistograms) yield asBuffer(rows);
  else yield* someRows(interval, filter, withHistograms, breather);
  yield Buffer.from(']}');
}

/** Rows that pass the filter, each with its histogram before its closing brace when asked for. */
async function* someRows(
  { report, infos }: WrittenInterval,
  filter: RowFilter | undefined,
  withHistograms: boolean,
  breather: Breather,
): AsyncGenerator<Buffer> {
  const { rowOffsets, histogramOffsets } = report;
  const rows = asBuffer(report.rows);
  const histograms = asBuffer(report.histograms);
  const chunk = new Chunk();
  let first = true;
  for (let i = 0; i < infos.length; i++) {
    if (breather.due) await breather.breathe();
    const info = infos[i];
    if (filter !== undefined && (info === undefined || !filter(info))) continue;
    if (!first) chunk.addText(',');
    first = false;
    const end = rowOffsets[i + 1] - 1;
    if (withHistograms) {
      chunk.add(rows, rowOffsets[i], end - 1);
      if (histogramOffsets[i + 1] === histogramOffsets[i]) chunk.addText(',"hdr":null}');
      else {
        chunk.addText(',"hdr":"');
        chunk.add(histograms, histogramOffsets[i], histogramOffsets[i + 1]);
        chunk.addText('"}');
      }
    } else chunk.add(rows, rowOffsets[i], end);
    if (chunk.full) yield chunk.take();
  }
  yield chunk.take();
}
