/** The shapes of requests and answers of `/v1/matrix` and `/v1/history`. */

import { type Static, Type } from 'typebox';
import { METRICS } from '../../history/matrix.js';
import { ANSWERING } from '../../stats/outcome.js';

/** The last moment that a date can be of. */
const MOST_EPOCH_MS = 8.64e15;

const count = (description: string) => Type.Integer({ minimum: 0, description });
const Nullable = <Schema extends Parameters<typeof Type.Union>[0][number]>(schema: Schema, description?: string) =>
  Type.Union([schema, Type.Null()], description === undefined ? {} : { description });

export const MatrixQuery = Type.Object(
  {
    rows: Type.Optional(
      Type.String({
        maxLength: 1000,
        default: 'source',
        description:
          'tags that make the rows, or any of collector, group, source, target, port, class; several nest, separated by commas',
      }),
    ),
    columns: Type.Optional(
      Type.String({
        maxLength: 1000,
        default: 'target',
        description: 'the same for the columns, at most 1000 characters',
      }),
    ),
    class: Type.Optional(Type.String({ description: 'name of a class: only its results' })),
    group: Type.Optional(Type.String({ description: 'name of a group: only its results' })),
    window: Type.Optional(
      Type.String({ default: '5m', description: 'duration: length of the window, back from its end' }),
    ),
    to: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: MOST_EPOCH_MS,
        description:
          'end of the window, epoch milliseconds, within what is held; by default that of the newest interval',
      }),
    ),
    metric: Type.Optional(
      Type.Enum(METRICS, { default: 'loss', description: `what the value of a cell is, one of ${METRICS.join(', ')}` }),
    ),
    format: Type.Optional(
      Type.Enum(['cells', 'columns'], {
        default: 'cells',
        description: 'cells: an object for each cell; columns: an array for each field, shorter by half',
      }),
    ),
    fields: Type.Optional(
      Type.String({
        description:
          'with format=columns: only these fields of the cells, separated by commas; row, column and value are always there',
      }),
    ),
  },
  { additionalProperties: false },
);
export type MatrixQuery = Static<typeof MatrixQuery>;

const CELL = {
  row: count('index in rows'),
  column: count('index in columns'),
  value: Nullable(Type.Number(), 'in the unit of the answer; null when nothing was measured'),
  sent: count('probes in the window'),
  received: count('of them answered'),
  lost: count('of them lost'),
  unreachable: count('of them answered by an ICMP error'),
  tooBig: count('of them larger than a link of the path lets through'),
  sendErrors: count('probes that the kernel refused to send; not in sent'),
  localDrops: count('probes of sent whose reply this host may have dropped'),
  samples: count('round trips that a time is computed from'),
  series: count('how many (collector, group, source, target, port, class) are behind it'),
  silentSeries: count('series without an answer lately, though probes were sent'),
  unmeasuredSeries: count('series to which this host sent nothing lately, or of which it dropped every reply'),
  ageMs: Type.Number({ description: 'how long ago its newest interval ended; with to: how long before that' }),
  stale: Type.Boolean({ description: 'that is longer than 2.5 intervals of its collector' }),
  state: Type.Enum(ANSWERING, {
    description:
      'by the newest intervals of its series in the window: answers: one of them received something lately; silent: probes were sent and none was answered; unmeasured: this host sent none, or dropped every reply itself',
  }),
  reason: Nullable(
    Type.String(),
    'why there is no answer, or, where others are answered, why some probes of the newest interval are not; null when all are, or no more is known than their number',
  ),
};
const keys = (description: string) => Type.Array(Type.Array(Type.String()), { description });

export const MatrixSchema = Type.Object(
  {
    window: Type.Object(
      {
        startMs: Type.Integer({ description: 'start of the data' }),
        endMs: Type.Integer({ description: 'end of the data' }),
        coveredMs: Type.Integer({
          description: 'what the data in the answer are of: less than asked when less is held',
        }),
        askedMs: Type.Number({ description: 'length of the window that was asked for' }),
      },
      { description: 'epoch milliseconds; zeros when there are no data' },
    ),
    newest: Type.Object(
      {
        ageMs: Nullable(
          Type.Number(),
          'how long ago the newest interval of any cell ended; with to: how long before that',
        ),
        staleAfterMs: Nullable(Type.Number(), 'the age from which on that is stale: 2.5 intervals of its collector'),
      },
      { description: 'null when there are no data' },
    ),
    metric: Type.String({ description: 'what the value of a cell is' }),
    unit: Type.String({ description: '% or us' }),
    rowTags: Type.Array(Type.String(), { description: 'tags that make the rows' }),
    columnTags: Type.Array(Type.String(), { description: 'tags that make the columns' }),
    refusedRows: count('rows of results since the start that are in no history for want of memory'),
    rows: keys('a text for each of rowTags; (none) where a result has no such tag'),
    columns: keys('the same for columnTags'),
    cells: Type.Union([
      Type.Array(Type.Object(CELL), {
        description:
          'a cell for each row and column with data; with format=columns an object with a list for each field',
      }),
      Type.Object(
        Object.fromEntries(Object.entries(CELL).map(([name, schema]) => [name, Type.Array(schema)])) as {
          [Name in keyof typeof CELL]: ReturnType<typeof Type.Array<(typeof CELL)[Name]>>;
        },
        { description: 'with format=columns' },
      ),
    ]),
  },
  { description: 'the cells that have data' },
);

