import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { pino } from 'pino';
import { HttpClient } from '../../../../src/base/http/httpClient.js';
import type { CollectorAddress } from '../../../../src/config/scraper/types.js';
import { Room } from '../../../../src/scraper/polling/answerMemory.js';
import { Poller, type PollerTools } from '../../../../src/scraper/polling/poller.js';
import { Gate } from '../../../../src/scraper/polling/requestLimiter.js';
import {
  CollectorServer,
  FastTiming,
  type Manner,
  MapPositions,
  RecordingDelivery,
  row,
} from '../../../support/fakes/scraped.js';
import { waitFor } from '../../../support/harness/wait.js';

/** Intervals of a second last 50 ms. */
const FACTOR = 20;
const T = 1_763_700_000_000;

describe('a poller', () => {
  let timing: FastTiming;
  let collector: CollectorServer;
  let delivery: RecordingDelivery;
  let positions: MapPositions;
  let http: HttpClient;
  let logged: { readonly msg: string; readonly [key: string]: unknown }[];
  let pollers: Poller[];
  let histograms: boolean;
  let named: string[];
  const others: CollectorServer[] = [];

  beforeEach(async () => {
    timing = new FastTiming(FACTOR);
    collector = await CollectorServer.start(timing);
    delivery = new RecordingDelivery();
    positions = new MapPositions();
    http = new HttpClient({ connectMs: 1000, headerMs: 1000, totalMs: 2000 });
    logged = [];
    pollers = [];
    histograms = false;
    named = [];
  });
  afterEach(async () => {
    delivery.release();
    await Promise.all(pollers.map((poller) => poller.close()));
    http.close();
    await Promise.all([collector, ...others.splice(0)].map((one) => one.close()));
  });

  /** For what is only found out by waiting. */
  function quickTimeouts(): void {
    http.close();
    http = new HttpClient({ connectMs: 200, headerMs: 200, totalMs: 400 });
  }

  function tools(concurrency = 4): PollerTools {
    return {
      http,
      gate: new Gate(concurrency, timing),
      delivery,
      positions,
      timing,
      logger: pino({ base: null }, { write: (line: string) => logged.push(JSON.parse(line)) }),
      histograms: () => histograms,
      room: new Room(2 ** 23, timing),
      fetched: async () => {},
      named: (_url, name) => named.push(name),
    };
  }

  function poll(address: Partial<CollectorAddress> = {}, using = tools()): Poller {
    const poller = new Poller({ ...collector.address, ...address }, using);
    pollers.push(poller);
    return poller;
  }

  const said = (text: RegExp): boolean => logged.some(({ msg }) => text.test(msg));
  const delivered = (count: number): Promise<true> =>
    waitFor(`${count} intervals`, () => delivery.delivered.length >= count, 10_000) as Promise<true>;
  const seconds = (from: number, to: number): number[] =>
    Array.from({ length: to - from + 1 }, (_, i) => T + (from + i) * 1000);

  it('fetches all that is held, page after page, in order and once each', async () => {
    for (const endMs of seconds(1, 50)) collector.finish(endMs);
    const poller = poll();
    await delivered(50);
    expect(delivery.ends()).to.deep.equal(seconds(1, 50));
    const { collector: name, intervalMs, startMs, rows } = delivery.delivered[0];
    expect({ name, intervalMs, startMs }).to.deep.equal({ name: 'host-a', intervalMs: 1000, startMs: T });
    expect(rows).to.deep.equal([row('10.2.0.2')]);
    await waitFor('the position', () => positions.get(collector.url) === collector.newestCursor);
    expect(poller.state()).to.include({ name: 'host-a', intervals: 50, rows: 50, errors: 0, gaps: 0, lastError: null });
    expect(named).to.deep.equal(['host-a']);
  });

  describe('asks a collector how it is', () => {
    const FINE = {
      workers: [{ thread: 'prober-0', state: 'running', lastError: null }],
      aggregator: null,
      warnings: [],
    };

    it('once an interval, in addition to its results', async () => {
      collector.status = FINE;
      collector.run();
      const poller = poll();
      await waitFor('the first answer', () => poller.state().troubles !== null);
      expect(poller.state().troubles).to.deep.equal([]);
      collector.status = {
        workers: [{ thread: 'prober-0', state: 'restarting', lastError: 'it died' }],
        aggregator: { thread: 'aggregator', state: 'running' },
        warnings: ['scheduleSlips: 12 of 100', 7, 'x'.repeat(10_000)],
      };
      await waitFor('the troubles', () => (poller.state().troubles ?? []).length > 0);
      expect(poller.state().troubles).to.deep.equal([
        'thread prober-0 is restarting: it died',
        'scheduleSlips: 12 of 100',
        'x'.repeat(300),
      ]);
      await delivered(10);
      expect(collector.statusAsked).to.be.within(5, delivery.delivered.length + 2);
    });

    for (const [title, status] of [
      ['has no such page', undefined],
      ['answers something else', { warnings: 'none' }],
      ['answers megabytes', { ...FINE, warnings: ['x'.repeat(3 * 2 ** 20)] }],
    ] as const)
      it(`and says that it does not know where it ${title}; its results come all the same`, async () => {
        collector.status = status;
        for (const endMs of seconds(1, 3)) collector.finish(endMs);
        const poller = poll();
        await delivered(3);
        // The second question comes only when the first one has its answer.
        await waitFor('the second question', () => collector.statusAsked > 1);
        expect(poller.state()).to.include({ troubles: null, errors: 0, lastError: null, intervals: 3 });
      });
  });

  it('goes on where it stopped, also in another life', async () => {
    for (const endMs of seconds(1, 5)) collector.finish(endMs);
    await poll().close();
    const first = poll();
    await delivered(5);
    await waitFor('the position', () => positions.get(collector.url) === collector.newestCursor);
    await first.close();
    for (const endMs of seconds(6, 9)) collector.finish(endMs);
    poll();
    await delivered(9);
    expect(delivery.ends()).to.deep.equal(seconds(1, 9));
    expect(said(/./), JSON.stringify(logged)).to.equal(false);
  });

  it('moves on only when an interval is safe, in order, and asks for nothing more before', async () => {
    for (const endMs of seconds(1, 3)) collector.finish(endMs);
    delivery.holding = true;
    poll();
    await delivered(3);
    const { length } = collector.asked;
    expect(positions.ends.size).to.equal(0);
    delivery.release(1);
    await waitFor('the first position', () => positions.get(collector.url) === collector.newestCursor - 2);
    expect(collector.asked.length).to.equal(length);
    delivery.holding = false;
    delivery.release();
    await waitFor('the last position', () => positions.get(collector.url) === collector.newestCursor);
    await waitFor('the next question', () => collector.asked.at(-1)?.after === collector.newestCursor);
  });

  for (const { title, aheadMs } of [
    { title: 'whose clock agrees', aheadMs: 0 },
    { title: 'whose clock is an hour ahead', aheadMs: 3_600_000 },
    { title: 'whose clock is a day behind', aheadMs: -86_400_000 },
    { title: 'that does not tell its clock', aheadMs: null },
  ])
    it(`asks a collector ${title} a little after an interval is ready, and seldom in vain`, async () => {
      collector.aheadMs = aheadMs;
      collector.intervalMs = 4_000;
      collector.run(600);
      const poller = poll();
      await delivered(12);
      const ends = delivery.ends();
      for (const [i, endMs] of ends.entries()) expect(endMs).to.equal(ends[0] + i * 4000);
      expect(collector.asked.length).to.be.lessThan(30);
      const { lagIntervals, gaps, clockAheadMs } = poller.state();
      expect(lagIntervals).to.be.at.most(1);
      expect(gaps).to.equal(0);
      if (aheadMs === null) expect(clockAheadMs).to.equal(null);
      else expect(clockAheadMs).to.be.closeTo(aheadMs, 2000);
    });

  const FAILURES: readonly { readonly manner: Manner; readonly says: RegExp }[] = [
    { manner: 'fail', says: /found the HTTP status 500 \(LLAMA_INTERNAL\), expected 200/ },
    { manner: 'refuse', says: /found the HTTP status 401 .*set tokenFile to a file/ },
    { manner: 'nothing', says: /found the HTTP status 404.*for Dropbox's LLAMA write kind: llama/ },
    { manner: 'garbage', says: /found text that is not JSON/ },
    { manner: 'reset', says: /cut off before an answer; if it speaks TLS, write https:\/\/ \(ECONNRESET\)/ },
    { manner: 'cut', says: /cut off \(ECONNRESET\)/ },
    { manner: 'hang', says: /no answer within 200 ms/ },
    { manner: 'drip', says: /no whole answer within 400 ms/ },
    { manner: 'redirect', says: /it is a redirect to http:\/\/127.0.0.1:1\/elsewhere: write the final URL/ },
  ];
  for (const { manner, says } of FAILURES)
    it(`reports the problem, tries again, and loses and doubles nothing: ${manner}`, async () => {
      if (manner === 'hang' || manner === 'drip') quickTimeouts();
      for (const endMs of seconds(1, 3)) collector.finish(endMs);
      const poller = poll();
      await delivered(3);
      collector.manner = manner;
      for (const endMs of seconds(4, 6)) collector.finish(endMs);
      await waitFor('two errors', () => poller.state().errors >= 2, 10_000);
      const { lastError } = poller.state();
      expect(lastError).to.match(says);
      expect(delivery.delivered).to.have.length(3);
      collector.manner = 'ok';
      await delivered(6);
      expect(delivery.ends()).to.deep.equal(seconds(1, 6));
      expect(poller.state().lastError).to.equal(null);
      expect(said(/cannot be read/) && said(/answers again/)).to.equal(true);
      expect(poller.state().gaps).to.equal(0);
    });

  it('reports that no process listens', async () => {
    const { url } = collector;
    await collector.close();
    const poller = poll({ url });
    await waitFor('an error', () => poller.state().lastError !== null);
    expect(poller.state().lastError).to.equal('connection refused; does it run, and is that its port? (ECONNREFUSED)');
    collector = await CollectorServer.start(timing);
  });

  it('waits longer after each failure, up to three intervals, and never in step', async () => {
    collector.manner = 'fail';
    poll();
    await waitFor('some questions', () => collector.asked.length >= 6, 10_000);
    const times = collector.asked.map(({ atMs }) => atMs);
    const waits = times.slice(1).map((at, i) => at - times[i]);
    expect(waits[0]).to.be.within(450, 1400);
    expect(Math.max(...waits)).to.be.within(1400, 3600);
  });

  it('notices that a kept connection was closed, and asks again without an error', async () => {
    collector.run(0);
    const poller = poll();
    await delivered(2);
    const server: unknown = Reflect.get(collector, 'server');
    (server as { closeIdleConnections(): void }).closeIdleConnections();
    await delivered(4);
    expect(poller.state().errors).to.equal(0);
  });

  it('tells which intervals the collector let go before they were fetched', async () => {
    collector.retention = 5;
    for (const endMs of seconds(1, 3)) collector.finish(endMs);
    const poller = poll();
    await delivered(3);
    collector.manner = 'fail';
    for (const endMs of seconds(4, 20)) collector.finish(endMs);
    collector.manner = 'ok';
    await delivered(8);
    expect(delivery.ends()).to.deep.equal([...seconds(1, 3), ...seconds(16, 20)]);
    const { gaps, lostIntervals, lastGaps } = poller.state();
    expect({ gaps, lostIntervals }).to.deep.equal({ gaps: 1, lostIntervals: 12 });
    const [from, to] = [T + 3000, T + 15_000].map((ms) => new Date(ms).toISOString());
    expect(lastGaps[0]).to.include({ from, to, reason: 'notHeld' });
    expect(logged.find(({ msg }) => /let them go/.test(msg))).to.include({ name: 'host-a', from, to });
  });

  it('tells the time without intervals when a collector is started again', async () => {
    for (const endMs of seconds(1, 3)) collector.finish(endMs);
    const poller = poll();
    await delivered(3);
    collector.restart();
    const asked = collector.asked.length;
    await waitFor('it is asked again', () => collector.asked.length > asked);
    for (const endMs of seconds(10, 12)) collector.finish(endMs);
    await delivered(6);
    expect(poller.state()).to.include({ gaps: 1, lostIntervals: 6, resets: 0 });
    expect(poller.state().lastGaps[0].reason).to.equal('notMeasured');
  });

  it('does not wait for ever when a collector was started again with its clock set back', async () => {
    for (const endMs of seconds(1001, 1003)) collector.finish(endMs);
    const poller = poll();
    await delivered(3);
    collector.restart();
    for (const endMs of seconds(1, 3)) collector.finish(endMs);
    await delivered(6);
    expect(delivery.ends().slice(3)).to.deep.equal(seconds(1, 3));
    expect(poller.state().resets).to.equal(1);
    expect(said(/its clock was set back/)).to.equal(true);
    collector.finish(T + 4000);
    await delivered(7);
    expect(positions.get(collector.url)).to.equal(collector.newestCursor);
  });

  it('does not fetch intervals again when a collector stands still', async () => {
    for (const endMs of seconds(1, 3)) collector.finish(endMs);
    const poller = poll();
    await delivered(3);
    const asked = collector.asked.length;
    await waitFor('it is asked again', () => collector.asked.length > asked + 3, 10_000);
    expect(collector.asked.at(-1)?.after).to.equal(collector.newestCursor);
    expect(delivery.delivered).to.have.length(3);
    expect(poller.state().resets).to.equal(0);
  });

  for (const [name, stepMs] of [
    ['backwards by ten minutes', -600_000],
    ['backwards by years', -6e11],
    ['forwards by two hours', 7_200_000],
    ['forwards by years', 6e11],
  ] as const)
    it(`gets every interval once over a step of the collector's clock ${name}, and calls it no gap`, async () => {
      for (const endMs of seconds(1, 3)) collector.finish(endMs);
      const poller = poll();
      await delivered(3);
      collector.finish(T + 4000);
      collector.stepClock(stepMs);
      for (const endMs of seconds(5, 6)) collector.finish(endMs + stepMs);
      await delivered(6);
      for (const endMs of seconds(7, 8)) collector.finish(endMs + stepMs);
      await delivered(8);
      const ends = [...seconds(1, 4), ...seconds(5, 8).map((ms) => ms + stepMs)];
      expect(delivery.ends()).to.deep.equal(ends);
      expect(poller.state()).to.include({ gaps: 0, lostIntervals: 0, resets: 0, intervals: 8 });
      const epoch = stepMs < 0 ? 1 : 0;
      expect(delivery.delivered.map(({ clockEpoch }) => clockEpoch)).to.deep.equal([
        0,
        0,
        0,
        0,
        ...Array(4).fill(epoch),
      ]);
      // By this process's clock none of them was moved.
      const [last, before] = [delivery.delivered[7], delivery.delivered[2]];
      expect(last.endMs - (last.aheadMs ?? 0) - before.endMs + (before.aheadMs ?? 0)).to.be.within(3_000, 7_000);
      expect(positions.get(collector.url)).to.equal(collector.newestCursor);
    });

  it('distinguishes the intervals of a collector without memory from those fetched before, with the same ends', async () => {
    for (const endMs of seconds(1, 3)) collector.finish(endMs);
    const poller = poll();
    await delivered(3);
    collector.restart();
    for (const endMs of seconds(1, 2)) collector.finish(endMs);
    await delivered(5);
    expect(delivery.ends()).to.deep.equal([...seconds(1, 3), ...seconds(1, 2)]);
    expect(delivery.delivered.map(({ clockEpoch }) => clockEpoch)).to.deep.equal([0, 0, 0, 1, 1]);
    expect(poller.state()).to.include({ resets: 1 });
  });

  it('tells all intervals apart over two set-backs with a restart without memory between them, and over its own restart', async () => {
    const ends = [...[10, 11, 12], ...[5, 6]];
    for (const s of ends) collector.finish(T + s * 1000);
    const first = poll();
    await delivered(5);
    // The next process is ahead of the last one: nothing but its incarnation tells that it is another.
    collector.restart();
    for (const s of [20, 21, 5, 6]) collector.finish(T + s * 1000);
    await delivered(9);
    expect(delivery.delivered.map(({ endMs }) => (endMs - T) / 1000)).to.deep.equal([...ends, 20, 21, 5, 6]);
    expect(delivery.delivered.map(({ clockEpoch }) => clockEpoch)).to.deep.equal([0, 0, 0, 1, 1, 2, 2, 3, 3]);
    expect(first.state()).to.include({ resets: 0 });
    await waitFor('the position', () => positions.get(collector.url) === collector.newestCursor);
    await first.close();
    const kept = JSON.stringify(positions.epochs);
    positions = new MapPositions(positions.ends);
    expect(positions.epochs.restore(JSON.parse(kept))).to.equal(true);
    collector.finish(T + 7000);
    collector.restart();
    for (const s of [6, 7]) collector.finish(T + s * 1000);
    const second = poll();
    await delivered(11);
    expect(delivery.delivered.slice(-2).map(({ clockEpoch }) => clockEpoch)).to.deep.equal([4, 4]);
    expect(second.state()).to.include({ resets: 1 });
  });

  it('tells intervals of an older version apart, which reports no incarnation, after a set-back', async () => {
    collector.tellsIncarnation = false;
    for (const s of [1, 2, 3]) collector.finish(T + s * 1000);
    poll();
    await delivered(3);
    collector.restart();
    for (const s of [1, 2]) collector.finish(T + s * 1000);
    await delivered(5);
    expect(delivery.delivered.map(({ clockEpoch }) => clockEpoch)).to.deep.equal([0, 0, 0, 1, 1]);
  });

  it('names the intervals of a collector alike at another address', async () => {
    collector.finish(T + 9000);
    const first = poll();
    await delivered(1);
    collector.restart();
    for (const s of [10, 11, 12]) collector.finish(T + s * 1000);
    await delivered(4);
    await first.close();
    poll({ url: collector.url.replace('127.0.0.1', 'localhost') });
    await delivered(7);
    const names = delivery.delivered.map(({ clockEpoch, endMs }) => [clockEpoch, (endMs - T) / 1000]);
    const held = [10, 11, 12].map((s) => [1, s]);
    expect(names).to.deep.equal([[0, 9], ...held, ...held]);
  });

  it('knows from an earlier process how long a collector did not measure', async () => {
    for (const endMs of seconds(1, 3)) collector.finish(endMs);
    const first = poll();
    await delivered(3);
    await waitFor('the position', () => positions.get(collector.url) === collector.newestCursor);
    await first.close();
    collector.restart();
    for (const endMs of seconds(10, 12)) collector.finish(endMs);
    const second = poll();
    await delivered(6);
    expect(second.state()).to.include({ gaps: 1, lostIntervals: 6, resets: 0 });
  });

  it('tells when another collector answers, and keeps a cursor for each', async () => {
    for (const endMs of seconds(1, 3)) collector.finish(endMs);
    const poller = poll();
    await delivered(3);
    collector.name = 'host-b';
    await delivered(6);
    expect(delivery.ends('host-b')).to.deep.equal(seconds(1, 3));
    expect(said(/another collector answers/)).to.equal(true);
    collector.name = 'host-a';
    await waitFor('host-a is back', () => poller.state().name === 'host-a' && poller.state().resets === 2);
    collector.finish(T + 4000);
    await waitFor('its next interval', () => delivery.ends('host-a').length === 4);
    expect(delivery.ends('host-a')).to.deep.equal(seconds(1, 4));
  });

  it('finds another collector at the address after a restart of its own', async () => {
    for (const endMs of seconds(1, 3)) collector.finish(endMs);
    const first = poll();
    await delivered(3);
    await first.close();
    collector.name = 'host-b';
    poll();
    await delivered(6);
    expect(delivery.ends('host-b')).to.deep.equal(seconds(1, 3));
    expect(said(/another collector answers/)).to.equal(true);
  });

  it('sends the token of its file, and the new one when it changes', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'llama-poller-'));
    const tokenFile = join(folder, 'token');
    writeFileSync(tokenFile, 'first\n');
    const poller = poll({ tokenFile });
    await waitFor('a question', () => collector.asked.length > 0);
    expect(collector.asked[0].headers.authorization).to.equal('Bearer first');
    writeFileSync(tokenFile, 'second\n');
    await waitFor('the new one', () => collector.asked.at(-1)?.headers.authorization === 'Bearer second');
    rmSync(folder, { recursive: true });
    await waitFor('an error', () => poller.state().lastError !== null);
    expect(poller.state().lastError)
      .to.include(`${tokenFile}: found no token file that can be read (ENOENT`)
      .and.to.include('check its path and owner');
    mkdirSync(folder);
    writeFileSync(tokenFile, 'third\n');
    await waitFor('the third', () => collector.asked.at(-1)?.headers.authorization === 'Bearer third');
    await waitFor('no error', () => poller.state().lastError === null);
    expect(JSON.stringify(logged)).not.to.match(/\bat .*\.[jt]s:\d+/);
    rmSync(folder, { recursive: true });
  });

  it('asks for histograms only while somebody wants them', async () => {
    poll();
    await waitFor('a question', () => collector.asked.length > 0);
    expect(collector.asked[0].path).not.to.include('histograms');
    histograms = true;
    await waitFor('histograms', () => collector.asked.at(-1)?.path.endsWith('&histograms=1'));
  });

  it('is not held up by others that hang or drip, with one place for all', async () => {
    const using = tools(1);
    const bad = await Promise.all([1, 2, 3, 4].map(() => CollectorServer.start(timing)));
    others.push(...bad);
    for (const [i, one] of bad.entries()) one.manner = i % 2 === 0 ? 'hang' : 'drip';
    for (const one of bad) poll({ url: one.url }, using);
    await waitFor('they hang', () => bad.every(({ asked }) => asked.length > 0));
    collector.run(0);
    poll({}, using);
    await delivered(8);
    const ends = delivery.ends();
    expect(ends[7]).to.equal(ends[0] + 7000);
    await Promise.all(pollers.map((poller) => poller.close()));
    await Promise.all(bad.map((one) => one.close()));
  });

  it('ends at once while a collector hangs', async () => {
    http.close();
    http = new HttpClient({ connectMs: 10_000, headerMs: 10_000, totalMs: 10_000 });
    collector.manner = 'hang';
    const poller = poll();
    await waitFor('it hangs', () => collector.open === 1);
    const startMs = performance.now();
    await poller.close();
    expect(performance.now() - startMs).to.be.lessThan(1000);
    expect(poller.state().errors).to.equal(0);
    await waitFor('the connection is closed', () => collector.open === 0);
  });
});
