/**
 * Readers on /v1/results while 50,000 probes a second run: how long they wait, and whether the measurement notices
 * them.
 */

import { setTimeout as delay } from 'node:timers/promises';
import autocannon from 'autocannon';
import type { CollectorStatus } from '../../src/contract/collectorStatus.js';
import { median, round, type Scenario, type ScenarioOptions, type ScenarioResult } from '../harness.js';
import { startPair } from './twoProcesses.js';

const TARGETS = 1_000;
/** With a period of a second: 50,000 probes a second. */
const SOURCE_PORTS = 50;
const INTERVAL = '5s';
const INTERVAL_MS = 5_000;
/** Enough for the cursor of one interval back, and for a first answer with several intervals. */
const WARM_UP_MS = 3 * INTERVAL_MS;
/**
 * Also compiles the code of readers and server: the wait of the first ten readers would otherwise be the 99th
 * percentile of a paced stretch.
 */
const WARM_UP_READ_SECONDS = 1;
const CONNECTIONS = 10;
/**
 * For all connections together, in the paced stretch: many more readers than a collector has, yet a load that leaves
 * the machine time.
 */
const PACED_PER_SECOND = 50;
/** No longer than an interval, so that an answer after the cursor stays at one interval or two. */
const ROUND_SECONDS = 5;
const QUICK_ROUND_SECONDS = 3;
const MB = 1e6;

interface Stretch {
  readonly p99Ms: number;
  readonly requestsPerSecond: number;
  readonly megabytesPerSecond: number;
  readonly failed: number;
}

async function status(url: string): Promise<CollectorStatus> {
  return (await (await fetch(`${url}/v1/status`)).json()) as CollectorStatus;
}

/**
 * With a rate, the latency is counted from the planned time of a request, so that a stalled server does not hide behind
 * its stalled clients. Without a rate, each connection asks again as soon as it has its answer: the offered load is the
 * capacity of the server, and the readers (this process) use a share of the same cores.
 */
async function read(url: string, seconds: number, overallRate?: number): Promise<Stretch> {
  const { latency, requests, throughput, errors, timeouts, non2xx } = await autocannon({
    url,
    connections: CONNECTIONS,
    duration: seconds,
    ...(overallRate === undefined ? {} : { overallRate }),
  });
  return {
    p99Ms: latency.p99,
    requestsPerSecond: round(requests.average),
    megabytesPerSecond: round(throughput.average / MB),
    failed: errors + timeouts + non2xx,
  };
}

async function run({ quick, progress }: ScenarioOptions): Promise<ScenarioResult> {
  const { url, stop } = await startPair({
    targets: TARGETS,
    sourcePorts: SOURCE_PORTS,
    timestamps: 'receive',
    interval: INTERVAL,
    rateLimit: 0,
  });
  try {
    await delay(WARM_UP_MS);
    const seconds = quick ? QUICK_ROUND_SECONDS : ROUND_SECONDS;
    await read(await afterLatest(url), WARM_UP_READ_SECONDS);
    const before = await status(url);
    const started = performance.now();
    const rounds = quick ? 1 : 5;
    const paced: Stretch[] = [];
    const closed: Stretch[] = [];
    const all: Stretch[] = [];
    let allBytes = 0;
    for (let i = 0; i < rounds; i++) {
      paced.push(await read(await afterLatest(url), seconds, PACED_PER_SECOND));
      closed.push(await read(await afterLatest(url), seconds));
      allBytes = (await (await fetch(`${url}/v1/results`)).arrayBuffer()).byteLength;
      all.push(await read(`${url}/v1/results`, seconds));
      progress(
        `round ${i + 1} of ${rounds}: after a cursor, paced ${text(paced[i])}; closed loop ${text(closed[i])}; all that is held (${round(allBytes / MB)} MB), closed loop ${text(all[i])}`,
      );
    }
    const { totals, warnings } = await status(url);
    const elapsed = (performance.now() - started) / 1000;
    const sent = totals.sent - before.totals.sent;
    const slips = totals.scheduleSlips - before.totals.scheduleSlips;
    if (warnings.length > 0) progress(JSON.stringify(warnings));
    const p99Ms = closed.map((stretch) => stretch.p99Ms);
    const p99MsPaced = paced.map((stretch) => stretch.p99Ms);
    const p99MsAll = all.map((stretch) => stretch.p99Ms);
    return {
      fields: {
        p99Ms: median(p99Ms),
        requestsPerSecond: median(closed.map(({ requestsPerSecond }) => requestsPerSecond)),
        p99MsPaced: median(p99MsPaced),
        requestsPerSecondPaced: median(paced.map(({ requestsPerSecond }) => requestsPerSecond)),
        p99MsAll: median(p99MsAll),
        requestsPerSecondAll: median(all.map(({ requestsPerSecond }) => requestsPerSecond)),
        megabytesPerSecondAll: median(all.map(({ megabytesPerSecond }) => megabytesPerSecond)),
        megabytesAll: round(allBytes / MB),
        failed: [...paced, ...closed, ...all].reduce((sum, { failed }) => sum + failed, 0),
        probesPerSecond: Math.round(sent / elapsed),
        lost: totals.lost + totals.unreachable + totals.localDrops + totals.threadLosses + totals.ringOverflows,
        slipsPct: round((100 * slips) / (slips + sent)),
      },
      samples: { p99Ms, p99MsPaced, p99MsAll },
    };
  } finally {
    await stop();
  }
}

/** The request of a reader that has seen all but the latest interval. */
async function afterLatest(url: string): Promise<string> {
  const { next } = (await (await fetch(`${url}/v1/results`)).json()) as { next: number };
  return `${url}/v1/results?after=${next - INTERVAL_MS}`;
}

function text({ p99Ms, requestsPerSecond, megabytesPerSecond }: Stretch): string {
  return `${requestsPerSecond} requests/s, p99 ${p99Ms} ms, ${megabytesPerSecond} MB/s`;
}

export const apiScenario: Scenario = {
  name: 'api',
  about: `${CONNECTIONS} connections that ask again as soon as they are answered (closed loop), after a cursor and for all that is held ("All"); and ${PACED_PER_SECOND} requests/s after a cursor ("Paced"); ${TARGETS} targets, ${TARGETS * SOURCE_PORTS} probes/s`,
  goals: [
    { field: 'p99Ms', atMost: 100, floor: 1_000 },
    { field: 'p99MsPaced', atMost: 100, floor: 1_000 },
    { field: 'p99MsAll', atMost: 100, floor: 2_000 },
    { field: 'failed', atMost: 0 },
    { field: 'lost', atMost: 0 },
  ],
  run,
};
