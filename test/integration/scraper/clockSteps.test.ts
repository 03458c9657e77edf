/**
 * Three real collectors whose clocks are stepped in different ways, and a scraper whose own clock is wrong and is
 * stepped as well.
 */

import { expect } from 'chai';
import type { FastifyInstance } from 'fastify';
import { buildApi } from '../../../src/api/collector/app.js';
import { buildScraperApi } from '../../../src/api/scraper/app.js';
import { resultRoutes } from '../../../src/api/scraper/routes.js';
import { SteadyClock } from '../../../src/base/steadyClock.js';
import { Collector } from '../../../src/collector/collector.js';
import { parseScraperConfig } from '../../../src/config/scraper/config.js';
import { InjectedStep } from '../../../src/net/clock.js';
import type { Reflector } from '../../../src/reflector/reflector.js';
import { heldClockWarnings } from '../../../src/scraper/clockWarnings.js';
import { ScraperMemory } from '../../../src/scraper/recent/memory.js';
import { Scraper } from '../../../src/scraper/scraper.js';
import { MapPositions, RecordingDelivery } from '../../support/fakes/scraped.js';
import { liveConfig, makeGroup, silent, startReflector } from '../../support/harness/live.js';
import { SseClient } from '../../support/harness/sse.js';
import { waitFor } from '../../support/harness/wait.js';

const INTERVAL_MS = 1_000;
const HOUR_S = 3_600;
const YEARS_S = 10 * 365 * 24 * HOUR_S;
/** Seconds that each clock is ahead at first, and after the step. */
const CLOCKS = { a: [0, -600], b: [2 * HOUR_S, 0], c: [-YEARS_S, 3] } as const;

