/**
 * The shapes of requests and answers with the results of all collectors, where they differ from the shapes for one
 * collector.
 */

import { type Static, Type } from 'typebox';
import { FILTERS, PathsQuery, ResultsQuery, StreamQuery } from '../server/schemas.js';
import { count, Nullable, PathSchema, PLACE, ResultRowSchema, time } from '../shared/answers.js';

const collector = Type.Optional(Type.String({ description: 'name of a collector: only its intervals' }));
const after = (rest: string) =>
  Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
      description: `cursor: "next" of the answer before, a number of arrival and not a time; ${rest}`,
    }),
  );

export const AllResultsQuery = Type.Object(
  { ...ResultsQuery.properties, after: after('0 for all that is held'), collector },
  { additionalProperties: false },
);
export type AllResultsQuery = Static<typeof AllResultsQuery>;

export const AllStreamQuery = Type.Object(
  { ...StreamQuery.properties, after: after('not given: only what comes from now on'), collector },
  { additionalProperties: false },
);
export type AllStreamQuery = Static<typeof AllStreamQuery>;

/** A hundred collectors are never asked for more at once. */
const MOST_PATHS = 10_000;

export const AllPathsQuery = Type.Object(
  {
    collector: Type.Optional(Type.String({ description: 'name of a collector: only it is asked' })),
    ...FILTERS,
    after: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        description: 'of each collector the oldest interval after this cursor of its own, not the last finished one',
      }),
    ),
    at: PathsQuery.properties.at,
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: MOST_PATHS, default: 1000, description: 'most paths, 1 to 10000' }),
    ),
  },
  { additionalProperties: false },
);
export type AllPathsQuery = Static<typeof AllPathsQuery>;

/** The row of a collector of another kind, which does not report every field. */
const told = Type.Object({
  collector: Type.String({ description: 'name of the collector' }),
  ...ResultRowSchema.properties,
});
const notTold = ['dscp', 'late', 'duplicates', 'reordered', 'sendErrors'] as const;
const absent = [
  ...['tooBig', 'mtu', 'sendErrorsBy', 'unreachableBy', 'tooBigBy', 'lostForward', 'lostReverse', 'lostUnknown'],
  ...['forwardUs', 'reverseUs', 'dscpForward', 'dscpReverse', 'remarked', 'ceMarks'],
  ...['hopsForward', 'hopsReverse', 'hopChanges'],
] as const satisfies readonly (keyof typeof told.properties)[];

export const AllResultsSchema = Type.Object(
  {
    collector: Type.Null({ description: 'each interval and each result has its own' }),
    intervalMs: Type.Null({ description: 'each interval has its own' }),
    next: Type.Integer({ description: 'the cursor for the next request' }),
    oldest: Type.Integer({ description: 'cursor of the oldest interval that is held; 0 when none is' }),
    gap: Type.Boolean({ description: 'intervals after the cursor are no longer held' }),
    intervals: Type.Array(
      Type.Object({
        collector: Type.String({ description: 'name of the collector' }),
        intervalMs: Type.Number({ description: 'length of the intervals of this collector' }),
        cursor: Type.Integer({ description: 'of this interval: ask with it for what came later' }),
        clockEpoch: PLACE.clockEpoch,
        clockAheadMs: PLACE.clockAheadMs,
        start: time('start'),
        end: time('end'),
        endMs: Type.Integer({ description: 'end of the interval, epoch milliseconds' }),
        results: Type.Array(
          Type.Object({
            ...told.properties,
            ...Object.fromEntries(notTold.map((name) => [name, Nullable(told.properties[name])])),
            ...Object.fromEntries(absent.map((name) => [name, Type.Optional(told.properties[name])])),
            rttUs: Nullable(
              Type.Object(
                Object.fromEntries(
                  ['min', 'mean', 'stddev', 'p50', 'p90', 'p99', 'p999', 'max'].map((name) => [
                    name,
                    Nullable(Type.Number({ description: 'µs' })),
                  ]),
                ),
                { description: 'round trips; null when there are none' },
              ),
            ),
          }),
          { description: 'a row for each group, target and class that was probed' },
        ),
      }),
      { description: 'in the order in which they came' },
    ),
  },
  { description: 'intervals of all collectors, in the order in which they came' },
);

export const AllPathsSchema = Type.Object(
  {
    collectors: Type.Array(
      Type.Object({
        collector: Nullable(Type.String({ description: 'its name; null before its first answer' })),
        url: Type.String({ description: 'where it is asked' }),
        start: Nullable(time('start of the interval')),
        end: Nullable(time('end')),
        endMs: Nullable(Type.Integer({ description: 'end, epoch milliseconds' })),
        cursor: Nullable(count('place of the interval at its collector')),
        clockAheadMs: Nullable(Type.Integer({ description: "how far its times are ahead of this host's clock, ms" })),
        gap: Type.Boolean({ description: 'with after: paths of intervals in between are no longer held' }),
        total: count('paths that match'),
        error: Nullable(Type.String({ description: 'why it is left out; null when it is not' })),
      }),
      { description: 'every collector that was asked' },
    ),
    total: count('paths that match, of all that answered'),
    paths: Type.Array(
      Type.Object({
        collector: Nullable(Type.String({ description: 'name of the collector' })),
        ...PathSchema.properties,
      }),
      { description: 'worst first' },
    ),
  },
  { description: 'the paths of all collectors, worst first' },
);
