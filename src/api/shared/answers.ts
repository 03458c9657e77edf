/**
 * The shapes of answers with results, for the API's documentation. The aggregator makes the answers themselves as
 * bytes, which are never checked on the way out; a test compares the two.
 */

import { Type } from 'typebox';
import { MOST_REASONS } from '../../stats/reasons.js';

export const count = (description: string) => Type.Integer({ minimum: 0, description });
const us = (description: string) => Type.Number({ description: `${description}, µs` });
export const Nullable = <Schema extends Parameters<typeof Type.Union>[0][number]>(schema: Schema) =>
  Type.Union([schema, Type.Null()]);
export const time = (description: string) => Type.String({ description: `${description}, ISO 8601` });
const endMs = Type.Integer({ description: 'end of the interval, epoch milliseconds' });
/** The identity of an interval, and the clock of its times. */
export const PLACE = {
  cursor: count('orders intervals by when they were closed'),
  follows: count('cursor of the interval that it goes on from without a pause; 0 for the first of a process'),
  incarnation: count(
    'a random number, another one after a restart that did not go on where the process before ended; with clockEpoch and endMs it names an interval',
  ),
  clockEpoch: count('grows, within an incarnation, when the wall clock was set back over time already reported'),
  clockAheadMs: Type.Integer({
    description:
      'how far its times are ahead of the wall clock as it is now, ms: the clock was stepped by as much since. 0: they are right, as far as is known',
  }),
};

const STREAM = {
  group: Type.String({ description: 'name of the group' }),
  protocol: Type.String({ description: 'packet format' }),
  source: Type.String({ description: 'local address towards the target' }),
  target: Type.String({ description: 'address of the target' }),
  port: Type.Integer({ description: 'port of the target' }),
  class: Type.String({ description: 'QoS class, as configured' }),
  dscp: Type.Integer({ minimum: 0, maximum: 63, description: 'DSCP of its probes as sent' }),
};

const dscp = (description: string) => Type.Integer({ minimum: 0, maximum: 63, description: `DSCP ${description}` });
const hops = (description: string) =>
  Type.Integer({ minimum: 0, description: `hops ${description}, by the TTL of what arrived, most recently` });

const OUTCOMES = {
  sent: count('probes that the kernel took; sent = received + lost + unreachable + localDrops + tooBig'),
  received: count('probes answered within the timeout'),
  lost: count('probes not answered within the timeout, and nothing else explains it'),
  unreachable: count('probes answered by an ICMP error'),
  late: count('replies after the timeout'),
  duplicates: count('second replies to a probe, or more'),
  reordered: count('replies overtaken on their path (RFC 4737)'),
  sendErrors: count('probes that the kernel refused'),
  localDrops: count('probes without a reply while a receive queue of this host overflowed'),
  tooBig: count('probes larger than a link of their path lets through; not a loss'),
  lostForward: count(
    'lost probes that are known to be lost on the way to the target, by the numbers of a stateful reflector',
  ),
  lostReverse: count('lost probes that are known to be lost on the way back'),
  lostUnknown: count('lost probes whose direction is unknown: lost - lostForward - lostReverse'),
  remarked: count('received probes whose DSCP was rewritten on the way out or back'),
  ceMarks: count('received probes that were marked for congestion (ECN) on the way out or back'),
  hopChanges: count('received probes that came another number of hops than the one before on their path'),
  dscpForward: Nullable(dscp('as the reflector received it, most recently; null unless classOfService is asked for')),
  dscpReverse: Nullable(dscp('of the replies as received, most recently')),
  hopsForward: Nullable(hops('to the target')),
  hopsReverse: Nullable(hops('back')),
  lossPct: Nullable(
    Type.Number({
      description:
        '100 (lost + unreachable) / sent; null when no probe was received, lost or unreachable: nothing was sent, or all were too big or dropped by this host',
    }),
  ),
  sendErrorsBy: Nullable(
    Type.Array(
      Type.Object({
        count: count('probes'),
        errno: Type.String({ description: "name of the error of the kernel's refusal, such as ENETUNREACH" }),
      }),
      { maxItems: MOST_REASONS, description: 'why the kernel refused probes, most frequent first; null: none was' },
    ),
  ),
  unreachableBy: Nullable(
    Type.Array(
      Type.Object({
        count: count('probes'),
        type: Type.Integer({ minimum: 0, maximum: 255, description: 'ICMP type, of ICMPv6 for IPv6 targets' }),
        code: Type.Integer({ minimum: 0, maximum: 255, description: 'ICMP code' }),
        reason: Type.String({ description: 'type and code in words, such as port unreachable' }),
        from: Nullable(Type.String({ description: 'address that sent the error; null: unknown' })),
      }),
      { maxItems: MOST_REASONS, description: 'which ICMP errors came back, most frequent first; null: none did' },
    ),
  ),
  tooBigBy: Nullable(
    Type.Array(
      Type.Object({
        count: count('probes'),
        mtu: Nullable(Type.Integer({ minimum: 0, description: 'the MTU that was named, bytes; null: none was' })),
        from: Nullable(
          Type.String({
            description:
              "address of the router that sent the ICMP error; null: this host's kernel refused to send the probe, or unknown",
          }),
        ),
      }),
      { maxItems: MOST_REASONS, description: 'who said that probes were too big, most frequent first; null: none was' },
    ),
  ),
};

