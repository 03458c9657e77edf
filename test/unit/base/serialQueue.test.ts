import { expect } from 'chai';
import { SerialQueue } from '../../../src/base/serialQueue.js';

describe('SerialQueue', () => {
  it('runs one item at a time, in the order of the calls', async () => {
    const queue = new SerialQueue();
    const events: string[] = [];
    const releases: (() => void)[] = [];
    const item = (name: string) => async (): Promise<string> => {
      events.push(`${name} begins`);
      await new Promise<void>((resolve) => releases.push(resolve));
      events.push(`${name} ends`);
      return name;
    };
    const results = [queue.run(item('a')), queue.run(item('b'))];
    await Promise.resolve();
    expect(events).to.deep.equal(['a begins']);
    releases[0]();
    await results[0];
    await Promise.resolve();
    expect(events).to.deep.equal(['a begins', 'a ends', 'b begins']);
    releases[1]();
    expect(await Promise.all(results)).to.deep.equal(['a', 'b']);
  });

  it('rejects the result of failed work and runs the next item', async () => {
    const queue = new SerialQueue();
    const failed = queue.run(() => Promise.reject(new Error('full disk')));
    const next = queue.run(async () => 'next');
    expect(await failed.catch((error: Error) => error.message)).to.equal('full disk');
    expect(await next).to.equal('next');
  });

  it('treats a synchronous throw as a failure of that item', async () => {
    const queue = new SerialQueue();
    const failed = queue.run(() => {
      throw new Error('at once');
    });
    expect(await failed.catch((error: Error) => error.message)).to.equal('at once');
    expect(await queue.run(async () => 2)).to.equal(2);
  });

  it('settles after all queued work, failed or not', async () => {
    const queue = new SerialQueue();
    let ended = 0;
    for (const fails of [false, true, false])
      void queue
        .run(async () => {
          await Promise.resolve();
          ended += 1;
          if (fails) throw new Error('failed');
        })
        .catch(() => undefined);
    await queue.settled();
    expect(ended).to.equal(3);
  });
});
