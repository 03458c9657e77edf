import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { Registry } from 'prom-client';
import {
  addBuildInfo,
  CPU_SECONDS,
  EventLoopLag,
  PROCESS_GAUGES,
  START_TIME,
} from '../../../../src/api/shared/processMetrics.js';
import { VERSION } from '../../../../src/base/version.js';

describe('metrics of a process', () => {
  it('are in base units', () => {
    const [resident, heap] = PROCESS_GAUGES.map(({ value }) => value());
    expect(resident).to.be.greaterThan(heap);
    expect(heap).to.be.greaterThan(2 ** 20);
    const seconds = process.cpuUsage();
    expect(CPU_SECONDS.value()).to.be.closeTo((seconds.user + seconds.system) / 1e6, 1);
    expect(START_TIME.value('2026-11-21T00:00:01.500Z')).to.equal(Date.UTC(2026, 10, 21) / 1000 + 1.5);
    expect(START_TIME.help('scraper')).to.equal('When the scraper started, in seconds since 1970.');
  });

  it('say which versions run', async () => {
    const registry = new Registry();
    addBuildInfo(registry);
    expect(await registry.metrics()).to.include(
      `llama_build_info{version="${VERSION}",node="${process.versions.node}"} 1`,
    );
  });
});

describe('EventLoopLag', () => {
  const shownBy = async (registry: Registry, name: string): Promise<number> => {
    const metric = await registry.getSingleMetric(name)?.get();
    return metric?.values[0]?.value ?? Number.NaN;
  };

  it('shows the time for which the main thread was held up, of the last time only', async () => {
    const registry = new Registry();
    const lag = new EventLoopLag(registry, 'in a test');
    try {
      await delay(50);
      const endMs = performance.now() + 200;
      while (performance.now() < endMs);
      await delay(50);
      lag.next();
      expect(await shownBy(registry, 'llama_event_loop_lag_max_seconds')).to.be.within(0.1, 5);
      expect(await shownBy(registry, 'llama_event_loop_lag_mean_seconds')).to.be.greaterThan(0);
      lag.next();
      expect(await shownBy(registry, 'llama_event_loop_lag_max_seconds')).to.equal(0);
      expect(await registry.metrics()).to.include('Greatest lag of the main thread in a test.');
    } finally {
      lag.close();
    }
  });
});
