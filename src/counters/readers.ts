/**
 * The table of all counters and their readers: every counter of the prober, the aggregator, the history, the scraper
 * and the reflector has a line here. A test fails for a counter without a line.
 */

import { nsToMs } from '../base/units.js';
import type { CounterReader, CounterReaders } from './reader.js';

/** Growth below this share of the measured probes has no visible effect on results. */
const NOISE = 0.001;
/** Limit of the average delay of probes, ns: above it, probes are no longer spread over the period. */
const LATE_ON_AVERAGE_NS = 10_000_000;

/** Checks names and keeps them. */
const table = <Lines extends CounterReaders<Extract<keyof Lines, string>>>(
  lines: Lines,
): CounterReaders<Extract<keyof Lines, string>> => lines;

const BASE: CounterReader<never> = { harmless: 'it counts what went well, and is the base of every share' };
const LOSS = ['LlamaLoss', 'LlamaTargetUnreachable', 'LlamaGroupLoss', 'LlamaGroupUnreachable'] as const;
const BUSY = ['LlamaCollectorTooBusy'] as const;
const INVALID = ['LlamaInvalidReplies'] as const;
const CPU: CounterReader<never> = { harmless: 'it tells how often a thread worked, not what it measured' };

/** Counters of a prober thread and, in `threadLosses`, of its death. */
const PROBER = table({
  sent: BASE,
  received: BASE,
  lost: { alerts: LOSS, shown: 'lost and lossPct of the rows' },
  lostForward: { shown: 'a part of lost, in the rows' },
  lostReverse: { shown: 'a part of lost, in the rows' },
  unreachable: { alerts: LOSS, shown: 'unreachable of the rows' },
  localDrops: {
    warning: {
      text: 'probes have no known outcome, for the receive queue of this host overflowed',
      advice: 'they are not in the loss',
    },
    alerts: BUSY,
  },
  tooBig: { alerts: LOSS, shown: 'tooBig and mtu of the rows, and the reason of a pair that answers nothing' },
  undecided: {
    harmless: 'counted only when the collector ends; the rows leave these probes out, and no verdict is made of them',
  },
  late: { shown: 'late of the rows; the probe is in lost already' },
  duplicates: { shown: 'duplicates of the rows; the first reply counts' },
  reordered: { shown: 'reordered of the rows; the probe is in received' },
  sendErrors: {
    warning: { text: 'probes were not sent, this host refused them', advice: 'they are in no loss' },
    alerts: ['LlamaTargetNotMeasured', 'LlamaGroupNotMeasured', 'LlamaGroupTargetsUnmeasured', 'LlamaSendErrors'],
  },
  scheduleSlips: {
    warning: {
      text: 'planned probes were not sent in time',
      advice: 'this host is too busy',
      above: { share: NOISE, few: 10, of: ['sent', 'scheduleSlips'] },
    },
    alerts: BUSY,
  },
  clockSteps: {
    warning: { text: 'steps of the wall clock were seen', advice: 'RTTs around them were thrown away' },
  },
  voidedRtts: {
    warning: {
      text: 'replies have no RTT: the clock was stepped, or the reflector gave times that cannot be',
      above: { share: NOISE, of: ['received'] },
    },
  },
  ringOverflows: {
    warning: {
      text: 'results were dropped between threads',
      advice: 'the aggregator is too slow for this rate',
    },
    alerts: BUSY,
  },
  ringOverflowsOther: {
    warning: {
      text: 'late replies, duplicates and refusals were dropped between threads',
      advice: 'the rows show too few of them',
    },
    alerts: BUSY,
  },
  otherSource: { shown: 'totals and metrics; the replies count because anySource asks for it' },
  invalidSource: {
    warning: {
      text: "replies came from another address than the target's",
      advice: 'their probes are in lost; bind the reflector to the address of the target, or set anySource',
    },
    alerts: INVALID,
  },
  invalidSequence: {
    warning: {
      text: 'replies have a number that no waiting probe has',
      above: { share: NOISE, of: ['sent'] },
    },
    alerts: INVALID,
  },
  invalidTimestamp: {
    warning: {
      text: 'replies do not return the time that was sent',
      advice: 'something on the path or the reflector changes the packets',
      above: { share: NOISE, of: ['sent'] },
    },
    alerts: INVALID,
  },
  invalidSession: {
    warning: {
      text: 'replies belong to no target that is probed',
      above: { share: NOISE, of: ['sent'] },
    },
    alerts: INVALID,
  },
  invalidFormat: {
    warning: {
      text: 'packets came that cannot be read as a reply',
      advice: 'check the protocol and the port of the group',
      above: { share: NOISE, of: ['sent'] },
    },
    alerts: INVALID,
  },
  invalidHmac: {
    warning: {
      text: 'replies were not signed with a key of their group, or their TLVs were malformed',
      advice: 'compare the key files of collector and reflector',
    },
    alerts: INVALID,
  },
  invalidStale: { harmless: 'replies to probes of a thread that died; threadLosses counts these probes' },
  icmpUnmatched: {
    warning: {
      text: 'ICMP errors could not be matched to a probe',
      advice: 'their probes are in lost',
      above: { share: NOISE, of: ['sent'] },
    },
  },
  sendStampsMissing: {
    warning: {
      text: 'replies have no kernel send stamp for their probe',
      advice: 'their RTTs include the time in the send queue of this host',
      above: { share: NOISE, of: ['received'] },
    },
  },
  receiveQueueDrops: {
    warning: { text: 'packets were dropped by full receive queues of this host' },
    alerts: BUSY,
  },
  latenessNsSum: {
    warning: {
      text: 'is how late probes left on average',
      advice: 'this host is too busy, and probes leave in bursts',
      above: { share: LATE_ON_AVERAGE_NS, of: ['sent', 'sendErrors'] },
      figure: (ns, probes) => `${(nsToMs(ns) / probes).toFixed(1)} ms`,
    },
    alerts: BUSY,
  },
  latenessNsMax: { shown: 'totals of /v1/status; the mean has the warning, and scheduleSlips what was left out' },
  turns: CPU,
  threadLosses: {
    warning: { text: 'probes were lost with a thread that died' },
    alerts: ['LlamaCollectorThreadDied'],
  },
});

