import { expect } from 'chai';
import { atOnce, Breather, inTurns, yieldNow } from '../../../src/base/yielding.js';

/** Keeps the thread busy. */
function block(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}

describe('yieldNow', () => {
  it('continues after work that was queued before', async () => {
    const order: string[] = [];
    setImmediate(() => order.push('other'));
    await yieldNow();
    order.push('this');
    expect(order).to.deep.equal(['other', 'this']);
  });
});

describe('Breather', () => {
  it('is due after enough time, and not directly after a breath', async () => {
    const breather = new Breather();
    block(3);
    expect(breather.dueNow).to.equal(true);
    await breather.breathe();
    expect(breather.dueNow).to.equal(false);
  });

  it('reads the clock on every 64th question only', () => {
    const breather = new Breather();
    block(3);
    const due = Array.from({ length: 128 }, () => breather.due);
    expect([...due.keys()].filter((i) => due[i])).to.deep.equal([63, 127]);
  });

  it('continues one breather in each iteration of the event loop', async () => {
    const order: string[] = [];
    const iterations = (async () => {
      for (let i = 1; i <= 4; i++) {
        await yieldNow();
        order.push(`iteration ${i}`);
      }
    })();
    const breaths = ['a', 'b', 'c'].map(async (name) => {
      await new Breather().breathe();
      order.push(name);
    });
    await Promise.all([iterations, ...breaths]);
    expect(order).to.deep.equal(['iteration 1', 'a', 'iteration 2', 'b', 'iteration 3', 'c', 'iteration 4']);
  });
});

describe('work in a generator', () => {
  function* sum(items: readonly number[]): Generator<void, number> {
    let total = 0;
    for (const item of items) {
      total += item;
      yield;
    }
    return total;
  }

  it('runs to its end at once', () => {
    expect(atOnce(sum([1, 2, 3]))).to.equal(6);
  });

  it('pauses at each yield', async () => {
    let pauses = 0;
    const pause = async (): Promise<void> => void pauses++;
    expect(await inTurns(sum([1, 2, 3]), pause)).to.equal(6);
    expect(pauses).to.equal(3);
  });

  it('passes on an error', async () => {
    function* failing(): Generator<void, never> {
      yield;
      throw new Error('found nothing');
    }
    expect(await inTurns(failing(), yieldNow).catch((error: Error) => error.message)).to.equal('found nothing');
  });
});
