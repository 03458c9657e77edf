/** The measuring hosts of a fleet: a real collector each with a witness beside it, and one of Dropbox's LLAMA in Go. */

import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ResultsAnswer } from '../../support/harness/contract.js';
import { waitFor } from '../../support/harness/wait.js';
import { HttpClient } from '../../support/processes/http.js';
import { Running, startLlama } from '../../support/processes/process.js';
import type { Ledger, Point } from './ledger.js';
import { Star } from './star.js';

const GO_LLAMA = fileURLToPath(new URL('./goLlama.js', import.meta.url));
export const API_PORT = 5000;
export const PROBE_PORT = 8100;
const START_MS = 30_000;
const WITNESS_MS = 200;

/**
 * Reads `/v1/results` of one collector on its own host, so that no fault between hosts concerns it, several times an
 * interval: what it has seen is what was finished.
 */
export class Witness {
  private readonly ledger: Ledger;
  private readonly http: HttpClient;
  private readonly name: string;
  private readonly url: string;
  private readonly running: Promise<void>;
  private cursor = 0;
  private ended = false;
  private failure: Error | undefined;
  /** The collector is down by our own doing, or not up yet. */
  private away = true;

  constructor(star: Star, host: number, ledger: Ledger) {
    this.ledger = ledger;
    this.http = new HttpClient(star.host(host));
    this.name = nameOf(host);
    this.url = `http://127.0.0.1:${API_PORT}`;
    this.running = this.run();
  }

  /** Reads all of the next process, when the collector is there: it has nothing of the process before. */
  async back(): Promise<void> {
    await this.http.waitForHttp(`${this.url}/readyz`, START_MS);
    this.cursor = 0;
    this.away = false;
  }

  /** Reads all that is finished now; from then on the collector may be away until `back`. */
  async beforeDeath(): Promise<void> {
    await this.read();
    this.away = true;
  }

  /** Throws when it missed an interval. */
  check(): void {
    if (this.failure !== undefined) throw this.failure;
  }

  async close(): Promise<void> {
    this.ended = true;
    await this.running;
    await this.http.close();
  }

  private async run(): Promise<void> {
    while (!this.ended) {
      await sleep(WITNESS_MS);
      if (!this.away) await this.read().catch((error) => this.failed(error));
    }
  }

  /**
   * It reads again, and so has not missed anything yet; on a host with too much to do that happens. A collector that
   * dies while it is asked is no failure.
   */
  private failed(error: Error): void {
    if (this.away || this.ended) return;
    console.error(`${new Date().toISOString()} the witness at ${this.name}: ${error.message}`);
    if (!(error instanceof TooLate)) return;
    this.failure = error;
    this.ended = true;
  }

  private async read(): Promise<void> {
    const { status, body } = await this.http.request('GET', `${this.url}/v1/results?after=${this.cursor}`);
    // Not yet started.
    if (status !== 200) return;
    const { collector, gap, intervals } = JSON.parse(body) as ResultsAnswer;
    if (gap && this.cursor > 0) throw new TooLate(`${collector}: it came too late for an interval`);
    for (const { cursor, endMs, results } of intervals) {
      // Two reads at a time may see the same.
      if (cursor <= this.cursor) continue;
      for (const { group, target, class: trafficClass, sent, lost } of results)
        this.ledger.add({ collector, endMs, group, target, class: trafficClass }, { sent, lost });
      this.cursor = cursor;
    }
  }
}

class TooLate extends Error {
  override readonly name = 'TooLate';
}

export const nameOf = (host: number): string => `host-${host}`;

/** What a collector measures: two addresses of the center, two classes. */
export function collectorConfig(host: number, retention: number): object {
  return {
    collector: { name: nameOf(host), interval: '1s', retention, workers: 1 },
    source: { ports: 2 },
    api: { listen: `0.0.0.0:${API_PORT}` },
    groups: {
      west: {
        ...{ port: PROBE_PORT, period: '100ms', timeout: '200ms', classes: ['cs0', 'ef'] },
        targets: [{ address: Star.centerAddress(host), tags: { dst_rack: 'r 1,=' } }],
      },
      hole: {
        ...{ port: PROBE_PORT, period: '250ms', timeout: '200ms' },
        // Nobody has this address.
        targets: [`10.98.${host}.77`],
      },
    },
  };
}

export function startCollector(star: Star, host: number, configFile: string): Running {
  return startLlama(['collector', '--config', configFile], star.host(host));
}

/** Dropbox's LLAMA in Go; what it finishes goes into the ledger. */
export async function startGoLlama(star: Star, host: number, intervalMs: number, ledger: Ledger): Promise<Running> {
  const address = Star.hostAddress(host);
  const child = star.host(host)(process.execPath, [GO_LLAMA, address, `${API_PORT}`, `${intervalMs}`], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const running = new Running(child);
  if (child.stdout === null) throw new Error('no stdout');
  let listening = false;
  createInterface(child.stdout).on('line', (line) => {
    if (line === 'listening') {
      listening = true;
      return;
    }
    const { endMs, points } = JSON.parse(line) as { endMs: number; points: (Point & { target: string })[] };
    for (const { target, sent, lost } of points)
      ledger.add({ collector: address, endMs, group: '', target, class: '' }, { sent, lost });
  });
  await waitFor('the LLAMA in Go listens', () => listening, START_MS);
  return running;
}
