/**
 * One PUT of 10,000 targets while another group is probed: its duration, how long it blocks the main thread, and its
 * effect on the other group.
 */

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { CollectorStatus } from '../../src/contract/collectorStatus.js';
import { median, type Product, round, type Scenario, type ScenarioOptions, type ScenarioResult } from '../harness.js';
import { startPair } from './twoProcesses.js';

const STEADY_TARGETS = 1250;
const SOURCE_PORTS = 16;
const NEW_TARGETS = 10_000;
/** The new group adds 16,000 probes a second. */
const NEW_PERIOD = '10s';
const WARM_UP_MS = 3_000;
const AFTER_MS = 4_000;
const PRELOAD = fileURLToPath(new URL('../workers/loopDelay.js', import.meta.url));

interface Rows {
  readonly next: number;
  readonly intervals: readonly {
    readonly results: readonly {
      sent: number;
      received: number;
      lost: number;
      localDrops: number;
      unreachable: number;
    }[];
  }[];
}

async function json<Answer>(url: string): Promise<Answer> {
  return (await (await fetch(url)).json()) as Answer;
}

/** Milliseconds of the longest stretch since the last question. */
async function blockedMs({ child }: Product, file: string): Promise<number> {
  rmSync(file, { force: true });
  child.kill('SIGUSR2');
  while (!existsSync(file)) await delay(5);
  return Number(readFileSync(file, 'utf8'));
}

/** Probes that a steady rate would have sent and these intervals have not. */
function missing(perInterval: readonly number[]): number {
  const rate = STEADY_TARGETS * SOURCE_PORTS;
  return perInterval.length * rate - perInterval.reduce((sum, sent) => sum + sent, 0);
}

/** All intervals that end after `after`; a page has only some of them when there are many rows. */
async function rowsAfter(url: string, group: string, after: number): Promise<Rows['intervals']> {
  const page = await json<Rows>(`${url}/v1/results?group=${group}&after=${after}`);
  return page.intervals.length === 0 ? [] : [...page.intervals, ...(await rowsAfter(url, group, page.next))];
}

async function once(quick: boolean): Promise<Record<string, number>> {
  const folder = mkdtempSync(join(tmpdir(), 'llama-perf-'));
  const file = join(folder, 'loop');
  const { collector, url, stop } = await startPair(
    { targets: STEADY_TARGETS, sourcePorts: SOURCE_PORTS, timestamps: 'full', interval: '1s' },
    { node: ['--import', PRELOAD], env: { LOOP_DELAY_FILE: file } },
  );
  try {
    const targets = Array.from({ length: NEW_TARGETS }, (_, i) => ({
      address: `127.2.${i >> 8}.${i & 255}`,
      tags: { dst_rack: `r${i % 40}`, dst_region: 'west' },
    }));
    await delay(quick ? WARM_UP_MS / 2 : WARM_UP_MS);
    // Not before: the API answers before the groups of the file are in force.
    const { port } = await json<{ port: number }>(`${url}/v1/groups/load`);
    const body = JSON.stringify({ port, period: NEW_PERIOD, timeout: '1s', classes: ['cs0'], targets });
    const idle = await json<CollectorStatus>(`${url}/v1/status`);
    await blockedMs(collector, file);
    await delay(AFTER_MS);
    const idleBlockedMs = await blockedMs(collector, file);
    const before = await json<CollectorStatus>(`${url}/v1/status`);
    const sinceMs = Date.now();
    const started = performance.now();
    const response = await fetch(`${url}/v1/groups/large`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body,
    });
    await response.arrayBuffer();
    const appliedMs = performance.now() - started;
    if (response.status !== 201) throw new Error(`PUT answered ${response.status}`);
    const longest = await blockedMs(collector, file);
    await delay(AFTER_MS + 1_500);
    const after = await json<CollectorStatus>(`${url}/v1/status`);
    const allSlips = after.totals.scheduleSlips - before.totals.scheduleSlips;
    let lost = 0;
    // Every path of the steady group is probed once a second, and an interval is a second: missing probes were skipped.
    const perInterval: number[] = [];
    for (const { results } of await rowsAfter(url, 'load', sinceMs)) {
      let sent = 0;
      for (const row of results) {
        sent += row.sent;
        lost += row.sent - row.received;
      }
      perInterval.push(sent);
    }
    let probed = 0;
    for (const { results } of await rowsAfter(url, 'large', sinceMs)) for (const row of results) probed += row.received;
    if (probed === 0) throw new Error('no probe to the new targets was answered');
    return {
      appliedMs: round(appliedMs),
      blockedMs: round(longest),
      idleBlockedMs: round(idleBlockedMs),
      otherLost: lost,
      // A few probes may fall on the other side of an interval's edge; those are no slips.
      otherSlips: Math.min(allSlips, Math.max(0, missing(perInterval))),
      allSlips,
      idleSlips: before.totals.scheduleSlips - idle.totals.scheduleSlips,
      latenessMsMax: round(after.totals.latenessNsMax / 1e6),
      newReceived: probed,
    };
  } finally {
    await stop();
    rmSync(folder, { recursive: true });
  }
}

async function run({ quick, progress }: ScenarioOptions): Promise<ScenarioResult> {
  const samples: Record<string, number[]> = {};
  for (let i = 0; i < (quick ? 1 : 5); i++) {
    const figures = await once(quick);
    progress(JSON.stringify(figures));
    for (const [name, value] of Object.entries(figures)) samples[name] = [...(samples[name] ?? []), value];
  }
  // Losses count whenever they occur, and blocking of the main thread by its maximum; other times by their median.
  const fields = Object.fromEntries(
    Object.entries(samples).map(([name, values]) => {
      if (name.startsWith('other')) return [name, values.reduce((sum, value) => sum + value, 0)];
      return [name, name === 'blockedMs' ? Math.max(...values) : median(values)];
    }),
  );
  return { fields, samples };
}

export const reconfigureScenario: Scenario = {
  name: 'reconfigure',
  about: `one PUT of ${NEW_TARGETS} targets beside ${STEADY_TARGETS * SOURCE_PORTS} probes/s; applied: until the PUT is answered, when every thread works by it`,
  goals: [
    { field: 'appliedMs', atMost: 1000, floor: 5_000 },
    { field: 'blockedMs', atMost: 50, floor: 500 },
    { field: 'otherLost', atMost: 0 },
    { field: 'otherSlips', atMost: 0, floor: 10_000 },
  ],
  run,
};
