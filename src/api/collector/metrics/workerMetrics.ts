/**
 * The counters of a prober thread as metrics: a name, labels and base unit for each. A counter without a metric does
 * not compile.
 */

import { nsToS } from '../../../base/units.js';
import type { Totals } from '../../../contract/collectorStatus.js';
import type { Named } from './seriesText.js';

/** How a counter is published: `unit` turns its value into the base unit. */
interface WorkerMetric extends Named {
  readonly labels?: Readonly<Record<string, string>>;
  readonly unit?: (value: number) => number;
  readonly gauge?: true;
}

const INVALID: Named = {
  name: 'llama_invalid_replies_total',
  help: 'Datagrams that are no reply to a waiting probe, by worker and reason.',
};
const RING_OVERFLOWS: Named = {
  name: 'llama_ring_overflows_total',
  help: 'Outcomes dropped because the ring to the aggregator was full, by worker and kind: final ones are missing in results.',
};

/** Every counter of a worker, by its name in `/v1/status`. */
export const WORKER_METRICS: Readonly<Record<keyof Totals, WorkerMetric>> = {
  sent: { name: 'llama_probes_sent_total', help: 'Probes that the kernel took, by worker.' },
  received: { name: 'llama_probes_received_total', help: 'Probes answered within the timeout, by worker.' },
  lost: { name: 'llama_probes_lost_total', help: 'Probes not answered within the timeout, by worker.' },
  lostForward: {
    name: 'llama_probes_lost_forward_total',
    help: 'Of the lost probes, those known to be lost on the way to the target, by worker.',
  },
  lostReverse: {
    name: 'llama_probes_lost_reverse_total',
    help: 'Of the lost probes, those known to be lost on the way back, by worker.',
  },
  unreachable: { name: 'llama_probes_unreachable_total', help: 'Probes answered by an ICMP error, by worker.' },
  localDrops: {
    name: 'llama_local_drops_total',
    help: 'Probes unanswered while the receive queue of this host overflowed, by worker.',
  },
  tooBig: {
    name: 'llama_too_big_total',
    help: 'Probes larger than a link of their path lets through, by worker.',
  },
  undecided: {
    name: 'llama_undecided_total',
    help: 'Probes that a stop left without an outcome, by worker.',
  },
  late: { name: 'llama_late_replies_total', help: 'Replies after the timeout, by worker.' },
  duplicates: { name: 'llama_duplicate_replies_total', help: 'Further replies to a probe that has one, by worker.' },
  reordered: { name: 'llama_reordered_replies_total', help: 'Replies that were overtaken on their path, by worker.' },
  sendErrors: { name: 'llama_send_errors_total', help: 'Probes that the kernel refused to send, by worker.' },
  scheduleSlips: {
    name: 'llama_schedule_slips_total',
    help: 'Probes not sent because the worker was behind its schedule.',
  },
  clockSteps: { name: 'llama_clock_steps_total', help: 'Steps of the wall clock that the worker saw.' },
  voidedRtts: {
    name: 'llama_voided_rtts_total',
    help: 'Probes received whose round-trip time was thrown away, by worker.',
  },
  ringOverflows: { ...RING_OVERFLOWS, labels: { kind: 'final' } },
  ringOverflowsOther: { ...RING_OVERFLOWS, labels: { kind: 'other' } },
  otherSource: {
    name: 'llama_other_source_replies_total',
    help: "Replies that count by anySource, though they came from another address or port than the target's, by worker.",
  },
  invalidSource: { ...INVALID, labels: { reason: 'source' } },
  invalidSequence: { ...INVALID, labels: { reason: 'sequence' } },
  invalidTimestamp: { ...INVALID, labels: { reason: 'timestamp' } },
  invalidSession: { ...INVALID, labels: { reason: 'session' } },
  invalidFormat: { ...INVALID, labels: { reason: 'format' } },
  invalidHmac: { ...INVALID, labels: { reason: 'hmac' } },
  invalidStale: { ...INVALID, labels: { reason: 'stale' } },
  icmpUnmatched: {
    name: 'llama_icmp_unmatched_total',
    help: 'ICMP errors that belong to no waiting probe, by worker.',
  },
  sendStampsMissing: {
    name: 'llama_send_stamps_missing_total',
    help: 'Probes received that the kernel gave no send stamp for, by worker.',
  },
  receiveQueueDrops: {
    name: 'llama_receive_queue_drops_total',
    help: 'Datagrams dropped by the kernel because a receive queue was full, by worker.',
  },
  latenessNsSum: {
    name: 'llama_schedule_lateness_seconds_total',
    help: 'Sum of the times by which probes left after their schedule, by worker.',
    unit: nsToS,
  },
  latenessNsMax: {
    name: 'llama_schedule_lateness_max_seconds',
    help: 'Greatest time by which a probe left after its schedule since the start, by worker.',
    unit: nsToS,
    gauge: true,
  },
  turns: { name: 'llama_worker_turns_total', help: 'Turns of the loop of the worker.' },
  threadLosses: { name: 'llama_thread_losses_total', help: 'Probes whose outcome died with the worker.' },
};
