import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { SystemClock } from '../../../src/net/clock.js';
import { closeDescriptor, openWake, PollSet, wake } from '../../../src/net/poll.js';

describe('PollSet', () => {
  let wakeFd: number;
  beforeEach(() => {
    wakeFd = openWake();
  });
  afterEach(() => closeDescriptor(wakeFd));

  it('waits for the requested time, within a millisecond', () => {
    const set = new PollSet(wakeFd, []);
    const clock = new SystemClock();
    for (const ns of [0, 200_000, 3e6, 1.02e9]) {
      const startNs = clock.nowNs();
      expect(set.wait(ns)).to.equal(0);
      expect(clock.nowNs() - startNs).to.be.at.least(ns);
    }
  });

  it('returns at once, and once only, when woken before', () => {
    const set = new PollSet(wakeFd, []);
    wake(wakeFd);
    wake(wakeFd);
    expect(set.sleep(60e9)).to.equal(1);
    expect(set.sleep(0)).to.equal(0);
  });

  it('returns when another thread wakes it', async () => {
    const set = new PollSet(wakeFd, []);
    const poll = new URL('../../../src/net/poll.js', import.meta.url).href;
    const worker = new Worker(`import(${JSON.stringify(poll)}).then(({ wake }) => wake(${wakeFd}))`, { eval: true });
    expect(set.sleep(60e9)).to.equal(1);
    await worker.terminate();
  });

  it('reports a nonexistent descriptor as ready and not readable', () => {
    const set = new PollSet(wakeFd, [9999]);
    expect(set.wait(60e9)).to.equal(1);
    expect([set.readable(0), set.hasErrors(0)]).to.deep.equal([false, false]);
  });
});
