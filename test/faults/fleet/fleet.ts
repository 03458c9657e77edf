/**
 * A scraper with real databases and files, real collectors and one of Dropbox's, each on a host of its own; witnesses
 * see what is finished.
 */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitFor } from '../../support/harness/wait.js';
import { HttpClient } from '../../support/processes/http.js';
import { type Running, startLlama } from '../../support/processes/process.js';
import {
  type DatabaseServer,
  influxQuery,
  startInfluxd,
  startVictoriaMetrics,
} from '../../support/processes/servers.js';
import { API_PORT, collectorConfig, nameOf, PROBE_PORT, startCollector, startGoLlama, Witness } from './hosts.js';
import { Ledger } from './ledger.js';
import { ScraperProcess } from './scraperProcess.js';
import { Star } from './star.js';

const DB = 'llama';
const SCRAPER_PORT = 5050;
const LOSS_PERCENT = 5;
const CATCH_UP_MS = 60_000;

export interface FleetOptions {
  /** Collectors of our own, on hosts 1 and up; Dropbox's comes on the next one. */
  readonly collectors: number;
  /** Intervals of a second that they keep. */
  readonly retention: number;
  readonly goIntervalMs: number;
}

export class Fleet {
  readonly ledger = new Ledger();
  readonly files: string;
  readonly star: Star;
  readonly influx: DatabaseServer;
  readonly victoria: DatabaseServer;
  readonly scraper: ScraperProcess;
  readonly witnesses: Witness[] = [];
  /** Dropbox's LLAMA holds one interval only: those before the first that was fetched nobody could have. */
  goFromMs = Number.NaN;
  private readonly options: FleetOptions;
  private readonly dir: string;
  private readonly http: HttpClient;
  private readonly collectors: Running[] = [];
  private readonly others: Running[] = [];

  private constructor(options: FleetOptions, star: Star, http: HttpClient, servers: DatabaseServer[], dir: string) {
    this.options = options;
    this.star = star;
    this.http = http;
    [this.influx, this.victoria] = servers;
    this.dir = dir;
    this.files = join(dir, 'files');
    this.scraper = new ScraperProcess(this.file('scraper'), SCRAPER_PORT, http, star.center);
  }

  static async start(options: FleetOptions): Promise<Fleet> {
    const star = await Star.create(options.collectors + 1);
    const http = new HttpClient(star.center);
    const where = { spawn: star.center, request: http.request.bind(http) };
    const servers = [
      await startInfluxd({}, where),
      // It keeps a point that it gets twice twice, unless this says otherwise.
      await startVictoriaMetrics(['-dedup.minScrapeInterval=1ms'], where),
    ];
    const fleet = new Fleet(options, star, http, servers, await mkdtemp(join(tmpdir(), 'llama-fleet-')));
    try {
      await fleet.begin();
      return fleet;
    } catch (error) {
      await fleet.destroy();
      throw error;
    }
  }

  get goHost(): number {
    return this.options.collectors + 1;
  }

  /** `kill -9` of a collector, and its next life. */
  async killCollector(host: number): Promise<void> {
    const running = this.collectors[host - 1];
    running.kill('SIGKILL');
    await running.exited;
  }

  startCollector(host: number): void {
    this.collectors[host - 1] = startCollector(this.star, host, this.file(nameOf(host)));
  }

  /** Names of collectors in results. */
  names(): string[] {
    return [...this.hosts().map(nameOf), Star.hostAddress(this.goHost)];
  }

  hosts(): number[] {
    return Array.from({ length: this.options.collectors }, (_, index) => index + 1);
  }

