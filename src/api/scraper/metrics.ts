/**
 * `GET /metrics` of a scraper: every collector and every writer for Prometheus. Names are in base units, counters end
 * in `_total`.
 */

import type { FastifyInstance } from 'fastify';
import { Counter, Gauge, Registry } from 'prom-client';
import { Type } from 'typebox';
import { msToS } from '../../base/units.js';
import type { CollectorState, ScraperStatus, WriterStatus } from '../../contract/scraperStatus.js';
import type { ScraperService } from '../../scraper/service.js';
import { isUp } from '../../scraper/troubles.js';
import { NoQuery } from '../server/schemas.js';
import { addBuildInfo, CPU_SECONDS, EventLoopLag, PROCESS_GAUGES, START_TIME } from '../shared/processMetrics.js';

interface Metric<Of> {
  readonly name: string;
  readonly help: string;
  /** undefined: there is no series of it. */
  readonly value: (of: Of) => number | undefined;
}

const seconds = (ms: number | null): number | undefined => (ms === null ? undefined : msToS(ms));
const told = (value: number | null): number | undefined => value ?? undefined;

const OF_COLLECTOR: readonly Metric<CollectorState>[] = [
  {
    name: 'llama_scraper_collector_up',
    help: '1 when the collector answered the last question, else 0.',
    value: (collector) => Number(isUp(collector)),
  },
  {
    name: 'llama_scraper_collector_last_success_timestamp_seconds',
    help: 'When the collector last gave a good answer, in seconds since 1970.',
    value: ({ lastSuccess }) => seconds(lastSuccess === null ? null : Date.parse(lastSuccess)),
  },
  {
    name: 'llama_scraper_collector_last_interval_timestamp_seconds',
    help: 'End of the last interval that is safe with every writer, in seconds since 1970.',
    value: ({ lastEnd }) => seconds(lastEnd === null ? null : Date.parse(lastEnd)),
  },
  {
    name: 'llama_scraper_collector_lag_intervals',
    help: 'Finished intervals of the collector that are not fetched yet.',
    value: ({ lagIntervals }) => told(lagIntervals),
  },
  {
    name: 'llama_scraper_collector_clock_ahead_seconds',
    help: 'The clock of the collector less that of this host, to half a second.',
    value: ({ clockAheadMs }) => seconds(clockAheadMs),
  },
  {
    name: 'llama_scraper_collector_intervals_total',
    help: 'Intervals fetched.',
    value: ({ intervals }) => intervals,
  },
  { name: 'llama_scraper_collector_rows_total', help: 'Rows fetched.', value: ({ rows }) => rows },
  { name: 'llama_scraper_collector_polls_total', help: 'Questions to the collector.', value: ({ polls }) => polls },
  { name: 'llama_scraper_collector_errors_total', help: 'Questions that failed.', value: ({ errors }) => errors },
  {
    name: 'llama_scraper_collector_gaps_total',
    help: 'Stretches of time without results.',
    value: ({ gaps }) => gaps,
  },
  {
    name: 'llama_scraper_collector_lost_intervals_total',
    help: 'Intervals in gaps.',
    value: ({ lostIntervals }) => lostIntervals,
  },
  {
    name: 'llama_scraper_collector_resets_total',
    help: 'How often the clock of the collector went back, or another collector answered.',
    value: ({ resets }) => resets,
  },
  {
    name: 'llama_scraper_collector_troubles',
    help: 'What the collector says is wrong with itself; absent when it does not tell.',
    value: ({ troubles }) => troubles?.length,
  },
];

const OF_WRITER: readonly Metric<WriterStatus>[] = [
  {
    name: 'llama_scraper_writer_up',
    help: '1 when the last write was acknowledged, else 0.',
    value: ({ up }) => Number(up),
  },
  { name: 'llama_scraper_writer_points_total', help: 'Points acknowledged.', value: ({ points }) => points },
  {
    name: 'llama_scraper_writer_intervals_total',
    help: 'Intervals acknowledged.',
    value: ({ intervals }) => intervals,
  },
  { name: 'llama_scraper_writer_batches_total', help: 'Writes acknowledged.', value: ({ batches }) => batches },
  {
    name: 'llama_scraper_writer_retries_total',
    help: 'Writes that were tried again.',
    value: ({ retries }) => retries,
  },
  {
    name: 'llama_scraper_writer_rejected_points_total',
    help: 'Points that the database refused for what they are.',
    value: ({ rejected }) => rejected,
  },
  {
    name: 'llama_scraper_writer_overwritten_intervals_total',
    help: 'Intervals in whose place the database holds another one of the same end: the clock of the collector was set back.',
    value: ({ overwritten }) => overwritten,
  },
  {
    name: 'llama_scraper_writer_lost_intervals_total',
    help: 'Intervals dropped because the spool was full.',
    value: ({ lostIntervals }) => lostIntervals,
  },
  {
    name: 'llama_scraper_writer_damaged_records_total',
    help: 'Records of the spool that were damaged, and left out.',
    value: ({ damagedRecords }) => damagedRecords,
  },
  {
    name: 'llama_scraper_writer_queued_intervals',
    help: 'Intervals that wait in memory.',
    value: ({ queued }) => queued,
  },
  {
    name: 'llama_scraper_writer_spool_bytes',
    help: 'Bytes of the spool on disk.',
    value: ({ spoolBytes }) => spoolBytes,
  },
  {
    name: 'llama_scraper_writer_spool_intervals',
    help: 'Intervals in the spool.',
    value: ({ spoolIntervals }) => spoolIntervals,
  },
  {
    name: 'llama_scraper_writer_spool_errors_total',
    help: 'Times that the spool could not be written.',
    value: ({ spoolErrors }) => spoolErrors,
  },
  {
    name: 'llama_scraper_writer_last_success_timestamp_seconds',
    help: 'When a write was last acknowledged, in seconds since 1970.',
    value: ({ lastSuccessMs }) => seconds(lastSuccessMs),
  },
  {
    name: 'llama_scraper_writer_lag_seconds',
    help: 'From the end of an interval to its acknowledgement, of the last one written.',
    value: ({ writeLagMs }) => seconds(writeLagMs),
  },
];

