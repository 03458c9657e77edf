/**
 * The shapes of requests and answers: validation, types and the API's documentation from one source. Results are not
 * serialised by them: they come as bytes.
 */

import { type Static, Type } from 'typebox';
import { COUNTER_MEANINGS } from '../../counters/meanings.js';

/** Content type of problem documents. */
export const PROBLEM_TYPE = 'application/problem+json';

/** RFC 9457 problem document, with LLAMA's stable code and every single problem. */
export const ProblemSchema = Type.Object(
  {
    type: Type.String({ description: 'URI of the kind of problem; one per code' }),
    title: Type.String({ description: 'the kind of problem in words' }),
    status: Type.Integer({ description: 'HTTP status' }),
    detail: Type.String({ description: 'what was found, what was expected, what to do' }),
    code: Type.String({ description: 'stable code, such as LLAMA_GROUP_INVALID' }),
    instance: Type.String({ description: 'identifies the request in the log' }),
    problems: Type.Optional(
      Type.Array(
        Type.Object({
          path: Type.String({ description: 'JSON pointer into the request body or the config, or /query/NAME' }),
          message: Type.String({ description: 'what was found, what was expected, what to do' }),
          line: Type.Optional(
            Type.Integer({
              description: 'in the config file, or in a body that is no JSON or has a key twice; from 1',
            }),
          ),
          column: Type.Optional(Type.Integer({ description: 'in that line, from 1' })),
        }),
      ),
    ),
    problemCount: Type.Optional(Type.Integer({ description: 'how many problems there are, when not all are listed' })),
  },
  { description: 'problem document (RFC 9457)' },
);
export type ProblemDocument = Static<typeof ProblemSchema>;

export const FILTERS = {
  group: Type.Optional(Type.String({ description: 'name of a group: only its rows' })),
  target: Type.Optional(Type.String({ description: 'address of a target: only its rows' })),
  class: Type.Optional(Type.String({ description: 'name of a class: only its rows' })),
};

export const ResultsQuery = Type.Object(
  {
    after: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        default: 0,
        description:
          'cursor: "next" of the answer before; 0 for all that is held; a time in epoch ms for what ended after it',
      }),
    ),
    ...FILTERS,
    histograms: Type.Optional(
      Type.String({ enum: ['0', '1'], default: '0', description: '1: with the histogram of every row' }),
    ),
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 10_000, description: 'most intervals in the answer, 1 to 10000' }),
    ),
  },
  { additionalProperties: false },
);
export type ResultsQuery = Static<typeof ResultsQuery>;

export const StreamQuery = Type.Object(
  {
    after: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        description:
          'cursor: first what is held and came after this; 0 for all that is held; not given: only what is finished from now on',
      }),
    ),
    ...FILTERS,
    histograms: ResultsQuery.properties.histograms,
    results: Type.Optional(
      Type.String({
        enum: ['0', '1'],
        default: '1',
        description: '0: only that an interval is finished; its results are empty',
      }),
    ),
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 10_000, description: 'end after this many intervals, 1 to 10000' }),
    ),
  },
  { additionalProperties: false },
);
export type StreamQuery = Static<typeof StreamQuery>;

export const StreamHeaders = Type.Object({
  'last-event-id': Type.Optional(
    Type.String({ description: 'id of the last event that came: the cursor, and weighs more than after' }),
  ),
});
export type StreamHeaders = Static<typeof StreamHeaders>;

export const PathsQuery = Type.Object(
  {
    ...FILTERS,
    after: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        description: 'cursor: show the oldest held interval after it, instead of the last finished one',
      }),
    ),
    at: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        description: 'epoch ms: show the held interval of this moment, or the first after it; after weighs more',
      }),
    ),
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 1_000_000, default: 10_000, description: 'most paths, 1 to 1000000' }),
    ),
  },
  { additionalProperties: false },
);
export type PathsQuery = Static<typeof PathsQuery>;

export const NoQuery = Type.Object({}, { additionalProperties: false });