/** Counters of the aggregator thread. */
const AGGREGATOR = table({
  consumed: BASE,
  reported: BASE,
  orphans: { shown: 'a part of threadLosses, which has a warning' },
  orphansOther: { harmless: 'late replies and duplicates of a group that is gone; no probe lacks an outcome for it' },
  reportedEndMs: { harmless: 'a time, not a count' },
  reportedEndNs: { harmless: 'a time, not a count' },
  turns: CPU,
  threadLosses: { shown: 'a part of threadLosses in totals, which has a warning' },
});

/** Refusals of the history, the source of the matrix and the charts. */
const HISTORY = table({
  duplicates: {
    warning: {
      text: 'intervals came twice',
      advice: 'the matrix counts the first only; give each collector its own name',
    },
    alerts: ['LlamaHistoryRefuses', 'LlamaScraperMatrixLacks'],
  },
  tooOld: {
    warning: { text: 'intervals are older than the matrix reaches', advice: 'it does not show them; check the clocks' },
    alerts: ['LlamaHistoryRefuses', 'LlamaScraperMatrixLacks'],
  },
  ahead: {
    warning: {
      text: 'intervals end in the future',
      advice: 'the matrix does not show them; check the clocks of the collectors and of this host',
    },
    alerts: ['LlamaHistoryRefuses', 'LlamaScraperMatrixLacks'],
  },
  seriesWithoutRoom: {
    warning: {
      text: 'rows found no memory in the matrix',
      advice: 'it shows fewer pairs than there are; raise its memory',
    },
    alerts: ['LlamaHistoryRefuses', 'LlamaScraperMatrixLacks'],
  },
});

/** Counters of a scraper. Counters of single collectors or writers are summed. */
const SCRAPER_COLLECTOR = table({
  intervals: BASE,
  rows: BASE,
  polls: BASE,
  errors: { shown: 'the warning that names the collectors that are down', alerts: ['LlamaScraperCollectorDown'] },
  resets: {
    warning: { text: 'times another collector answered, or the clock of a collector went back' },
    alerts: ['LlamaScraperCollectorReset'],
  },
  gaps: { shown: 'lostIntervals, which has a warning' },
  lostIntervals: {
    warning: { text: 'intervals of collectors are lost', advice: 'lastGaps says from when to when, and why' },
    alerts: ['LlamaScraperIntervalsLost'],
  },
});

const SCRAPER_WRITER = table({
  points: BASE,
  intervals: BASE,
  batches: BASE,
  retries: { shown: 'the warning that names the writers that fail', alerts: ['LlamaScraperWriterDown'] },
  rejected: {
    warning: { text: 'points were refused by a database for what they are', advice: 'rejectedReasons says why' },
    alerts: ['LlamaScraperPointsRejected'],
  },
  lostIntervals: {
    warning: { text: 'intervals were dropped from a full spool', advice: 'their database will never get them' },
    alerts: ['LlamaScraperResultsLost'],
  },
  overwritten: {
    warning: {
      text: 'intervals were replaced in a database by later ones of the same end',
      advice: 'the clock of a collector was set back; the one measured last is kept',
    },
  },
  damagedRecords: {
    warning: { text: 'records of a spool were damaged', advice: 'their database will never get them' },
    alerts: ['LlamaScraperResultsLost'],
  },
  spoolErrors: {
    warning: { text: 'times a spool could not be written', advice: 'free space on the disk of stateDir' },
    alerts: ['LlamaScraperSpoolUnwritable'],
  },
});

