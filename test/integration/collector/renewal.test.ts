import { expect } from 'chai';
import pino from 'pino';
import { LlamaError } from '../../../src/base/errors.js';
import { Collector } from '../../../src/collector/collector.js';
import { PortRenewal } from '../../../src/collector/sourcePorts/renewal.js';
import { SourcePorts } from '../../../src/collector/sourcePorts/sourcePorts.js';
import type { Reflector } from '../../../src/reflector/reflector.js';
import { Live, liveConfig, openDescriptors, silent, startReflector } from '../../support/harness/live.js';
import { waitFor } from '../../support/harness/wait.js';

const STAMP = { protocol: 'stamp' } as const;

describe('Renewing source ports', () => {
  let reflector: Reflector;
  let port: number;

  before(async () => {
    ({ reflector, port } = await startReflector());
  });
  after(() => reflector.close());

  const group = (more: object = {}) => ({ period: '5ms', timeout: '200ms', port, targets: ['127.0.0.1'], ...more });
  const code = (reason: unknown): string => (reason instanceof LlamaError ? reason.code : String(reason));

  it('loses no probe, also when a prober thread dies while the old ports are drained', async () => {
    const live = await Live.start({ ports: 4, workers: 2 });
    const { collector } = live;
    try {
      await live.put('west', group({ classes: ['cs0', 'ef'] }));
      await waitFor('replies', () => live.sums().received > 200);
      const { before, after, drainMs } = await collector.renewSourcePorts();
      expect(before).to.have.length(4);
      expect(after).to.deep.equal(collector.sourcePorts(4, STAMP));
      expect(after.filter((one) => before.includes(one))).to.deep.equal([]);
      expect(drainMs).to.be.within(1_200, 1_300);
      expect(collector.sourcePorts(6, STAMP)).to.deep.equal(after);
      await live.moreIntervals(2);
      const sums = live.sums();
      const { lost, late, duplicates, reordered, unreachable } = sums;
      expect({ lost, late, duplicates, reordered, unreachable }).to.deep.equal({
        lost: 0,
        late: 0,
        duplicates: 0,
        reordered: 0,
        unreachable: 0,
      });
      await collector.killThread('prober', 0);
      await waitFor('the next life', () => collector.status().workers[0].restarts === 1, 15_000);
      const { received } = live.sums();
      await waitFor('replies after that', () => live.sums().received > received + 400);
      await collector.stop();
      const { totals } = collector.status();
      const final = live.sums();
      expect(final.sent + totals.threadLosses + totals.ringOverflows).to.equal(totals.sent);
    } finally {
      await collector.close(0);
    }
  });

  it('labels paths by the ports of their time, and those of the interval in between by none', async () => {
    const live = await Live.start({ ports: 2 });
    const { collector } = live;
    try {
      await live.put('west', group());
      await live.moreIntervals(3);
      const { before, after } = await collector.renewSourcePorts();
      const renewedMs = Date.now();
      await live.moreIntervals(3);
      for (const { report } of live.intervals) {
        const ports = collector.sourcePorts(4, STAMP, report);
        if (report.endMs < renewedMs - 100) expect(ports).to.deep.equal(before);
        if (report.startMs > renewedMs) expect(ports).to.deep.equal(after);
        expect(ports).to.be.deep.oneOf([before, after, []]);
      }
      expect(
        live.intervals.filter(({ report }) => collector.sourcePorts(4, STAMP, report).length === 0),
      ).to.have.length(1);
    } finally {
      await collector.close(0);
    }
  });

  it('is refused within a minute, with fixed ports, and when the collector has stopped', async () => {
    const live = await Live.start({ ports: 2 });
    try {
      await live.collector.renewSourcePorts();
      expect(await live.collector.renewSourcePorts().catch(code)).to.equal('LLAMA_TOO_SOON');
      await live.collector.stop();
      expect(await live.collector.renewSourcePorts().catch(code)).to.equal('LLAMA_NOT_READY');
    } finally {
      await live.collector.close(0);
    }
    const fixed = await Live.start({ ports: 2, basePort: 21_000 });
    try {
      expect(await fixed.collector.renewSourcePorts().catch(code)).to.equal('LLAMA_SOURCE_PORTS_FIXED');
      expect(fixed.collector.sourcePorts(4, STAMP)).to.deep.equal([21_000, 21_001]);
    } finally {
      await fixed.collector.close(0);
    }
  });

  it('closes the old ports when every thread has let go of them, and gives them to no life that begins meanwhile', async () => {
    const { source } = liveConfig({ ports: 2 });
    const sources = new SourcePorts({ source, timestamps: 'receive', threads: 1 });
    const open = openDescriptors();
    const seen: { readonly old: number; readonly known: number; readonly opened: number }[] = [];
    const closing = async (old: readonly unknown[]): Promise<boolean> => {
      seen.push({ old: old.length, known: sources.ofThread(0).length, opened: openDescriptors() - open });
      return seen.length === 3;
    };
    const nowMs = (): number => performance.now();
    const renewal = new PortRenewal({
      basePort: 0,
      sources,
      probers: { tellSockets: async () => {}, closing },
      groups: () => [],
      logger: silent,
      nowMs,
      wallMs: nowMs,
    });
    try {
      await renewal.renew();
      expect(sources.ofThread(0)).to.have.length(8);
      await waitFor('the old ports are closed', () => openDescriptors() === open, 5_000);
      // IPv4 and IPv6: the old ones are still open at each of these times.
      expect(seen).to.deep.equal(Array.from({ length: 3 }, () => ({ old: 4, known: 4, opened: 4 })));
    } finally {
      sources.close();
    }
  });

  it('and missing ones: a look for them that fails ends nothing', async () => {
    const lines: string[] = [];
    const logger = pino({ level: 'error' }, { write: (line) => void lines.push(line) });
    const retry = SourcePorts.prototype.retry;
    SourcePorts.prototype.retry = () => {
      throw new LlamaError('LLAMA_NO_FILES', 'no descriptor left');
    };
    try {
      const collector = await Collector.start(liveConfig(), { logger });
      try {
        await collector.measure();
        await waitFor('the look', () => lines.length > 0, 10_000);
        expect(lines[0]).to.include('no descriptor left').and.to.include('tried again');
        expect(collector.status().state).to.equal('running');
      } finally {
        await collector.close(0);
      }
    } finally {
      SourcePorts.prototype.retry = retry;
    }
  });

  it('leaves no descriptor open, drained or not', async () => {
    const round = async (): Promise<number> => {
      const live = await Live.start({ ports: 4, workers: 2 });
      await live.put('west', group({ timeout: '50ms' }));
      await live.collector.renewSourcePorts();
      const open = openDescriptors();
      await waitFor('the old ports are closed', () => openDescriptors() <= open - 8, 10_000);
      await live.collector.close(0);
      const other = await Live.start({ ports: 4, workers: 2 });
      await other.collector.renewSourcePorts();
      await other.collector.close(0);
      return openDescriptors();
    };
    const first = await round();
    expect(await round()).to.be.at.most(first);
  });
});
