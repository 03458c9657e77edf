/**
 * A scraper with many collectors: whether it keeps up on one core, with its matrix in memory. Collectors and database
 * are a process that replays and acknowledges (`perf/workers/replay.ts`): InfluxDB itself took 26 to 44 s of CPU for
 * 100,000 points, which is not the scraper's.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ScraperStatus } from '../../src/contract/scraperStatus.js';
import {
  freeTcpPort,
  median,
  Product,
  round,
  type Scenario,
  type ScenarioOptions,
  type ScenarioResult,
} from '../harness.js';

const REPLAY = fileURLToPath(new URL('../workers/replay.js', import.meta.url));
const ROWS = 500;
const SAMPLE_MS = 500;
/** Time from the end of an interval until it is finished, ms: the last probes have to time out. */
const SETTLE_MS = 1000;
/** A round begins this time before an interval is finished, ms. */
const ROUND_BEFORE_MS = 100;

interface Size {
  readonly collectors: number;
  readonly intervalMs: number;
  readonly warmUpMs: number;
  readonly rounds: number;
}

/** Both have 10,000 rows a second. */
const FULL: Size = { collectors: 200, intervalMs: 10_000, warmUpMs: 25_000, rounds: 9 };
const QUICK: Size = { collectors: 100, intervalMs: 5_000, warmUpMs: 7_000, rounds: 2 };

async function run({ quick, progress }: ScenarioOptions): Promise<ScenarioResult> {
  const size = quick ? QUICK : FULL;
  const fleet = [size.collectors, ROWS, size.intervalMs, SETTLE_MS].map(String);
  const replay = spawn(process.execPath, [REPLAY, ...fleet], { stdio: ['ignore', 'pipe', 'inherit'] });
  const dir = mkdtempSync(join(tmpdir(), 'llama-perf-'));
  try {
    const { collectors, database } = await addresses(replay);
    const port = await freeTcpPort();
    const file = join(dir, 'scraper.yaml');
    const config = {
      scraper: { listen: `127.0.0.1:${port}`, matrixMemory: '96MiB' },
      stateDir: join(dir, 'state'),
      collectors,
      writers: [{ kind: 'influx1', url: database, database: 'perf' }],
    };
    writeFileSync(file, JSON.stringify(config));
    const node =
      process.env.LLAMA_PERF_CPU_PROF === undefined
        ? []
        : ['--cpu-prof', `--cpu-prof-dir=${process.env.LLAMA_PERF_CPU_PROF}`];
    const scraper = new Product(['scraper', '--config', file], { node });
    try {
      await scraper.ready(`http://127.0.0.1:${port}/healthz`);
      await delay(size.warmUpMs);
      return await measure(scraper, `http://127.0.0.1:${port}`, database, size, progress);
    } finally {
      await scraper.stop();
    }
  } finally {
    replay.kill();
    rmSync(dir, { recursive: true, force: true });
  }
}

async function measure(
  scraper: Product,
  url: string,
  database: string,
  { intervalMs, rounds, collectors }: Size,
  progress: (text: string) => void,
): Promise<ScenarioResult> {
  const shares: number[] = [];
  const rates: number[] = [];
  const lags: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const endMs = await nextRound(intervalMs);
    const [cpu, before, started] = [scraper.cpuSeconds(), await pointsOf(database), performance.now()];
    let lagMs = 0;
    for (let leftMs = endMs - Date.now(); leftMs > 0; leftMs = endMs - Date.now()) {
      await delay(Math.min(SAMPLE_MS, leftMs));
      lagMs = Math.max(lagMs, (await statusOf(url)).writers[0].writeLagMs ?? 0);
    }
    const seconds = (performance.now() - started) / 1000;
    shares.push(round((scraper.cpuSeconds() - cpu) / seconds));
    rates.push(round(((await pointsOf(database)) - before) / seconds));
    lags.push(lagMs);
    progress(
      `round ${i + 1} of ${rounds}: ${rates[i]} points/s, ${shares[i]} of a core, lag ${lagMs} ms, ${Math.round(scraper.peakRssMb())} MB at most`,
    );
  }
  const { collectors: states, writers } = await statusOf(url);
  return {
    fields: {
      pointsPerSecond: median(rates),
      // 1: as many as are finished.
      keptUp: round(
        rates.reduce((sum, rate) => sum + rate, 0) / rates.length / ((collectors * ROWS * 1000) / intervalMs),
      ),
      cpuShare: median(shares),
      rssMb: Math.round(scraper.peakRssMb()),
      lagMs: Math.max(...lags),
      lagIntervals: round(Math.max(...lags) / intervalMs),
      gaps: states.reduce((sum, { gaps }) => sum + gaps, 0),
      spooled: writers[0].spoolIntervals,
    },
    samples: { pointsPerSecond: rates, cpuShare: shares, lagMs: lags },
  };
}

/**
 * Waits until right before the collectors finish an interval; resolves with the same moment of the next one (epoch ms).
 * The work comes in a burst after it, and a scraper that keeps up has done all of it by then.
 */
async function nextRound(intervalMs: number): Promise<number> {
  const phaseMs = SETTLE_MS - ROUND_BEFORE_MS;
  const startMs = Math.ceil((Date.now() - phaseMs - SAMPLE_MS) / intervalMs) * intervalMs + phaseMs;
  await delay(Math.max(0, startMs - Date.now()));
  return startMs + intervalMs;
}

async function pointsOf(database: string): Promise<number> {
  return ((await (await fetch(database)).json()) as { points: number }).points;
}

async function statusOf(url: string): Promise<ScraperStatus> {
  return (await (await fetch(`${url}/v1/status`)).json()) as ScraperStatus;
}

async function addresses(replay: ChildProcess): Promise<{ collectors: string[]; database: string }> {
  if (replay.stdout === null) throw new Error('no stdout');
  for await (const line of createInterface(replay.stdout))
    return JSON.parse(line) as { collectors: string[]; database: string };
  throw new Error('the replay ended before it listened');
}

export const scrapeScenario: Scenario = {
  name: 'scrape',
  about: `a scraper with 200 collectors of ${ROWS} results each every 10 s (short form: 100, every 5 s), histograms and the matrix (96 MiB) included; the database only acknowledges`,
  goals: [
    { field: 'keptUp', atLeast: 0.98, floor: 0.9 },
    { field: 'cpuShare', atMost: 1, floor: 2 },
    { field: 'rssMb', atMost: 300, floor: 350 },
    { field: 'lagIntervals', atMost: 1, floor: 3 },
    { field: 'gaps', atMost: 0 },
    { field: 'spooled', atMost: 0 },
  ],
  run,
};