const SCRAPER = table({
  leftOut: {
    warning: { text: 'intervals are missing in the matrix, too many waited', advice: 'this host is too busy' },
    alerts: ['LlamaScraperMatrixLacks'],
  },
  unreadableHistograms: {
    warning: {
      text: 'histograms of collectors could not be read',
      advice: 'the percentiles of their rows are missing',
    },
  },
});

const DROPS = ['LlamaReflectorDrops'] as const;

/** An occasional packet is from a scanner. */
const STRAY = { share: NOISE, of: ['received'] } as const;

/** Counters of a reflector. A dropped packet is a lost probe for its sender. */
const REFLECTOR = table({
  received: BASE,
  reflected: BASE,
  reflectedStamp: BASE,
  reflectedStampAuth: BASE,
  reflectedLlama: BASE,
  reflectedLlamaLegacy: BASE,
  noSource: { warning: { text: 'packets were dropped: their source port is 0', above: STRAY }, alerts: DROPS },
  notAllowed: {
    warning: { text: 'packets were dropped: their source is in no network of --allow', above: STRAY },
    alerts: DROPS,
  },
  tooLong: { warning: { text: 'packets were dropped: they are longer than 9280 bytes', above: STRAY }, alerts: DROPS },
  tooShort: {
    warning: { text: 'packets were dropped: they are too short for a probe of a known format', above: STRAY },
    alerts: DROPS,
  },
  shortFromOwnPort: {
    warning: {
      text: 'short requests were dropped: they come from a port that this reflector listens on',
      above: STRAY,
    },
    alerts: DROPS,
  },
  shortOverRate: {
    warning: { text: 'short requests were dropped: they were above --max-short-pps', advice: 'their senders see loss' },
    alerts: DROPS,
  },
  unauthenticated: {
    warning: { text: 'packets were dropped: they are not signed, and --key-file asks for it', above: STRAY },
    alerts: DROPS,
  },
  badHmac: {
    warning: {
      text: 'packets were dropped: their HMAC is of no key of --key-file',
      advice: 'compare the key files of collector and reflector',
      above: STRAY,
    },
    alerts: DROPS,
  },
  noKey: {
    warning: { text: 'packets were dropped: they are signed, and there is no --key-file', above: STRAY },
    alerts: DROPS,
  },
  shortRequests: BASE,
  looksLikeReply: {
    warning: {
      text: 'packets were dropped: they answer a reply, and reflecting them could start a loop',
      above: STRAY,
    },
    alerts: DROPS,
  },
  repeated: {
    warning: { text: 'packets were dropped: the same packet came several times, it runs in a loop', above: STRAY },
    alerts: DROPS,
  },
  overRate: {
    warning: { text: 'packets were dropped: they were above --max-pps', advice: 'their senders see loss' },
    alerts: DROPS,
  },
  sendErrors: {
    warning: { text: 'replies were not sent, this host refused them', advice: 'their senders see loss' },
    alerts: DROPS,
  },
  stampsMissing: {
    warning: {
      text: 'requests have no kernel receive stamp',
      advice: 'their residence begins when they were read',
      above: { share: NOISE, of: ['received'] },
    },
  },
  malformedTlvs: { warning: { text: 'requests had malformed TLVs, which were not followed' } },
  forgedTlvs: { warning: { text: 'requests had TLVs that failed their integrity check, which were not followed' } },
  sessions: { harmless: 'a number of now, not a count' },
  sessionsEvicted: {
    warning: {
      text: 'sessions were evicted because the table was full',
      advice: 'the direction of loss is unknown to their senders; raise --max-sessions',
    },
    alerts: ['LlamaReflectorSessions'],
  },
  sessionsExpired: { harmless: 'a sender that is silent for --session-timeout is gone' },
  turns: CPU,
  receiveQueueDrops: {
    warning: { text: 'requests were dropped by full receive queues of this host', advice: 'their senders see loss' },
    alerts: DROPS,
  },
});

export const COUNTER_READERS = {
  prober: PROBER,
  aggregator: AGGREGATOR,
  history: HISTORY,
  scraper: SCRAPER,
  scraperCollector: SCRAPER_COLLECTOR,
  scraperWriter: SCRAPER_WRITER,
  reflector: REFLECTOR,
} as const;
