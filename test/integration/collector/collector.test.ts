import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { LlamaError } from '../../../src/base/errors.js';
import { Collector } from '../../../src/collector/collector.js';
import { UdpSocket } from '../../../src/net/socket.js';
import type { Reflector } from '../../../src/reflector/reflector.js';
import {
  Live,
  type LiveOptions,
  liveConfig,
  openDescriptors,
  silent,
  startReflector,
} from '../../support/harness/live.js';
import { seededRandom } from '../../support/harness/random.js';
import { expectBoundedLosses } from '../../support/harness/threadLosses.js';
import { waitFor } from '../../support/harness/wait.js';

const STAMP = { protocol: 'stamp' } as const;

describe('A collector', () => {
  let reflector: Reflector;
  let port: number;
  const running: Live[] = [];
  const at = (...addresses: string[]): object[] => addresses.map((address) => ({ address, port }));

  async function start(options: LiveOptions = {}): Promise<Live> {
    const live = await Live.start(options);
    running.push(live);
    return live;
  }

  /** Ends all probing; then every probe that was sent is accounted for, in its interval and on its path. */
  async function expectAccounted(live: Live): Promise<void> {
    await live.collector.stop();
    const { totals, aggregator } = live.collector.status();
    for (const { sums } of live.paths())
      expect(sums.sent).to.equal(sums.received + sums.lost + sums.unreachable + sums.localDrops);
    const reported = live.sums();
    expect(reported.sent, 'reported').to.equal(live.intervals.reduce((sum, { report }) => sum + report.sent, 0));
    const without = { threadLosses: totals.threadLosses, overflows: totals.ringOverflows, orphans: aggregator.orphans };
    expect(
      reported.sent + totals.threadLosses + totals.ringOverflows + totals.undecided,
      JSON.stringify(without),
    ).to.equal(totals.sent);
  }

  function expectAligned(live: Live): void {
    let lastEndMs = 0;
    for (const { report } of live.intervals) {
      // The last one was cut off by the clean end.
      if (!report.early) expect(report.endMs % 200).to.equal(0);
      expect(report.startMs).to.be.within(lastEndMs, report.endMs - 1);
      expect(report.endMs).to.be.greaterThan(lastEndMs);
      lastEndMs = report.endMs;
    }
  }

  before(async () => {
    ({ reflector, port } = await startReflector('0.0.0.0'));
  });
  after(() => reflector.close());
  afterEach(async () => {
    for (const { collector } of running.splice(0)) await collector.close(0);
  });

  for (const timestamps of ['full', 'receive'] as const)
    it(`reports each path of each class, and loses nothing on loopback (stamps: ${timestamps})`, async () => {
      const live = await start({ ports: 3, timestamps });
      const group = { period: '20ms', timeout: '1s', classes: ['cs0', 'ef'], targets: at('127.0.0.1', '127.0.0.2') };
      await live.put('west', group);
      await waitFor('probes on each path', () => live.sums().received >= 500);
      await expectAccounted(live);
      const sums = live.sums();
      expect({ lost: sums.lost, late: sums.late, duplicates: sums.duplicates }).to.deep.equal({
        lost: 0,
        late: 0,
        duplicates: 0,
      });
      const paths = new Set([...live.paths()].map((path) => `${path.stream} ${path.port}`));
      expect(paths.size).to.equal(12);
      const { totals } = live.collector.status();
      expect(totals.voidedRtts + totals.invalidSource + totals.invalidTimestamp + totals.sendErrors).to.equal(0);
      if (timestamps === 'full') expect(totals.sendStampsMissing).to.equal(0);
      expectAligned(live);
    });

  it('a PUT takes effect within a second and leaves other groups alone, so does a DELETE', async () => {
    const live = await start();
    await live.put('steady', { period: '10ms', timeout: '1s', targets: at('127.0.0.1') });
    await waitFor('the steady group', () => live.sums('steady').received > 20);
    const startMs = performance.now();
    expect(await live.put('new', { period: '10ms', timeout: '1s', targets: at('127.0.0.2') })).to.deep.equal({
      created: true,
    });
    expect(performance.now() - startMs).to.be.lessThan(1000);
    await waitFor('the new group', () => live.sums('new').received > 20);
    expect(
      await live.put('new', { period: '20ms', timeout: '1s', targets: at('127.0.0.2', '127.0.0.3') }),
    ).to.deep.equal({ created: false });
    await live.collector.deleteGroup('new');
    expect(live.collector.groups().map(({ name }) => name)).to.deep.equal(['steady']);
    // All that was under way is reported by then.
    await live.moreIntervals(8);
    const sent = live.sums('new').sent;
    await live.moreIntervals(2);
    expect(live.sums('new').sent).to.equal(sent);
    await expectAccounted(live);
    const sums = live.sums('steady');
    expect([sums.lost, sums.reordered, sums.duplicates, sums.late]).to.deep.equal([0, 0, 0, 0]);
    // One stream, with one number, from the start to the end.
    expect(new Set([...live.paths('steady')].map(({ stream }) => stream)).size).to.equal(1);
  });

  it('a group that is not known cannot be deleted, a plan too large changes nothing', async () => {
    const live = await start();
    const error = await live.collector.deleteGroup('none').catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(LlamaError).with.property('code', 'LLAMA_GROUP_UNKNOWN');
    const huge = {
      period: '1ms',
      timeout: '60s',
      targets: Array.from({ length: 5000 }, (_, i) => `10.0.${i >> 8}.${i & 255}`),
    };
    const refused = await live.put('huge', huge).catch((reason: unknown) => reason);
    expect(refused).to.be.instanceOf(LlamaError).with.property('code', 'LLAMA_PLAN_TOO_LARGE');
    expect(live.collector.groups()).to.deep.equal([]);
    expect(live.collector.status().paths).to.equal(0);
  });

  it('accounts for every probe while groups change ten times a second and threads are killed', async function () {
    this.timeout(40_000);
    const random = seededRandom(20_260_101);
    const live = await start({ ports: 2, workers: 2 });
    const { collector } = live;
    const ports = [collector.sourcePorts(4, STAMP), collector.sourcePorts(6, STAMP)];
    await live.put('steady', { period: '10ms', timeout: '1s', targets: at('127.0.0.1') });
    const kills = new Map<number, () => Promise<void>>([
      [12, () => collector.killThread('prober', 0)],
      [25, () => collector.killThread('aggregator')],
      [38, () => collector.killThread('prober', 1)],
    ]);
    const backMs: number[] = [];
    const restarts = (): number => {
      const { workers, aggregator } = collector.status();
      return [...workers, aggregator].reduce(
        (sum, thread) => sum + (thread.state === 'running' ? thread.restarts : 0),
        0,
      );
    };
    const waits: Promise<void>[] = [];
    const steps = 50;
    const startMs = performance.now();
    for (let step = 0; step < steps; step++) {
      const name = `g${random.below(3)}`;
      if (random.below(4) === 0 && collector.group(name) !== undefined) await collector.deleteGroup(name);
      else {
        const targets = at(...Array.from({ length: 1 + random.below(3) }, (_, i) => `127.0.1.${i + 1}`));
        const period = ['10ms', '15ms', '40ms'][random.below(3)];
        const classes = random.below(2) === 0 ? ['cs0'] : ['cs0', 'ef'];
        await live.put(name, { period, timeout: random.below(2) === 0 ? '900ms' : '1s', classes, targets });
      }
      const kill = kills.get(step);
      if (kill !== undefined) {
        const before = restarts();
        const killedMs = performance.now();
        await kill();
        waits.push(
          waitFor('the next life', () => restarts() > before, 5_000).then(() => {
            backMs.push(performance.now() - killedMs);
          }),
        );
      }
      await sleep(Math.max(0, startMs + (step + 1) * 100 - performance.now()));
    }
    await Promise.all(waits);
    for (const ms of backMs) expect(ms).to.be.lessThan(1000);
    const { workers, aggregator } = collector.status();
    expect([...workers, aggregator].map((thread) => [thread.thread, thread.state, thread.restarts])).to.deep.equal([
      ['prober-0', 'running', 1],
      ['prober-1', 'running', 1],
      ['aggregator-0', 'running', 1],
    ]);
    expect([collector.sourcePorts(4, STAMP), collector.sourcePorts(6, STAMP)]).to.deep.equal(ports);
    // Both threads probe again, on the same paths.
    const after = live.intervals.length;
    await waitFor('both source ports', () => {
      const found = new Set<number>();
      for (const { report } of live.intervals.slice(after)) for (const path of report.paths) found.add(path % 2);
      return found.size === 2;
    });
    await expectAccounted(live);
    expectAligned(live);
    const sums = live.sums();
    // Timeouts so long that a reflector on a busy machine answers within them.
    expect([sums.lost, sums.late, sums.unreachable, sums.duplicates]).to.deep.equal([0, 0, 0, 0]);
    expect(aggregator.orphans).to.equal(0);
  });

  it('loses only the data in memory of a prober and the aggregator that die at the same time', async () => {
    const live = await start();
    const { collector } = live;
    await live.put('west', { period: '2ms', timeout: '300ms', targets: at('127.0.0.1', '127.0.0.2') });
    for (let round = 1; round <= 3; round++) {
      await waitFor('results', () => live.intervals.length > 2 && (live.intervals.at(-1)?.report.received ?? 0) > 0);
      await Promise.all([collector.killThread('prober'), collector.killThread('aggregator')]);
      await waitFor('both to be back', () => {
        const { workers, aggregator } = collector.status();
        return [...workers, aggregator].every((thread) => thread.state === 'running' && thread.restarts === round);
      });
      await live.moreIntervals(3);
    }
    await expectAccounted(live);
    expectAligned(live);
    expect(live.sums().lost).to.equal(0);
    expect(collector.status().totals.threadLosses).to.be.greaterThan(0);
  });

  it('loses at most the probes in flight and one batch of records with each prober that dies', async () => {
    const live = await start({ workers: 2 });
    const { collector } = live;
    await live.put('west', { period: '2ms', timeout: '300ms', targets: at('127.0.0.1', '127.0.0.2') });
    const kills = 10;
    for (let round = 1; round <= kills; round++) {
      await live.moreIntervals(1);
      await collector.killThread('prober', round % 2);
      await waitFor('it to be back', () => {
        const { workers } = collector.status();
        const restarts = workers.reduce((sum, worker) => sum + worker.restarts, 0);
        return restarts === round && workers.every((worker) => worker.state === 'running');
      });
    }
    await live.moreIntervals(3);
    await expectAccounted(live);
    expectBoundedLosses(collector.status().totals, kills);
  });

  it('the last group deleted while its prober is dead does not keep anybody waiting', async () => {
    const live = await start();
    await live.put('west', { period: '10ms', timeout: '100ms', targets: at('127.0.0.1') });
    await live.collector.killThread('prober');
    const startMs = performance.now();
    await live.collector.deleteGroup('west');
    expect(performance.now() - startMs).to.be.lessThan(1500);
  });

  it('a stop leaves probes whose timeout it does not wait for out of the rows, and counts them as undecided', async () => {
    const live = await start({ intervalMs: 60_000 });
    const mute = UdpSocket.open({ family: 4, address: '127.0.0.1', port: 0 });
    await live.put('fast', { period: '5ms', timeout: '300ms', targets: at('127.0.0.1') });
    await live.put('slow', { period: '20ms', timeout: '10s', targets: [{ address: '127.0.0.1', port: mute.port }] });
    const waiting = 30;
    await waitFor('probes', () => {
      const { sent, received } = live.collector.status().totals;
      // Some of the other group are under way, too.
      return sent - received > 2 * waiting;
    });
    await live.collector.stop();
    const { totals } = live.collector.status();
    expect(totals).to.include({ threadLosses: 0, lost: 0, localDrops: 0 });
    expect(totals.undecided).to.be.above(waiting);
    expect(totals.received + totals.undecided).to.equal(totals.sent);
    expect(live.sums('slow').sent).to.equal(0);
    expect(live.sums().sent).to.equal(totals.received);
    mute.close();
  });

  it('decides outstanding probes on a clean stop, closes the current interval early, and restarts no thread', async () => {
    const live = await start({ intervalMs: 60_000 });
    await live.put('west', { period: '5ms', timeout: '300ms', targets: at('127.0.0.1') });
    await waitFor('probes', () => live.collector.status().totals.received > 50);
    const startMs = performance.now();
    await Promise.all([live.collector.stop(), live.collector.stop()]);
    expect(performance.now() - startMs).to.be.lessThan(2000);
    const early = live.intervals.filter(({ report }) => report.early);
    expect(early.length).to.equal(1);
    expect(early[0]).to.equal(live.intervals.at(-1));
    const { totals, aggregator, workers, state } = live.collector.status();
    expect(state).to.equal('stopping');
    expect(totals.threadLosses).to.equal(0);
    expect(live.sums().sent).to.equal(totals.sent);
    await live.collector.close();
    expect([...workers, aggregator].map(({ restarts }) => restarts)).to.deep.equal([0, 0]);
    const refused = await live.put('late', { targets: at('127.0.0.1') }).catch((reason: unknown) => reason);
    expect(refused).to.be.instanceOf(LlamaError).with.property('code', 'LLAMA_NOT_READY');
  });

  it('numbers of removed streams are given out again after their quarantine, not before', async function () {
    this.timeout(30_000);
    const live = await start();
    const group = { period: '20ms', timeout: '50ms', targets: at('127.0.0.1', '127.0.0.2') };
    const streamsOf = (name: string): number[] =>
      [...new Set([...live.paths(name)].map(({ stream }) => stream))].sort();
    await live.put('first', group);
    await waitFor('the first', () => streamsOf('first').length === 2);
    await live.collector.deleteGroup('first');
    await live.put('second', group);
    await waitFor('the second', () => streamsOf('second').length === 2);
    expect(streamsOf('second')).to.deep.equal([2, 3]);
    let found = 0;
    await waitFor(
      'a number given out again',
      async () => {
        const name = `again${found++}`;
        await live.put(name, { ...group, targets: at('127.0.0.9') });
        await waitFor('it is reported', () => streamsOf(name).length === 1);
        return streamsOf(name)[0] < 2;
      },
      20_000,
      500,
    );
    expect(found).to.be.greaterThan(2);
    await expectAccounted(live);
    const sums = live.sums();
    // A reflector that is held up for 50 ms answers late.
    expect(sums.lost - sums.late).to.equal(0);
  });

  it('measures IPv6 targets on the same source ports as IPv4', async () => {
    const six = await startReflector('::1');
    try {
      const live = await start();
      const targets = [{ address: '::1', port: six.port }, ...at('127.0.0.1')];
      await live.put('both', { period: '10ms', timeout: '1s', classes: ['cs0', 'ef'], targets });
      await waitFor('results', () => live.sums().received > 200);
      await expectAccounted(live);
      expect(live.sums().lost).to.equal(0);
      const families = new Set(live.intervals.flatMap(({ infos }) => infos.map(({ target }) => target.family)));
      expect([...families].sort()).to.deep.equal([4, 6]);
      expect(live.collector.sourcePorts(6, STAMP).length).to.equal(2);
    } finally {
      await six.reflector.close();
    }
  });

  it('a port that is taken makes the start fail by name, and leaves no descriptor open', async () => {
    const taken = UdpSocket.open({ family: 4, address: '0.0.0.0', port: 0 });
    const before = openDescriptors();
    for (let i = 0; i < 2; i++) {
      const error = await Collector.start(liveConfig({ ports: 4, basePort: taken.port - 2 }), { logger: silent }).catch(
        (reason: unknown) => reason,
      );
      expect(error).to.be.instanceOf(LlamaError).with.property('code', 'LLAMA_ADDRESS_IN_USE');
      expect((error as LlamaError).message).to.include(`:${taken.port}`);
      expect(openDescriptors()).to.equal(before);
    }
    taken.close();
  });

  it('leaves no descriptor open after close', async () => {
    const round = async (): Promise<number> => {
      const live = await Live.start({ ports: 4, workers: 2 });
      await live.put('west', { period: '10ms', timeout: '50ms', targets: at('127.0.0.1') });
      await live.collector.close();
      await live.collector.close();
      return openDescriptors();
    };
    // The first opens what the process keeps.
    const before = await round();
    await waitFor('the same number', async () => (await round()) <= before);
  });
});
