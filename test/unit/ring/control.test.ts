import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { ControlBlock, PROBER_COUNTERS, ThreadState } from '../../../src/ring/control.js';

const NAMES = ['first', 'second', 'third'] as const;

describe('ControlBlock', () => {
  it('shows each side the other side’s writes', () => {
    const main = new ControlBlock(NAMES);
    const thread = new ControlBlock(NAMES, main.memory);
    thread.state = ThreadState.draining;
    thread.applied = 17;
    thread.beat();
    thread.counters[thread.index('second')] += 2 ** 40;
    expect(main.state).to.equal(ThreadState.draining);
    expect(main.applied).to.equal(17);
    expect(main.heartbeat).to.equal(1);
    expect(main.read('second')).to.equal(2 ** 40);
    expect(main.snapshot()).to.deep.equal({ first: 0, second: 2 ** 40, third: 0 });
  });

  it('keeps its counters apart from its header', () => {
    const control = new ControlBlock(NAMES);
    control.counters.fill(Number.MAX_SAFE_INTEGER);
    expect([control.doorbell, control.state, control.applied, control.heartbeat]).to.deep.equal([0, 0, 0, 0]);
    expect(new Set(PROBER_COUNTERS).size).to.equal(PROBER_COUNTERS.length);
  });

  it('changes its doorbell at every ring, so that a ring before the wait is noticed', () => {
    const control = new ControlBlock(NAMES);
    const seen = control.doorbell;
    control.ring();
    expect(control.doorbell).to.not.equal(seen);
    const started = performance.now();
    control.waitDoorbell(seen, 10_000);
    expect(performance.now() - started).to.be.below(5_000);
  });

  it('wakes a thread that sleeps on the doorbell', async () => {
    const control = new ControlBlock(NAMES);
    const source = `
      const { parentPort, workerData } = require('node:worker_threads');
      const header = new Int32Array(workerData);
      Atomics.store(header, 17, 1);
      parentPort.postMessage(Atomics.wait(header, 0, 0, 15000));`;
    const worker = new Worker(source, { eval: true, workerData: control.memory });
    const answer = once(worker, 'message');
    while (control.applied !== 1) await new Promise((resolve) => setImmediate(resolve));
    control.ring();
    const [outcome] = await answer;
    await worker.terminate();
    expect(outcome).to.be.oneOf(['ok', 'not-equal']);
  });
});