export const HistoryQuery = Type.Object(
  {
    group: Type.Optional(Type.String({ description: 'name of a group: only its series' })),
    source: Type.Optional(Type.String({ description: 'source address: only its series' })),
    target: Type.Optional(Type.String({ description: 'address of a target: only its series' })),
    port: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 65_535, description: 'port of a target, 0 for icmp: only its series' }),
    ),
    class: Type.Optional(Type.String({ description: 'name of a class: only its series' })),
    collector: Type.Optional(Type.String({ description: 'name of a collector: only its series' })),
    from: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        description: 'epoch milliseconds; by default as far back as is held',
      }),
    ),
    to: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        description: 'epoch milliseconds; by default up to the newest',
      }),
    ),
    histograms: Type.Optional(
      Type.Enum(['0', '1'], {
        default: '0',
        description: '1: with the merged percentiles and the histogram of each series over the whole answer',
      }),
    ),
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 1000, default: 20, description: 'most series in the answer, 1 to 1000' }),
    ),
  },
  { additionalProperties: false },
);
export type HistoryQuery = Static<typeof HistoryQuery>;

const MERGED = Type.Object(
  {
    startMs: Type.Integer({
      description: 'epoch milliseconds; after the start of the answer where older histograms are gone',
    }),
    endMs: Type.Integer({ description: 'epoch milliseconds' }),
    samples: count('round trips'),
    rttUs: Type.Object(
      {
        p50: Type.Number({ description: 'median, µs' }),
        p90: Type.Number({ description: '90th percentile, µs' }),
        p99: Type.Number({ description: '99th percentile, µs' }),
        p999: Type.Number({ description: '99.9th percentile, µs' }),
        max: Type.Number({ description: 'greatest, µs' }),
      },
      { description: 'of all of them' },
    ),
    hdr: Type.String({ description: 'HdrHistogram V2, compressed, base64, in nanoseconds' }),
  },
  { description: 'all round trips of the series between startMs and endMs as one histogram' },
);

const counts = (description: string) => Type.Array(Nullable(Type.Integer()), { description });
const times = (description: string) => Type.Array(Nullable(Type.Number()), { description: `${description}, µs` });

export const HistorySchema = Type.Object(
  {
    startMs: Type.Array(Type.Integer(), {
      description: 'by slot: start of what its intervals cover, epoch milliseconds',
    }),
    endMs: Type.Array(Type.Integer(), { description: 'and the end: the resolution is what lies between' }),
    total: count('series that match'),
    series: Type.Array(
      Type.Object({
        collector: Type.String({ description: 'name of the collector' }),
        group: Type.String({ description: 'name of the group' }),
        source: Type.String({ description: 'local address towards the target' }),
        target: Type.String({ description: 'address of the target' }),
        port: Type.Integer({ description: 'port of the target' }),
        class: Type.String({ description: 'QoS class, as configured' }),
        tags: Type.Record(Type.String(), Type.String(), { description: 'tags of the target' }),
        intervalMs: Type.Number({ description: 'length of its intervals' }),
        ageMs: Type.Number({ description: 'how long ago its newest interval ended; with to: how long before that' }),
        stale: Type.Boolean({ description: 'that is longer than 2.5 intervals' }),
        state: Type.Enum(ANSWERING, {
          description:
            'answers, silent or unmeasured, by its newest intervals, with to: by the newest before that; as in /v1/matrix',
        }),
        reason: Nullable(
          Type.String(),
          'why probes of its newest interval have no answer; null with to, and when nothing is known but the counts',
        ),
        merged: Type.Optional(Nullable(MERGED, 'with histograms=1; null when no histogram is held')),
        sent: counts('by slot, beside startMs; null: the series has no data in the slot'),
        received: counts('probes answered'),
        lost: counts('probes not answered'),
        unreachable: counts('probes answered by an ICMP error'),
        tooBig: counts('probes larger than a link of the path lets through'),
        sendErrors: counts('probes that the kernel refused to send; not in sent'),
        localDrops: counts('probes whose reply this host may have dropped'),
        p50: times('median'),
        p90: times('90th percentile'),
        p99: times('99th percentile'),
        max: times('greatest'),
        upperBound: Type.Array(Type.Boolean(), {
          description:
            'the percentiles are at most these: the greatest of several intervals whose histograms are no longer held',
        }),
      }),
      { description: 'with arrays beside startMs' },
    ),
  },
  { description: 'time series, oldest slot first' },
);
