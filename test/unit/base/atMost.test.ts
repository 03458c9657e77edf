import { expect } from 'chai';
import { atMost } from '../../../src/base/atMost.js';

describe('atMost', () => {
  it('gives the result of work that ends in time', async () => {
    expect(await atMost(Promise.resolve(5), 60_000)).to.equal(5);
  });

  it('passes on the failure of work that ends in time', async () => {
    const failed = atMost(Promise.reject(new Error('full disk')), 60_000);
    expect(await failed.catch((error: Error) => error.message)).to.equal('full disk');
  });

  it('gives undefined after the time, and ignores a later failure', async () => {
    let fail = (_: Error): void => {};
    const work = new Promise<number>((_, reject) => {
      fail = reject;
    });
    expect(await atMost(work, 1)).to.equal(undefined);
    fail(new Error('too late'));
    await Promise.resolve();
  });

  it('clears its timer', async () => {
    const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    // Mocha's own timer is set when the test has returned its promise.
    await new Promise((resolve) => setImmediate(resolve));
    const before = timers();
    await atMost(Promise.resolve(), 60_000);
    expect(timers()).to.equal(before);
  });
});