export const ChangeQuery = Type.Object(
  {
    dryRun: Type.Optional(
      Type.String({
        enum: ['0', '1'],
        default: '0',
        description: '1: only say what the change would do; nothing changes',
      }),
    ),
  },
  { additionalProperties: false },
);
export type ChangeQuery = Static<typeof ChangeQuery>;

export const RemoveQuery = Type.Object(
  {
    ...ChangeQuery.properties,
    revert: Type.Optional(
      Type.String({
        enum: ['0', '1'],
        default: '0',
        description: '1: only drop what REST made of a group of the config file; what the file says is in force again',
      }),
    ),
  },
  { additionalProperties: false },
);
export type RemoveQuery = Static<typeof RemoveQuery>;

export const GroupParams = Type.Object({ name: Type.String({ description: 'name of the group' }) });

const ifNoneMatch = Type.Optional(
  Type.String({ description: 'entity tags: only when the group has none of them; * only when there is no such group' }),
);
export const ReadHeaders = Type.Object({ 'if-none-match': ifNoneMatch });
export const ConditionHeaders = Type.Object({
  'if-match': Type.Optional(
    Type.String({ description: 'entity tags: only while the group has one of them; * while there is such a group' }),
  ),
  'if-none-match': ifNoneMatch,
});

const NullableString = (description: string) => Type.Union([Type.String(), Type.Null()], { description });

export const DiscoverySchema = Type.Object(
  {
    source: Type.String({ description: 'file, http or dns' }),
    targets: Type.Integer({ description: 'how many are in force' }),
    updatedAt: NullableString('when the source last gave a good answer, ISO 8601; null before the first'),
    ageMs: Type.Union([Type.Number(), Type.Null()], { description: 'how long ago that is' }),
    restored: Type.Boolean({
      description:
        'the targets in force are from an earlier run: the source has not given a good answer since the start',
    }),
    error: NullableString('why the latest answer is not in force; null when it is'),
    warnings: Type.Array(Type.String(), { description: 'what was left out of the answer in force' }),
    nextAt: NullableString('when it is asked again, ISO 8601; null while it is being asked'),
    keepError: NullableString(
      'why the targets cannot be kept in the state directory; null when they can, or without one',
    ),
    keepFailures: Type.Integer({ description: 'how often that was tried in vain' }),
  },
  { description: 'state of the source of the targets; absent when they are listed. Ignored in a request' },
);

/** One group in the list: its identity and its load, without its targets. */
export const GroupSummary = Type.Object({
  name: Type.String({ description: 'name of the group' }),
  origin: Type.String({ description: 'file: from the config file; api: set by REST' }),
  hidesFile: Type.Optional(Type.Boolean({ description: 'set by REST in place of a group of the config file' })),
  protocol: Type.String({ description: 'how its targets are probed' }),
  port: Type.Integer({ description: 'port that its targets answer on, unless a target has its own' }),
  period: Type.String({ description: 'duration: every path is probed once a period' }),
  timeout: Type.String({ description: 'duration: a probe without a reply by then is lost' }),
  classes: Type.Array(Type.String(), { description: 'names of its classes' }),
  payloadBytes: Type.Optional(Type.Integer({ description: 'absent of tcp-syn, which has none' })),
  dontFragment: Type.Optional(Type.Boolean({ description: 'probes are never fragmented' })),
  anySource: Type.Optional(Type.Boolean({ description: 'replies count from any address and port' })),
  sourcePorts: Type.Optional(Type.Integer({ description: 'where they are not all of the collector' })),
  sourceInterface: Type.Optional(Type.String({ description: 'where it is not that of the collector' })),
  skipSelf: Type.Optional(Type.Boolean({ description: "this host's own addresses are left out" })),
  source: Type.Optional(
    Type.String({ description: 'file, http or dns: where the targets come from; absent when listed' }),
  ),
  targets: Type.Integer({ description: 'number of targets' }),
  paths: Type.Integer({ description: 'targets times classes times source ports; of icmp targets times classes' }),
  probesPerSecond: Type.Number({ description: 'what the group asks for' }),
});
export type GroupSummary = Static<typeof GroupSummary>;

