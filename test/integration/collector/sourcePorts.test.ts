/** Groups that probe from some of the collector's source ports only, on several threads. */

import { expect } from 'chai';
import type { Reflector } from '../../../src/reflector/reflector.js';
import { Live, startReflector } from '../../support/harness/live.js';
import { needs } from '../../support/harness/needs.js';
import { waitFor } from '../../support/harness/wait.js';

const STEP_MS = 10;

describe('sourcePorts of a group', () => {
  let reflector: Reflector;
  let port: number;
  let live: Live;

  before(async () => {
    ({ reflector, port } = await startReflector('0.0.0.0'));
  });
  beforeEach(async () => {
    live = await Live.start({ ports: 5, workers: 3 });
  });
  afterEach(() => live.collector.close(0));
  after(() => reflector.close());

  const put = (name: string, more: object) =>
    live.put(name, {
      period: `${STEP_MS}ms`,
      timeout: '500ms',
      port,
      targets: ['127.0.0.1', '127.0.0.2'],
      ...more,
    });
  /** Source ports that the group was probed from since `from` intervals were there. */
  const used = (group: string, from = 0): number[] => {
    const seen = new Set<number>();
    for (const path of live.paths(group, from)) if (path.sums.sent > 0) seen.add(path.port);
    return [...seen].sort();
  };

  for (const count of [1, 2, 4, 5])
    it(`${count} of 5: probes leave from the first ${count}, each path once a period`, async () => {
      await put('some', { sourcePorts: count });
      await put('all', { targets: ['127.0.0.3', '127.0.0.4'] });
      await live.moreIntervals(2);
      // From here on both groups are probed in whole intervals.
      const from = live.intervals.length;
      const { totals: before } = live.collector.status();
      await live.moreIntervals(5);
      await live.collector.stop();
      const { totals: after } = live.collector.status();
      expect(used('some')).to.deep.equal([0, 1, 2, 3, 4].slice(0, count));
      expect(used('all')).to.deep.equal([0, 1, 2, 3, 4]);
      const [some, all] = [live.sums('some', from), live.sums('all', from)];
      expect([some.lost, some.duplicates, all.lost]).to.deep.equal([0, 0, 0]);
      // What a thread that was held up skipped is missing in one or the other.
      const slips = after.scheduleSlips - before.scheduleSlips;
      expect(Math.abs(some.sent - (all.sent * count) / 5), `${slips} slips`).to.be.at.most(slips + 2 * 2 * 5);
    });

  it('counts only the paths and probes that are sent', async () => {
    await put('some', { sourcePorts: 2, classes: ['cs0', 'ef'] });
    await put('all', { sourcePorts: 5 });
    const { paths, probesPerSecond, workers } = live.collector.status();
    expect({ paths, probesPerSecond }).to.deep.equal({ paths: 8 + 10, probesPerSecond: 1800 });
    // Source ports 0 and 3, 1 and 4, 2: the first two are on the first two threads.
    expect(workers.map((worker) => worker.paths)).to.deep.equal([4 + 4, 4 + 4, 2]);
  });

  it('changes live: paths that stay go on with their sequence, and nothing is lost', async () => {
    await put('some', { sourcePorts: 1 });
    await waitFor('probes from the first', () => live.sums('some').received > 20);
    const streams = new Set([...live.paths('some')].map(({ stream }) => stream));
    await put('some', { sourcePorts: 5 });
    await waitFor('probes from all', () => used('some').length === 5);
    await put('some', { sourcePorts: 2 });
    // What was under way is reported by then.
    await live.moreIntervals(4);
    const from = live.intervals.length;
    await live.moreIntervals(2);
    expect(used('some', from)).to.deep.equal([0, 1]);
    await put('some', {});
    await waitFor('probes from all again', () => used('some', from).length === 5);
    await live.collector.stop();
    const sums = live.sums('some');
    expect([sums.lost, sums.reordered, sums.duplicates, sums.late]).to.deep.equal([0, 0, 0, 0]);
    expect(sums.sent).to.equal(sums.received);
    expect(new Set([...live.paths('some')].map(({ stream }) => stream))).to.deep.equal(streams);
  });

  it('a thread without any of the source ports hears of later changes of the group, and takes it over again', async () => {
    await put('some', { sourcePorts: 1 });
    await waitFor('probes', () => live.sums('some').received > 20);
    // Long enough for the thread to have forgotten what it has no use for.
    await put('some', { sourcePorts: 1, targets: ['127.0.0.2'] });
    await live.moreIntervals(10);
    await put('some', { targets: ['127.0.0.2'] });
    await waitFor('probes from all', () => used('some').length === 5);
    await live.collector.stop();
    const sums = live.sums('some');
    expect([sums.lost, sums.reordered, sums.duplicates]).to.deep.equal([0, 0, 0]);
  });

  it('of tcp-syn and of icmp with one path a class: changes live with the classes, and nothing is lost', async function () {
    needs(this, 'root');
    const common = { port: undefined, timeout: '50ms', period: '100ms' };
    await put('syns', { ...common, protocol: 'tcp-syn', sourcePorts: 2 });
    await put('echo', { ...common, protocol: 'icmp', classes: ['cs0', 'ef'] });
    const { paths, probesPerSecond, workers } = live.collector.status();
    expect({ paths, probesPerSecond }).to.deep.equal({ paths: 4 + 4, probesPerSecond: 80 });
    // Echo requests leave from the first thread.
    expect(workers.map((worker) => worker.paths)).to.deep.equal([2 + 4, 2, 0]);
    await waitFor('SYNs from two ports', () => used('syns').length === 2 && live.sums('syns').received > 20);
    await put('syns', { ...common, protocol: 'tcp-syn', classes: ['cs0', 'ef'] });
    await waitFor('SYNs from all ports', () => used('syns').length === 5);
    await put('syns', { ...common, protocol: 'tcp-syn', classes: ['ef'], sourcePorts: 3 });
    await live.moreIntervals(4);
    const from = live.intervals.length;
    await live.moreIntervals(2);
    expect(used('syns', from)).to.deep.equal([0, 1, 2]);
    await live.collector.stop();
    expect(used('echo')).to.deep.equal([0]);
    for (const group of ['syns', 'echo']) {
      const sums = live.sums(group);
      expect(sums.received, group).to.be.above(20).and.to.equal(sums.sent);
      expect([sums.reordered, sums.duplicates, sums.late], group).to.deep.equal([0, 0, 0]);
    }
  });

  it('refuses more than there are, and says what to do', async () => {
    const refused: unknown = await put('some', { sourcePorts: 6 }).catch((error: unknown) => error);
    expect(refused)
      .to.be.instanceOf(Error)
      .with.property(
        'message',
        '/groups/some/sourcePorts: found 6, expected at most the 5 source ports of the collector; lower it, leave it out to use all of them, or raise source.ports',
      );
    expect(live.collector.groups()).to.deep.equal([]);
  });
});
