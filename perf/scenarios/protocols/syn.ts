/**
 * SYNs to an open and to a closed port of loopback's addresses: the host's own TCP answers, so its work is in the
 * figures. Once at full speed, and once at a given rate, to measure the RTTs then.
 */

import { once } from 'node:events';
import { createServer } from 'node:net';
import { msToNs } from '../../../src/base/units.js';
import { freeTcpPort, freeUdpPort, median } from '../../harness.js';
import { type LoadOptions, type LoadRow, lossesOf, underLoad } from '../load.js';

const PACED_PER_SECOND = 50_000;
/** More than the machine can do, so that the window paces. */
const ASKED_PER_SECOND = 300_000;
const WINDOW = 1024;
/**
 * Number of addresses with both ports probed: enough that no path is probed again within the timeout, for a server
 * accepts one SYN at a time from a port.
 */
const TARGETS = 1000;
const TIMEOUT_MS = 100;
const WARM_UP_MS = 1_000;

export interface SynResult {
  /** Answers a second, as quick as it goes. */
  readonly rate: number;
  readonly cpuUs: number;
  /** Answers a second out of the requested rate, paced. */
  readonly pacedRate: number;
  /** Medians over the targets, paced: of their least RTT, median and 99th percentile. */
  readonly rttUsMin: number;
  readonly rttUsP50: number;
  readonly rttUsP99: number;
  /** In both runs; `pacedSlipsPct` is the share of planned probes that were not sent in time. */
  readonly lost: number;
  readonly pacedSlipsPct: number;
}

export async function measureSyn(durationMs: number, progress: (text: string) => void): Promise<SynResult> {
  const server = createServer().listen({ port: 0, host: '0.0.0.0', backlog: 4096 });
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP port');
  const load: LoadOptions = {
    port: await freeUdpPort(),
    probes: [address.port, await freeTcpPort()].map((port) => ({ protocol: 'tcp-syn', port, payloadBytes: 0 })),
    targets: TARGETS,
    sourcePorts: 16,
    probesPerSecond: ASKED_PER_SECOND,
    timeoutNs: msToNs(TIMEOUT_MS),
    timestamps: 'receive',
    window: WINDOW,
  };
  try {
    const most = await underLoad(load, WARM_UP_MS, durationMs);
    const paced = await underLoad({ ...load, probesPerSecond: PACED_PER_SECOND, window: 0 }, WARM_UP_MS, durationMs);
    const { sent, scheduleSlips } = paced.measured;
    return {
      rate: most.echoesPerSecond,
      cpuUs: most.cpuUs,
      pacedRate: paced.echoesPerSecond,
      rttUsMin: medianRtt(paced.rows, 'min'),
      rttUsP50: medianRtt(paced.rows, 'p50'),
      rttUsP99: medianRtt(paced.rows, 'p99'),
      lost: lossesOf(most, progress) + lossesOf(paced, progress),
      pacedSlipsPct: (100 * scheduleSlips) / (sent + scheduleSlips),
    };
  } finally {
    server.close();
  }
}

function medianRtt(rows: readonly LoadRow[], which: 'min' | 'p50' | 'p99'): number {
  return median(rows.flatMap(({ rttUs }) => (rttUs === null ? [] : [rttUs[which]])));
}
