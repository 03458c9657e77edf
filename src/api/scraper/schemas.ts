/** The shapes of a scraper's answers, for its documentation; tests check the answers against them. */

import { Type } from 'typebox';

type Schema = Parameters<typeof Type.Union>[0][number];
const orNull = (schema: Schema, description: string) => Type.Union([schema, Type.Null()], { description });
const time = (description: string) => orNull(Type.String(), `${description}, ISO 8601`);
const count = (description: string) => Type.Integer({ minimum: 0, description });
const texts = (description: string) => Type.Array(Type.String(), { description });

const CollectorSchema = Type.Object({
  url: Type.String({ description: 'where it is asked' }),
  name: orNull(Type.String(), 'its own name; null before its first answer'),
  kind: Type.String({ description: 'collector or llama' }),
  state: Type.String({ description: 'starting, up, behind (intervals wait to be fetched) or down' }),
  intervalMs: orNull(Type.Integer(), 'length of its intervals'),
  lastSuccess: time('when it last gave a good answer'),
  lastEnd: time('end of the last interval that is safe with every writer'),
  lagIntervals: orNull(Type.Integer(), 'finished intervals that are not fetched yet, by its own clock'),
  clockAheadMs: orNull(Type.Number(), "its clock less this host's, to half a second"),
  intervals: count('fetched since the start'),
  rows: count('in them'),
  polls: count('questions since the start'),
  errors: count('questions that failed'),
  lastError: orNull(Type.String(), 'why the last one failed; null when it did not'),
  resets: count('how often its clock went back, or another collector answered'),
  gaps: count('stretches of time without results'),
  lostIntervals: count('intervals in them'),
  lastGaps: Type.Array(
    Type.Object({
      from: Type.String({ description: 'start of the gap, ISO 8601' }),
      to: Type.String({ description: 'end of the gap, ISO 8601' }),
      reason: Type.String({ description: 'notHeld: dropped before it was fetched; notMeasured: there was none' }),
      at: Type.String({ description: 'when it was found' }),
    }),
    { description: 'the last ten' },
  ),
  troubles: orNull(
    Type.Array(Type.String()),
    'what it says is wrong with itself (probes skipped, results dropped, threads that do not run); empty when all is well, null when it does not tell',
  ),
  nextAt: time('when it is asked next; null while it is being asked'),
});

const SourceSchema = Type.Object({
  source: Type.String({ description: 'file, http or dns' }),
  collectors: count('how many it gave'),
  updatedAt: time('when it last gave a good answer'),
  ageMs: orNull(Type.Number(), 'how long ago that is'),
  error: orNull(Type.String(), 'why its latest answer is not in force; null when it is'),
  warnings: texts('what was left out of the answer in force'),
  nextAt: time('when it is asked again; null while it is being asked'),
});

const WriterSchema = Type.Object({
  name: Type.String({ description: 'kind and address' }),
  kind: Type.String({ description: 'influx1, influx2 or file' }),
  up: Type.Boolean({ description: 'whether the last write was acknowledged' }),
  points: count('acknowledged'),
  intervals: count('acknowledged'),
  batches: count('writes that were acknowledged'),
  retries: count('writes that were tried again'),
  rejected: count('points that were refused for what they are'),
  rejectedReasons: texts('the last ten reasons'),
  overwritten: count('intervals in whose place the database holds another one that ends at the same time'),
  lostIntervals: count('dropped because the spool was full'),
  damagedRecords: count('records of the spool that were left out'),
  queued: count('intervals that wait in memory'),
  queuedRows: count('rows in them'),
  spoolBytes: count('on disk'),
  spoolIntervals: count('intervals on disk'),
  spoolErrors: count('times that the spool could not be written'),
  lastSuccessMs: orNull(Type.Number(), 'of the last acknowledged write, epoch milliseconds'),
  lastError: orNull(Type.String(), 'why the last write failed; null when it did not'),
  writeLagMs: orNull(Type.Number(), 'from the end of the last interval written to its acknowledgement'),
});

export const ScraperStatusSchema = Type.Object(
  {
    version: Type.String({ description: 'version of the program' }),
    startedAt: Type.String({ description: 'when the process started, ISO 8601' }),
    uptimeMs: Type.Number({ description: 'time since then' }),
    state: Type.String({ description: 'running or stopping' }),
    collectors: Type.Array(CollectorSchema, { description: 'every collector that is polled' }),
    source: orNull(SourceSchema, 'state of the source of the collectors; null when they are listed'),
    writers: Type.Array(WriterSchema, { description: 'every writer' }),
    matrix: orNull(
      Type.Record(Type.String(), Type.Integer({ minimum: 0 })),
      'intervals, rows and histograms that the matrix does not show, by reason; null when scraper.matrixHours is 0',
    ),
    warnings: texts('what needs a person; empty when all is well'),
  },
  { description: 'collectors, writers and the scraper' },
);

export const ScraperReloadSchema = Type.Object(
  {
    added: texts('URLs of collectors that are polled from now on'),
    changed: texts('URLs of collectors that are asked otherwise now'),
    removed: texts('URLs of collectors that are polled no more'),
    restart: texts('what else is written otherwise than at the start; it takes effect at the next start'),
  },
  { description: 'the file is in force' },
);