  /** Waits until all that is finished by now is with every writer; the result is now. */
  async caughtUp(): Promise<number> {
    const nowMs = Date.now();
    const lengthOf = (name: string): number => (name.startsWith('host-') ? 1000 : this.options.goIntervalMs);
    // The last interval that ended by now, of each.
    const last = new Map(this.names().map((name) => [name, Math.floor(nowMs / lengthOf(name)) * lengthOf(name)]));
    await waitFor(
      'the witnesses saw all that is finished',
      () => [...last].every(([name, endMs]) => this.ledger.newest(name) >= endMs),
      CATCH_UP_MS,
    );
    let seen = '';
    await waitFor(
      'all that is finished is with every writer',
      async () => {
        const { collectors, writers } = await this.scraper.status();
        seen = JSON.stringify({ collectors, writers });
        return (
          collectors.every(({ name, lastEnd }) => Date.parse(lastEnd ?? '') >= (last.get(name ?? '') ?? Number.NaN)) &&
          writers.every(({ spoolIntervals, queued }) => spoolIntervals + queued === 0)
        );
      },
      CATCH_UP_MS,
      100,
    ).catch((error) => {
      throw new Error(`${error.message}: ${seen}`, { cause: error });
    });
    this.check();
    return nowMs;
  }

  /** Throws when a witness missed an interval: nothing can be said then. */
  check(): void {
    for (const witness of this.witnesses) witness.check();
  }

  async destroy(): Promise<void> {
    await this.scraper.kill();
    await Promise.all(this.witnesses.map((witness) => witness.close()));
    await Promise.all([this.influx.remove(), this.victoria.remove()]);
    for (const running of [...this.collectors, ...this.others]) running.kill('SIGKILL');
    await Promise.all([...this.collectors, ...this.others].map(({ exited }) => exited));
    await this.http.close();
    await this.star.destroy();
    await rm(this.dir, { recursive: true, force: true });
  }

  private async begin(): Promise<void> {
    const { star, ledger } = this;
    const { retention, goIntervalMs } = this.options;
    await star.loseProbes(PROBE_PORT, LOSS_PERCENT);
    this.others.push(startLlama(['reflector', '--listen', `0.0.0.0:${PROBE_PORT}`, '--threads', '1'], star.center));
    for (const host of this.hosts()) {
      await writeFile(this.file(nameOf(host)), JSON.stringify(collectorConfig(host, retention)));
      this.startCollector(host);
    }
    const witnesses = this.hosts().map((host) => new Witness(star, host, ledger));
    this.witnesses.push(...witnesses);
    this.others.push(await startGoLlama(star, this.goHost, goIntervalMs, ledger));
    await Promise.all(witnesses.map((witness) => witness.back()));
    await influxQuery(this.influx, `CREATE DATABASE ${DB}`);
    await writeFile(this.file('scraper'), JSON.stringify(this.scraperConfig()));
    await this.scraper.start();
    // From here on it knows of each how far it came, and so can tell what it missed.
    const cursors = join(this.dir, 'state', 'cursors.json');
    await waitFor(
      'the scraper has a cursor of each collector',
      async () => {
        const text = await readFile(cursors, 'utf8');
        return this.names().every((name) => text.includes(` ${name}"`));
      },
      CATCH_UP_MS,
      100,
    );
    const go = (await this.scraper.status()).collectors.find(({ kind }) => kind === 'llama');
    this.goFromMs = Date.parse(go?.lastEnd ?? '');
  }

  private file(name: string): string {
    return join(this.dir, `${name}.yaml`);
  }

  private scraperConfig(): object {
    const { goHost } = this;
    const url = (host: number): string => `http://${Star.hostAddress(host)}:${API_PORT}`;
    return {
      scraper: { listen: `127.0.0.1:${SCRAPER_PORT}`, connectTimeout: '1s', headerTimeout: '2s', timeout: '3s' },
      stateDir: join(this.dir, 'state'),
      collectors: [
        ...this.hosts().map(url),
        { url: url(goHost), kind: 'llama', interval: `${this.options.goIntervalMs}ms` },
      ],
      writers: [
        { kind: 'influx1', url: this.influx.url, database: DB, timeout: '2s' },
        { kind: 'influx2', url: this.victoria.url, org: 'o', bucket: 'b', timeout: '2s' },
        // Small, so that many are closed.
        { kind: 'file', dir: this.files, maxSize: '64KiB' },
      ],
    };
  }
}