describe('a scraper over steps of all clocks, its own included', function () {
  this.timeout(120_000);
  const steps = new Map<string, InjectedStep>();
  const collectors = new Map<string, Collector>();
  const apis: FastifyInstance[] = [];
  const delivery = new RecordingDelivery();
  let reflector: Reflector;
  let scraper: Scraper;
  let memory: ScraperMemory;
  let app: FastifyInstance;
  let stream: SseClient;
  let ownAheadS = HOUR_S;

  const get = async (path: string) => (await app.inject(path)).json();
  const rows = async (): Promise<{ name: string; value: number; stale: boolean; ageMs: number }[]> => {
    const matrix = await get('/v1/matrix?rows=collector&columns=target&window=10s');
    return matrix.cells.map((cell: { row: number }) => ({ ...cell, name: matrix.rows[cell.row][0] }));
  };
  const more = async (count: number): Promise<void> => {
    const wanted = new Map([...steps.keys()].map((name) => [name, delivery.ends(name).length + count]));
    const reached = (): boolean => [...wanted].every(([name, length]) => delivery.ends(name).length >= length);
    await waitFor(`${count} more intervals of each`, reached, 60_000);
  };

  before(async () => {
    const started = await startReflector();
    reflector = started.reflector;
    const urls: string[] = [];
    for (const [name, [aheadS]] of Object.entries(CLOCKS)) {
      const step = new InjectedStep();
      step.aheadS = aheadS;
      const config = liveConfig({ intervalMs: INTERVAL_MS, timestamps: 'receive' });
      const collector = await Collector.start(
        { ...config, collector: { ...config.collector, name } },
        { logger: silent, clockStep: step },
      );
      collectors.set(name, collector);
      steps.set(name, step);
      const group = { port: started.port, period: '50ms', timeout: '400ms', targets: ['127.0.0.1'] };
      await collector.putGroup(makeGroup('west', group));
      const api = buildApi(collector);
      apis.push(api);
      urls.push(await api.listen({ port: 0, host: '127.0.0.1' }));
    }
    const { config } = parseScraperConfig(`writers: []\ncollectors: [${urls.join(', ')}]`, 's.yaml', {});
    const clock = new SteadyClock({ wallMs: () => Date.now() + ownAheadS * 1000 });
    memory = new ScraperMemory({
      ...{ hours: 6, memoryBytes: 64 * 2 ** 20, logger: silent },
      ...{ now: () => clock.nowMs(), clockAheadMs: () => clock.aheadMs() },
    });
    const sinks = {
      ...{ delivery, positions: new MapPositions() },
      ...{ status: () => [], save: async () => {}, close: async () => {} },
    };
    scraper = new Scraper(config, {
      ...{ logger: silent, sinks, clock, histograms: () => true },
      warnings: () => heldClockWarnings(memory.recent, clock),
    });
    scraper.onInterval((interval) => memory.take(interval));
    app = buildScraperApi(scraper, { routes: (to) => resultRoutes(to, scraper, { memory, access: {} }) });
    const origin = await app.listen({ port: 0, host: '127.0.0.1' });
    stream = await SseClient.open(`${origin}/v1/stream?after=0&results=0`);
    scraper.start();
    await more(4);
  });
  after(async () => {
    stream?.close();
    await scraper?.close();
    await app?.close();
    await Promise.all(apis.map((api) => api.close()));
    await Promise.all([...collectors.values()].map((collector) => collector.close(0)));
    await reflector?.close();
  });

  it('shows a whole matrix while every clock is wrong in its own way, and says which are', async () => {
    await memory.settled();
    const cells = await rows();
    expect(cells.map(({ name }) => name).sort()).to.deep.equal(['a', 'b', 'c']);
    for (const { name, value, stale, ageMs } of cells) {
      expect([name, value, stale]).to.deep.equal([name, 0, false]);
      expect(ageMs, name).to.be.lessThan(3 * INTERVAL_MS);
    }
    const { warnings, collectors: states } = scraper.status();
    expect(warnings.join('\n')).to.match(/the clocks of 3 of 3 collectors .*a 1h behind, b 1h ahead/);
    expect(warnings.join('\n')).to.include('this host may be the one that is wrong');
    for (const { name, state, lastEnd, lagIntervals } of states) {
      expect([name, state]).to.deep.equal([name, 'up']);
      expect(lagIntervals).to.be.at.most(2);
      expect(Math.abs(Date.parse(lastEnd ?? '') - Date.now() - ownAheadS * 1000)).to.be.lessThan(4 * INTERVAL_MS);
    }
  });

  it('loses and repeats no interval over the steps, and sees the loss behind them', async () => {
    for (const [name, [, aheadS]] of Object.entries(CLOCKS)) (steps.get(name) as InjectedStep).aheadS = aheadS;
    ownAheadS = 0;
    await more(4);
    await reflector.close();
    await more(11);
    await memory.settled();
    for (const [name, collector] of collectors) {
      const got = delivery.delivered.filter((one) => one.collector === name);
      const cursors = got.map(({ cursor }) => cursor);
      expect(cursors).to.deep.equal(
        collector.results
          .all()
          .slice(0, got.length)
          .map(({ cursor }) => cursor),
      );
      expect(new Set(got.map(({ endMs, clockEpoch }) => `${clockEpoch} ${endMs}`)).size).to.equal(got.length);
    }
    for (const { name, state, gaps, resets, lagIntervals } of scraper.status().collectors) {
      expect({ name, state, gaps, resets }).to.deep.equal({ name, state: 'up', gaps: 0, resets: 0 });
      expect(lagIntervals).to.be.at.most(2);
    }
    const cells = await rows();
    expect(cells.map(({ name }) => name).sort()).to.deep.equal(['a', 'b', 'c']);
    for (const { name, value, stale, ageMs } of cells) {
      expect(stale, name).to.equal(false);
      // A slot of ten seconds may hold some intervals from before as well.
      expect(value, name).to.be.greaterThan(20);
      expect(ageMs, name).to.be.lessThan(4 * INTERVAL_MS);
    }
    expect(memory.history.refused).to.include({ ahead: 0, tooOld: 0, duplicates: 0 });
  });

  it('marks data from before the steps, and warns of data in the future', async () => {
    const { intervals } = await get('/v1/results');
    expect(intervals.length).to.equal(memory.recent.all().length);
    for (const one of intervals) {
      const before = (CLOCKS as Record<string, readonly [number, number]>)[one.collector];
      const wrongS = before[0] - before[1];
      if (one.clockAheadMs !== 0) expect(Math.abs(one.clockAheadMs / 1000 - wrongS), one.collector).to.be.lessThan(3);
    }
    for (const name of ['a', 'b', 'c'])
      expect(
        intervals.filter(
          (one: { collector: string; clockAheadMs: number }) => one.collector === name && one.clockAheadMs !== 0,
        ).length,
        name,
      ).to.be.at.least(4);
    const warnings = scraper.status().warnings.join('\n');
    expect(warnings).to.match(/held intervals end in the future by the clock of this host \(.*\bb\b.*\)/);
    expect(warnings).to.match(/measured before the clock of their collector was stepped \([abc], [abc], [abc]\)/);
    expect(warnings).to.match(/the clocks of 2 of 3 collectors .*a 10m behind/);
  });

  it('sends every interval once to a reader of its stream', async () => {
    const cursors = memory.recent.all().map(({ cursor }) => cursor);
    await waitFor('the stream to have all', () => stream.ids.length >= cursors.length);
    expect(stream.ids.slice(0, cursors.length)).to.deep.equal(cursors);
    expect(stream.events.every(({ event }) => event === 'interval')).to.equal(true);
  });
});
