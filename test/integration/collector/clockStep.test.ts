/**
 * A real collector whose wall clock is stepped: an injected step, for every reading of the clock and for the kernel's
 * stamps.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { FastifyInstance } from 'fastify';
import { buildApi } from '../../../src/api/collector/app.js';
import { Collector } from '../../../src/collector/collector.js';
import { aheadOf, type StoredInterval } from '../../../src/collector/results/results.js';
import { InjectedStep } from '../../../src/net/clock.js';
import type { Reflector } from '../../../src/reflector/reflector.js';
import { liveConfig, makeGroup, silent, startReflector } from '../../support/harness/live.js';
import { SseClient } from '../../support/harness/sse.js';
import { waitFor } from '../../support/harness/wait.js';

const INTERVAL_MS = 500;
const HOURS_S = 3_600;
const YEARS_S = 20 * 365 * 24 * HOURS_S;

class Stepped {
  readonly step = new InjectedStep();
  readonly intervals: StoredInterval[] = [];
  collector!: Collector;
  app!: FastifyInstance;
  origin = '';
  private reflector: Reflector | undefined;
  private readonly clients: SseClient[] = [];

  async start(aheadS: number, stateDir: string | null = null): Promise<void> {
    this.step.aheadS = aheadS;
    const config = liveConfig({ intervalMs: INTERVAL_MS });
    this.collector = await Collector.start({ ...config, stateDir }, { logger: silent, clockStep: this.step });
    this.collector.results.subscribe((interval) => this.intervals.push(interval));
    const { reflector, port } = await startReflector();
    this.reflector = reflector;
    await this.collector.putGroup(
      makeGroup('west', { port, period: '20ms', timeout: '400ms', targets: ['127.0.0.1'] }),
    );
    this.app = buildApi(this.collector);
    this.origin = await this.app.listen({ port: 0, host: '127.0.0.1' });
  }

  nowMs(): number {
    return Date.now() + this.step.aheadS * 1000;
  }

  async more(count: number): Promise<void> {
    const wanted = this.intervals.length + count;
    await waitFor(`${count} more intervals`, () => this.intervals.length >= wanted, 30_000);
  }

  /** The first interval from now on whose end is that of the wall clock; how many were not. */
  async follows(): Promise<number> {
    const from = this.intervals.length;
    await this.more(3);
    return this.intervals
      .slice(from)
      .findIndex(({ report }) => Math.abs(report.endMs - this.nowMs()) < 10 * INTERVAL_MS);
  }

  async get(path: string) {
    const response = await this.app.inject(path);
    expect(response.statusCode, response.body).to.equal(200);
    return response.json();
  }

  async stream(query: string): Promise<SseClient> {
    const client = await SseClient.open(`${this.origin}/v1/stream${query}`);
    this.clients.push(client);
    return client;
  }

  /** The target is gone: every probe is lost from now on. */
  async deaf(): Promise<void> {
    await this.reflector?.close();
    this.reflector = undefined;
  }

  async stop(): Promise<void> {
    for (const client of this.clients.splice(0)) client.close();
    await this.app.close();
    await this.collector.close();
    await this.deaf();
  }
}

const cellOf = async (s: Stepped) => {
  const { cells, window } = await s.get('/v1/matrix?window=2s');
  return { ...cells[0], window };
};

