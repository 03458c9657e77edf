import { expect } from 'chai';
import { Gate } from '../../../../src/scraper/polling/requestLimiter.js';
import { FakeTiming, NEVER, rejection, settled } from '../../../support/fakes/timing.js';

describe('the limiter of requests', () => {
  it('admits a bounded number at a time, first come, first served', async () => {
    const gate = new Gate(2, new FakeTiming());
    const order: number[] = [];
    const ends: (() => void)[] = [];
    const all = [1, 2, 3, 4].map((n) =>
      gate.run(() => {
        order.push(n);
        return new Promise<void>((resolve) => ends.push(resolve));
      }, NEVER),
    );
    await settled();
    expect(order).to.deep.equal([1, 2]);
    ends[0]();
    await settled();
    expect(order).to.deep.equal([1, 2, 3]);
    for (let i = 1; i < 4; i++) {
      ends[i]();
      await settled();
    }
    await Promise.all(all);
    expect(order).to.deep.equal([1, 2, 3, 4]);
  });

  it('gives the place of one that takes longer than a second to the next, once', async () => {
    const timing = new FakeTiming();
    const gate = new Gate(1, timing);
    const started: string[] = [];
    let end = (): void => {};
    const slow = gate.run(() => {
      started.push('slow');
      return new Promise<void>((resolve) => {
        end = resolve;
      });
    }, NEVER);
    const others = ['a', 'b'].map((name) => gate.run(async () => started.push(name), NEVER));
    await settled();
    expect(started).to.deep.equal(['slow']);
    expect(timing.waitMs).to.equal(1000);
    await timing.next();
    await Promise.all(others);
    expect(started).to.deep.equal(['slow', 'a', 'b']);
    end();
    await slow;
    let inside = 0;
    let most = 0;
    const work = async (): Promise<void> => {
      inside += 1;
      most = Math.max(most, inside);
      await settled();
      inside -= 1;
    };
    await Promise.all([1, 2, 3].map(() => gate.run(work, NEVER)));
    expect(most).to.equal(1);
  });

  it('is left by one that fails, and by one that is called off while it waits', async () => {
    const gate = new Gate(1, new FakeTiming());
    const failing = gate.run(() => Promise.reject(new Error('failed')), NEVER);
    const ending = new AbortController();
    const called = gate.run(async () => 'ran', ending.signal);
    ending.abort(new Error('called off'));
    expect((await rejection(called)).message).to.equal('called off');
    expect((await rejection(failing)).message).to.equal('failed');
    expect(await gate.run(async () => 'ran', NEVER)).to.equal('ran');
  });
});