const OF_MATRIX: readonly Metric<number>[] = [
  {
    name: 'llama_scraper_matrix_refused_total',
    help: 'Intervals, rows and histograms that the matrix does not show, by reason.',
    value: (count) => count,
  },
];

const OF_PROCESS: readonly Metric<ScraperStatus>[] = [
  {
    name: 'llama_scraper_collectors',
    help: 'Collectors that are polled.',
    value: ({ collectors }) => collectors.length,
  },
  {
    name: 'llama_scraper_source_failing',
    help: '1 while the source of the collectors cannot be read, else 0; absent when they are listed.',
    value: ({ source }) => (source === null ? undefined : Number(source.error !== null)),
  },
  { name: 'llama_scraper_warnings', help: 'Warnings in /v1/status.', value: ({ warnings }) => warnings.length },
  {
    name: START_TIME.name,
    help: START_TIME.help('scraper'),
    value: ({ startedAt }) => START_TIME.value(startedAt),
  },
  ...PROCESS_GAUGES,
  CPU_SECONDS,
];

export function scraperMetricsRoute(app: FastifyInstance, service: ScraperService): void {
  const registry = new Registry();
  const refreshers: ((status: ScraperStatus) => void)[] = [
    each(registry, OF_PROCESS, [], (status) => [{ labels: {}, of: status }]),
    each(registry, OF_COLLECTOR, ['url', 'collector'], ({ collectors }) =>
      collectors.map((of) => ({ labels: { url: of.url, collector: of.name ?? '' }, of })),
    ),
    each(registry, OF_WRITER, ['writer', 'kind'], ({ writers }) =>
      writers.map((of) => ({ labels: { writer: of.name, kind: of.kind }, of })),
    ),
    each(registry, OF_MATRIX, ['reason'], ({ matrix }) =>
      Object.entries(matrix ?? {}).map(([reason, of]) => ({ labels: { reason }, of })),
    ),
  ];
  const lag = new EventLoopLag(registry, 'since the metrics were asked for last');
  app.addHook('onClose', async () => lag.close());
  addBuildInfo(registry);
  app.get('/metrics', { schema: SCHEMA }, async (_request, reply) => {
    const status = service.status();
    for (const refresh of refreshers) refresh(status);
    lag.next();
    return reply.type(registry.contentType).send(await registry.metrics());
  });
}

const SCHEMA = {
  operationId: 'getMetrics',
  summary: 'For Prometheus: collectors, writers, and the process',
  tags: ['service'],
  querystring: NoQuery,
  response: {
    200: {
      description: 'text exposition format',
      content: { 'text/plain': { schema: Type.String({ description: 'version 0.0.4' }) } },
    },
  },
};

interface Labelled<Of> {
  readonly labels: Readonly<Record<string, string>>;
  readonly of: Of;
}

/** Creates metrics, and a function that sets all of them from a status: a removed collector leaves no series behind. */
function each<Of>(
  registry: Registry,
  metrics: readonly Metric<Of>[],
  labelNames: string[],
  list: (status: ScraperStatus) => readonly Labelled<Of>[],
): (status: ScraperStatus) => void {
  const made = metrics.map(({ name, help, value }) => {
    const options = { name, help, labelNames, registers: [registry] };
    return { metric: name.endsWith('_total') ? new Counter(options) : new Gauge(options), value };
  });
  return (status) => {
    const entries = list(status);
    for (const { metric, value } of made) {
      metric.reset();
      // Without labels, a reset metric is a series of 0.
      if (labelNames.length === 0) metric.remove();
      for (const { labels, of } of entries) {
        const number = value(of);
        if (number !== undefined) metric.inc(labels, number);
      }
    }
  };
}
