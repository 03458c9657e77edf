/** The reflector's counters in Prometheus' text format, read from the status at each scrape. */

import { Counter, Gauge, Registry } from 'prom-client';
import { THREAD_STATES } from '../threads/supervised.js';
import { JUNK_REASONS } from './messages.js';
import type { ReflectorStatus, ReflectorTotals } from './reflector.js';

const PREFIX = 'llama_reflector_';

const COUNTERS: readonly { readonly name: string; readonly help: string; readonly total: keyof ReflectorTotals }[] = [
  { name: 'packets_received_total', help: 'Datagrams received.', total: 'received' },
  { name: 'send_errors_total', help: 'Replies that the kernel refused to send.', total: 'sendErrors' },
  {
    name: 'receive_queue_drops_total',
    help: 'Datagrams dropped by the kernel because a receive queue was full.',
    total: 'receiveQueueDrops',
  },
  {
    name: 'short_requests_total',
    help: 'Requests below 41 bytes that were accepted, with --short-requests.',
    total: 'shortRequests',
  },
  {
    name: 'stamps_missing_total',
    help: 'Requests without a kernel receive stamp; T2 was read from the clock.',
    total: 'stampsMissing',
  },
  {
    name: 'malformed_tlvs_total',
    help: 'Requests answered whose TLVs were malformed.',
    total: 'malformedTlvs',
  },
  {
    name: 'forged_tlvs_total',
    help: 'Requests answered whose TLVs failed their integrity check.',
    total: 'forgedTlvs',
  },
  { name: 'sessions_evicted_total', help: 'Sessions evicted because the table was full.', total: 'sessionsEvicted' },
  { name: 'sessions_expired_total', help: 'Sessions forgotten after --session-timeout.', total: 'sessionsExpired' },
];

/** A registry that reads `status()` at each scrape. */
export function reflectorMetrics(status: () => ReflectorStatus): Registry {
  const registry = new Registry();
  const registers = [registry];
  for (const { name, help, total } of COUNTERS)
    new Counter({
      name: PREFIX + name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(status().totals[total]);
      },
    });
  new Counter({
    name: `${PREFIX}packets_reflected_total`,
    help: 'Requests answered, by packet format.',
    labelNames: ['format'],
    registers,
    collect() {
      this.reset();
      const { totals } = status();
      this.inc({ format: 'stamp' }, totals.reflectedStamp);
      this.inc({ format: 'stampAuth' }, totals.reflectedStampAuth);
      this.inc({ format: 'llama' }, totals.reflectedLlama);
      this.inc({ format: 'llamaLegacy' }, totals.reflectedLlamaLegacy);
    },
  });
  new Counter({
    name: `${PREFIX}packets_dropped_total`,
    help: 'Datagrams dropped and not answered, by reason.',
    labelNames: ['reason'],
    registers,
    collect() {
      this.reset();
      const { totals } = status();
      for (const reason of JUNK_REASONS) this.inc({ reason }, totals[reason]);
    },
  });
  new Counter({
    name: `${PREFIX}thread_restarts_total`,
    help: 'Threads that died and were started again.',
    registers,
    collect() {
      this.reset();
      this.inc(status().workers.reduce((sum, { restarts }) => sum + restarts, 0));
    },
  });
  new Gauge({
    name: `${PREFIX}warnings`,
    help: 'Warnings in /v1/status.',
    registers,
    collect() {
      this.set(status().warnings.length);
    },
  });
  new Gauge({
    name: `${PREFIX}sessions`,
    help: 'Sessions held now.',
    registers,
    collect() {
      this.set(status().totals.sessions);
    },
  });
  new Gauge({
    name: `${PREFIX}listening`,
    help: '1 when the address is listened on, 0 while this host does not have it or its interface.',
    labelNames: ['listen'],
    registers,
    collect() {
      this.reset();
      for (const { listen, listening } of status().listeners) this.set({ listen }, listening ? 1 : 0);
    },
  });
  new Gauge({
    name: `${PREFIX}threads`,
    help: 'Threads, by state.',
    labelNames: ['state'],
    registers,
    collect() {
      this.reset();
      for (const state of THREAD_STATES)
        this.set({ state }, status().workers.filter((worker) => worker.state === state).length);
    },
  });
  new Gauge({
    name: `${PREFIX}clock_synchronised`,
    help: "1 when a time service keeps the clock of this host, by the kernel's account.",
    registers,
    collect() {
      this.set(status().clockSynchronised ? 1 : 0);
    },
  });
  new Gauge({
    name: `${PREFIX}info`,
    help: 'Always 1; the version is in the label.',
    labelNames: ['version'],
    registers,
    collect() {
      this.set({ version: status().version }, 1);
    },
  });
  return registry;
}
