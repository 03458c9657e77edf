/** A collector under test: its process, its REST interface, and what it reported so far. */

import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { ConfigSpec, GroupSpec, StatusAnswer } from '../harness/contract.js';
import { sumOf } from '../harness/contract.js';
import { Recorder } from '../harness/recorder.js';
import { waitFor } from '../harness/wait.js';
import { freePort, HttpClient, type HttpResponse } from './http.js';
import { type Running, type Spawner, startLlama } from './process.js';

const START_MS = 10_000;
/** Longer than a timeout and two intervals of any suite. */
const SETTLE_MS = 15_000;

export class TestCollector {
  readonly process: Running;
  readonly recorder: Recorder;
  private readonly base: string;
  private readonly http: HttpClient;
  private readonly directory: string;
  private readonly groups: Set<string>;

  private constructor(base: string, directory: string, process: Running, http: HttpClient, groups: readonly string[]) {
    this.groups = new Set(groups);
    this.base = base;
    this.directory = directory;
    this.process = process;
    this.http = http;
    this.recorder = new Recorder((path) => http.json('GET', base + path));
  }

  /** Starts it on this host or, with `at`, on a host of the lab; intervals of a second. Resolves when it measures. */
  static async start(config: ConfigSpec, at: Spawner = spawn, program?: string): Promise<TestCollector> {
    const directory = await mkdtemp(join(tmpdir(), 'llama-collector-'));
    const file = join(directory, 'config.yaml');
    const collector = { name: 'test', interval: '1s', retention: 600, ...config.collector };
    // JSON is YAML.
    await writeFile(file, JSON.stringify({ ...config, collector }));
    const listen = `127.0.0.1:${await freePort()}`;
    const process = startLlama(['collector', '--config', file, '--listen', listen], at, program);
    const http = new HttpClient(at);
    const base = `http://${listen}`;
    try {
      const ready = async (): Promise<boolean> => (await http.request('GET', `${base}/readyz`)).status === 200;
      await process.until('the collector is ready', ready, START_MS);
    } catch (error) {
      process.kill('SIGKILL');
      await http.close();
      await rm(directory, { recursive: true, force: true });
      throw error;
    }
    return new TestCollector(base, directory, process, http, Object.keys(config.groups));
  }

  /** Of its API, without a slash at the end. */
  get url(): string {
    return this.base;
  }

  status(): Promise<StatusAnswer> {
    return this.http.json('GET', `${this.base}/v1/status`);
  }

  get(path: string): Promise<HttpResponse> {
    return this.http.request('GET', this.base + path);
  }

  post(path: string): Promise<HttpResponse> {
    return this.http.request('POST', this.base + path);
  }

  /** Creates or changes a group; rejects unless it was accepted. */
  async putGroup(name: string, group: GroupSpec): Promise<void> {
    await this.http.json('PUT', `${this.base}/v1/groups/${name}`, group);
    this.groups.add(name);
  }

  async deleteGroup(name: string): Promise<void> {
    await this.http.json('DELETE', `${this.base}/v1/groups/${name}`);
    this.groups.delete(name);
  }

  /**
   * Ends all probing and waits until every probe is reported. Checks that each was: in all intervals together
   * sent + threadLosses + ringOverflows = totals.sent. Resolves with the final status; the recorder is at its end.
   */
  async settle(): Promise<StatusAnswer> {
    for (const name of this.groups) await this.deleteGroup(name);
    const settled = async (): Promise<StatusAnswer | false> => {
      const status = await this.status();
      const { sent, threadLosses, ringOverflows } = status.totals;
      return status.aggregator.reported + threadLosses + ringOverflows === sent && status;
    };
    const status = await waitFor('every probe that was sent is reported', settled, SETTLE_MS);
    const { sent, threadLosses, ringOverflows } = status.totals;
    const reported = (): number => sumOf(this.recorder.rows(), 'sent');
    await waitFor(
      'every probe that was sent is in /v1/results',
      () => reported() >= sent - threadLosses - ringOverflows,
      SETTLE_MS,
    );
    await this.recorder.stop();
    expect(reported() + threadLosses + ringOverflows, 'sent in all intervals').to.equal(sent);
    expect(status.aggregator.orphans, 'orphans').to.equal(0);
    return status;
  }

  /** Ends everything; may be called whatever went wrong before. */
  async stop(): Promise<void> {
    // A recorder that failed has told so before; here it only has to end.
    await this.recorder.stop().catch(() => {});
    await this.process.stop();
    await this.http.close();
    await rm(this.directory, { recursive: true, force: true });
  }
}