const RttUs = Type.Object(
  {
    min: us('least'),
    mean: us('mean'),
    stddev: us('standard deviation'),
    p50: us('median'),
    p90: us('90th percentile'),
    p99: us('99th percentile'),
    p999: us('99.9th percentile'),
    max: us('greatest'),
  },
  { description: "round trips without the reflector's residence; null when there are none" },
);

const DELAY = {
  min: us('least'),
  mean: us('mean'),
  max: us('greatest'),
  relative: Type.Boolean({
    description:
      'true: relative to the least that was seen lately, because not both clocks are known to be kept; false: absolute',
  }),
};
const DelayUs = (way: string) =>
  Nullable(
    Type.Object(
      {
        ...DELAY,
        variation: Nullable(us('mean absolute difference between consecutive probes of a path')),
      },
      { description: `one-way delay ${way}; null where there is none` },
    ),
  );

export const ResultRowSchema = Type.Object({
  ...STREAM,
  tags: Type.Record(Type.String(), Type.String(), { description: 'tags of the target' }),
  ...OUTCOMES,
  rttUs: Nullable(RttUs),
  mtu: Type.Union([Type.Integer(), Type.Null()], {
    description: 'the least MTU that a probe was too big for; null: none was named',
  }),
  residenceUs: Nullable(us('mean time inside the reflector')),
  jitterUs: Nullable(us('mean absolute difference between consecutive round trips of a path')),
  forwardUs: DelayUs('to the target'),
  reverseUs: DelayUs('back'),
  hdr: Type.Optional(
    Nullable(
      Type.String({
        description: 'with histograms=1: the standard text of HdrHistogram V2, in nanoseconds: base64 of a zlib stream',
      }),
    ),
  ),
});

export const ResultsSchema = Type.Object(
  {
    collector: Type.String({ description: 'name of the collector' }),
    intervalMs: Type.Integer({ description: 'length of an interval' }),
    nowMs: Type.Integer({ description: 'the wall clock of the collector, epoch milliseconds' }),
    next: Type.Integer({ description: 'the cursor for the next request; opaque' }),
    oldest: Type.Integer({ description: 'cursor of the oldest interval that is held; 0 when none is' }),
    gap: Type.Boolean({
      description:
        'intervals after the cursor are no longer held, or the cursor is of another incarnation: then all that is held follows',
    }),
    intervals: Type.Array(
      Type.Object({
        ...PLACE,
        start: time('start'),
        end: time('end'),
        endMs,
        results: Type.Array(ResultRowSchema, { description: 'a row for each group, target and class that was probed' }),
      }),
      { description: 'finished intervals, oldest first' },
    ),
  },
  { description: 'finished intervals, oldest first' },
);

export const PathSchema = Type.Object({
  ...STREAM,
  sourcePort: Nullable(Type.Integer({ description: 'UDP port that the probes were sent from' })),
  ...OUTCOMES,
  rttUs: Nullable(
    Type.Object(
      { min: us('least'), mean: us('mean'), max: us('greatest') },
      { description: "round trips without the reflector's residence; null when there are none" },
    ),
  ),
  forwardUs: Nullable(Type.Object(DELAY, { description: 'one-way delay to the target' })),
  reverseUs: Nullable(Type.Object(DELAY, { description: 'one-way delay back' })),
});

export const PathsSchema = Type.Object(
  {
    cursor: Nullable(PLACE.cursor),
    follows: Nullable(PLACE.follows),
    incarnation: Nullable(PLACE.incarnation),
    clockEpoch: Nullable(PLACE.clockEpoch),
    clockAheadMs: Nullable(PLACE.clockAheadMs),
    start: Nullable(time('start')),
    end: Nullable(time('end')),
    endMs: Nullable(endMs),
    gap: Type.Boolean({ description: 'with after: paths of intervals in between are no longer held' }),
    total: count('paths that match'),
    paths: Type.Array(PathSchema, { description: 'worst first' }),
  },
  { description: 'one interval by path, worst first; null and empty while none is finished' },
);
