/** The scraper as a process that is killed and started again, and all that it ever logged. */

import type { ScraperStatus } from '../../../src/contract/scraperStatus.js';
import type { HttpClient } from '../../support/processes/http.js';
import { type Running, type Spawner, startLlama } from '../../support/processes/process.js';

const START_MS = 30_000;

export interface LogLine {
  readonly msg: string;
  readonly level: string;
  readonly [name: string]: unknown;
}

/** A stretch of time that the scraper said it has no results of. */
export interface NamedGap {
  readonly collector: string;
  readonly fromMs: number;
  readonly toMs: number;
}

export class ScraperProcess {
  private readonly config: string;
  private readonly at: Spawner | undefined;
  private readonly http: HttpClient;
  private readonly port: number;
  private readonly ended: string[] = [];
  private running: Running | undefined;

  constructor(config: string, port: number, http: HttpClient, at?: Spawner) {
    this.config = config;
    this.port = port;
    this.http = http;
    this.at = at;
  }

  /** Resolves when it scrapes. */
  async start(): Promise<void> {
    const running = startLlama(['scraper', '--config', this.config], this.at);
    this.running = running;
    await running.until('the scraper scrapes', () => running.stderr.includes('"scraping"'), START_MS);
  }

  async kill(): Promise<void> {
    const { running } = this;
    if (running === undefined) return;
    running.kill('SIGKILL');
    await running.exited;
    this.keep(running);
  }

  /** Resolves with its exit code. */
  async stop(): Promise<number | null> {
    const { running } = this;
    if (running === undefined) return null;
    const { code } = await running.stop('SIGTERM', 10_000);
    this.keep(running);
    return code;
  }

  status(): Promise<ScraperStatus> {
    return this.http.json('GET', `http://127.0.0.1:${this.port}/v1/status`);
  }

  async statusOf(path: string): Promise<number> {
    return (await this.http.request('GET', `http://127.0.0.1:${this.port}${path}`)).status;
  }

  /** Of all its lives. One that was killed in the midst of a line leaves half of it. */
  log(): LogLine[] {
    const text = [...this.ended, this.running?.stderr ?? ''].join('\n');
    return text.split('\n').flatMap((line) => {
      try {
        return line === '' ? [] : [JSON.parse(line) as LogLine];
      } catch {
        return [];
      }
    });
  }

  said(msg: string): LogLine[] {
    return this.log().filter((line) => line.msg === msg);
  }

  /** By name. */
  gaps(): NamedGap[] {
    return this.log()
      .filter(({ msg, from, to }) => /^(intervals are lost|there are no intervals)/.test(msg) && from && to)
      .map(({ name, from, to }) => ({
        collector: String(name),
        fromMs: Date.parse(String(from)),
        toMs: Date.parse(String(to)),
      }));
  }

  private keep({ stderr }: Running): void {
    this.ended.push(stderr);
    this.running = undefined;
  }
}