describe('a collector whose wall clock is stepped', () => {
  let s: Stepped;
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'llama-clock-'));
    s = new Stepped();
  });
  afterEach(async () => {
    await s.stop();
    rmSync(folder, { recursive: true });
  });

  it('ahead by two hours at the start and set back: times are right within three intervals, and the matrix sees the loss', async () => {
    await s.start(2 * HOURS_S);
    await s.more(3);
    const stream = await s.stream('?after=0&results=0');
    s.step.aheadS = 0;
    expect(await s.follows()).to.be.within(0, 2);
    await s.deaf();
    await s.more(6);
    const cell = await cellOf(s);
    expect(cell.stale).to.equal(false);
    // A slot of ten seconds holds some intervals from before as well.
    expect(cell.value).to.be.greaterThan(20);
    expect(cell.ageMs).to.be.lessThan(5 * INTERVAL_MS);
    expect(Math.abs(cell.window.endMs - Date.now())).to.be.lessThan(10 * INTERVAL_MS);
    const warnings = s.collector.status().warnings.filter((text) => text.startsWith('the wall clock was stepped'));
    expect(warnings).to.have.length(1);
    expect(warnings[0]).to.match(
      /2h ahead of what it is now; \d+ of \d+ held intervals end in the future, the last at /,
    );

    const { intervals, nowMs } = await s.get('/v1/results');
    expect(Math.abs(nowMs - Date.now())).to.be.lessThan(1_000);
    for (const { endMs, clockAheadMs, clockEpoch } of intervals) {
      const future = endMs > Date.now() + HOURS_S * 1000;
      expect(clockEpoch).to.equal(future ? 0 : 1);
      expect(Math.abs(clockAheadMs - (future ? 2 * HOURS_S * 1000 : 0))).to.be.lessThan(20);
    }
    await waitFor('the stream to have all', () => stream.ids.length >= intervals.length);
    expect(stream.ids.slice(0, intervals.length)).to.deep.equal(
      intervals.map(({ cursor }: { cursor: number }) => cursor),
    );
    expect(stream.events.filter(({ event }) => event === 'gap')).to.deep.equal([]);
  });

  for (const [name, aheadS] of [
    ['forwards by a second', 1],
    ['forwards by two hours', 2 * HOURS_S],
    ['forwards by years', YEARS_S],
    ['backwards by a second', -1],
    ['backwards by ten minutes', -600],
    ['backwards by years', -YEARS_S],
  ] as const)
    it(`${name}: a reader with a cursor gets every interval once, loss and times stay right`, async () => {
      await s.start(0);
      await s.more(2);
      const stream = await s.stream('?after=0&results=0');
      let cursor = 0;
      const read: number[] = [];
      const poll = async (): Promise<void> => {
        const { intervals, next, gap } = await s.get(`/v1/results?after=${cursor}`);
        expect(gap).to.equal(false);
        read.push(...intervals.map((one: { cursor: number }) => one.cursor));
        cursor = next;
      };
      await poll();
      s.step.aheadS = aheadS;
      const skipped = await s.follows();
      expect(skipped).to.be.within(0, 2);
      await poll();
      const { paths, endMs } = await s.get(`/v1/paths?after=${read.at(-2)}`);
      expect(endMs).to.equal(s.intervals.find((one) => one.cursor === read.at(-1))?.report.endMs);
      expect(paths.length).to.be.greaterThan(0);
      await s.more(2);
      await poll();
      const all = s.collector.results.all();
      const cursors = all.map((one) => one.cursor);
      expect(read).to.deep.equal(cursors.slice(0, read.length));
      expect(read.length).to.be.at.least(7);
      await waitFor('the stream to have all', () => stream.ids.length >= read.length);
      expect(stream.ids.slice(0, read.length)).to.deep.equal(read);
      expect(new Set(all.map((one) => `${one.clockEpoch} ${one.report.endMs}`)).size).to.equal(all.length);
      const { lost, late, clockSteps } = s.collector.status().totals;
      expect({ lost, late, clockSteps }).to.deep.equal({ lost: 0, late: 0, clockSteps: 1 });
      const cell = await cellOf(s);
      expect([cell.value, cell.stale]).to.deep.equal([0, false]);
      const { startMs, endMs: ends } = await s.get('/v1/history');
      expect(Math.abs(ends.at(-1) - s.nowMs())).to.be.lessThan(10 * INTERVAL_MS);
      expect(ends.at(-1) - startMs[0]).to.be.lessThan(60_000);
      expect(s.collector.status().uptimeMs).to.be.within(0, 60_000);
    });

  it('keeps both intervals that end at the same time after it was set back, and tells them apart', async () => {
    await s.start(0);
    await s.more(6);
    s.step.aheadS = -2;
    await s.more(8);
    const { intervals } = await s.get('/v1/results');
    const ends = new Map<number, number[]>();
    for (const { endMs, clockEpoch } of intervals) ends.set(endMs, [...(ends.get(endMs) ?? []), clockEpoch]);
    const twice = [...ends.values()].filter((epochs) => epochs.length > 1);
    expect(twice.length).to.be.greaterThan(0);
    for (const epochs of twice) expect(epochs).to.deep.equal([0, 1]);
  });

  it('repeats and loses no interval when the aggregator dies behind a set-back', async () => {
    await s.start(0);
    await s.more(3);
    s.step.aheadS = -600;
    await s.more(3);
    await s.collector.killThread('aggregator');
    await s.more(3);
    const names = s.collector.results.all().map((one) => `${one.clockEpoch} ${one.report.endMs}`);
    expect(new Set(names).size).to.equal(names.length);
    expect(s.collector.results.newest.clockEpoch).to.equal(1);
    expect(Math.abs(s.collector.results.newest.endMs - s.nowMs())).to.be.lessThan(10 * INTERVAL_MS);
  });

  it('says the true age of its last interval, in metrics, while that ends in the future', async () => {
    await s.start(2 * HOURS_S);
    await s.more(2);
    s.step.aheadS = 0;
    await s.collector.stop();
    const age = async (): Promise<number> => {
      const text = (await s.app.inject('/metrics')).body;
      return Number(/^llama_interval_age_seconds (.*)$/m.exec(text)?.[1]);
    };
    const before = await age();
    expect(before).to.be.within(0, 30);
    await waitFor('it grows', async () => (await age()) > before + 1);
  });

  it('goes on with its cursor and epoch after a restart in which the clock was set back, with a state directory', async () => {
    await s.start(2 * HOURS_S, folder);
    await s.more(3);
    await s.stop();
    const before = s.intervals.splice(0);
    await s.start(0, folder);
    await s.more(2);
    const last = before.at(-1);
    const { intervals, gap } = await s.get(`/v1/results?after=${before[0].cursor}`);
    expect(gap).to.equal(false);
    expect(intervals.slice(0, before.length - 1).map((one: { cursor: number }) => one.cursor)).to.deep.equal(
      before.slice(1).map((one) => one.cursor),
    );
    expect(s.intervals[0].cursor).to.be.greaterThan(last?.cursor ?? 0);
    expect(s.intervals[0].clockEpoch).to.equal(1);
    expect(aheadOf(s.collector.results.after(0, 1).intervals[0], s.collector.clock)).to.be.greaterThan(HOURS_S * 1000);
    expect(s.collector.status().warnings.join()).to.include('end in the future');
  });

  it('tells a reader of a gap when it knows nothing of the cursor, and gives all that it holds', async () => {
    await s.start(0);
    await s.more(2);
    const cursor = Date.now() + 2 * HOURS_S * 1000;
    const { intervals, gap, next } = await s.get(`/v1/results?after=${cursor}`);
    expect(gap).to.equal(true);
    expect(intervals.length).to.be.at.least(2);
    expect(next).to.equal(intervals.at(-1).cursor);
    const stream = await SseClient.open(`${s.origin}/v1/stream?results=0`, {
      headers: { 'last-event-id': String(cursor) },
    });
    await waitFor('events', () => stream.ids.length >= 3);
    stream.close();
    expect(stream.events.slice(0, 2).map(({ event }) => event)).to.deep.equal(['gap', 'interval']);
  });
});