/** A live group that is kept and not probed. */
export const WaitingSummary = Type.Object({
  name: Type.String({ description: 'name of the group' }),
  origin: GroupSummary.properties.origin,
  hidesFile: GroupSummary.properties.hidesFile,
  notInForce: Type.String({ description: 'why nothing of it is measured, and what to do' }),
});
export type WaitingSummary = Static<typeof WaitingSummary>;

export const GroupList = Type.Object(
  {
    groups: Type.Array(GroupSummary, { description: 'groups in force' }),
    notInForce: Type.Array(WaitingSummary, {
      description: 'groups set by REST that the state directory keeps and that are not probed',
    }),
    removed: Type.Array(Type.String(), {
      description: 'names of groups of the config file that were removed by REST; DELETE with revert=1 brings one back',
    }),
  },
  { description: 'every group, without its targets' },
);

const { aggregator: AGGREGATOR } = COUNTER_MEANINGS;
const Totals = Type.Record(Type.String(), Type.Number(), { description: 'counters since the start of the process' });
const THREAD = {
  thread: Type.String({ description: 'name of the thread' }),
  state: Type.String({
    description: 'starting, running, hung (no iteration of its loop for 10 s), restarting or stopped',
  }),
  restarts: Type.Integer({ description: 'how often it died and was started again' }),
  lastError: NullableString('why it died last; null when it never did'),
};

export const StatusSchema = Type.Object(
  {
    name: Type.String({ description: 'name of the collector' }),
    version: Type.String({ description: 'version of the program' }),
    startedAt: Type.String({ description: 'when the process started, ISO 8601' }),
    uptimeMs: Type.Number({ description: 'time since then' }),
    state: Type.String({ description: 'starting, running or stopping' }),
    timestamps: Type.String({
      description:
        "kernel stamps in force, which may be fewer than configured: full, receive, or none (RTTs by the collector's own clock)",
    }),
    groups: Type.Integer({ description: 'groups in force' }),
    targets: Type.Integer({ description: 'targets of all groups' }),
    paths: Type.Integer({ description: 'paths of all groups: targets times classes times source ports' }),
    probesPerSecond: Type.Number({ description: 'what the plan asks for' }),
    totals: Totals,
    workers: Type.Array(
      Type.Object({
        ...THREAD,
        sourcePorts: Type.Array(Type.Integer(), { description: 'its source ports' }),
        paths: Type.Integer({ description: 'paths that it probes' }),
        ringFill: Type.Number({ description: 'share of the ring to the aggregator that is filled, 0 to 1' }),
        totals: Totals,
      }),
      { description: 'the prober threads' },
    ),
    aggregator: Type.Object(
      {
        ...THREAD,
        consumed: Type.Number({ description: AGGREGATOR.consumed }),
        reported: Type.Number({ description: AGGREGATOR.reported }),
        orphans: Type.Number({ description: AGGREGATOR.orphans }),
        threadLosses: Type.Number({ description: AGGREGATOR.threadLosses }),
      },
      { description: 'the aggregator thread' },
    ),
    freshProbes: Type.Array(
      Type.Object({
        group: Type.String({ description: 'name of the group' }),
        target: Type.String({ description: 'ADDRESS:PORT, or the address for icmp' }),
        answered: Type.Boolean({
          description:
            'true proves that the flows of the paths are dead; false proves nothing: the target, the network or this flow may be down',
        }),
        at: Type.String({ description: 'when the last one was answered or timed out, ISO 8601' }),
      }),
      {
        description:
          'targets that answer none of their paths and were asked once from a fresh source port; at most 100, answered ones first',
      },
    ),
    warnings: Type.Array(Type.String(), {
      description: 'why results may be about the tool and not the network; empty when all is well',
    }),
  },
  { description: 'the collector and its threads' },
);

export const HealthSchema = Type.Object(
  {
    status: Type.String({ description: 'ok, ready, or what is missing' }),
    reasons: Type.Optional(Type.Array(Type.String(), { description: 'what is wrong; absent when all is well' })),
  },
  { description: 'yes' },
);
