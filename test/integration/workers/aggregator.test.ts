import { once } from 'node:events';
import { MessageChannel, Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { ControlBlock, PROBER_COUNTERS, ThreadState } from '../../../src/ring/control.js';
import { createRing, Outcome, RingProducer } from '../../../src/ring/ring.js';
import { AGGREGATOR_COUNTERS, type AggregatorTask, type FromAggregator } from '../../../src/threads/messages.js';

describe('aggregator thread', () => {
  let worker: Worker | undefined;
  after(() => worker?.terminate());

  it('reads rings, answers messages without an event loop, and ends after a flush', async () => {
    const { port1, port2 } = new MessageChannel();
    const control = new ControlBlock(AGGREGATOR_COUNTERS);
    const prober = { ring: createRing(1024), control: new ControlBlock(PROBER_COUNTERS).memory };
    const nowMs = Date.now();
    const epochS = Math.floor(nowMs / 1000);
    const lineNs = (nowMs - epochS * 1000) * 1e6;
    const timeBase = { epochS, monotonicBaseNs: Number(process.hrtime.bigint()) - lineNs };
    const start = {
      timeBase,
      intervalMs: 60_000,
      sourcePorts: 2,
      control: control.memory,
      probers: [prober],
      resumeAfterMs: 0,
    };
    const task: AggregatorTask = { start, port: port2 };
    worker = new Worker(new URL('../../../workers/aggregator.js', import.meta.url), {
      workerData: task,
      transferList: [port2],
    });
    const failed = once(worker, 'error').then(([error]) => Promise.reject(error));
    failed.catch(() => undefined);
    const ended = once(worker, 'exit');

    port1.postMessage({ type: 'streams', rows: [{ id: 0, prefix: '{"id":0,' }] });
    const producer = new RingProducer(prober.ring);
    for (let i = 0; i < 500; i++)
      producer.push(i % 2, Outcome.received, 0, 0, 64, lineNs, lineNs + 5000 + i, 1000, i >> 1);
    producer.publish();
    control.ring();
    while (control.read('consumed') < 500)
      await Promise.race([new Promise((resolve) => setTimeout(resolve, 5)), failed]);
    expect(control.state).to.equal(ThreadState.running);

    const messages: FromAggregator[] = [];
    const flushed = new Promise<void>((resolve) => {
      port1.on('message', (message: FromAggregator) => {
        messages.push(message);
        if (message.type === 'flushed') resolve();
      });
    });
    port1.postMessage({ type: 'flush' });
    control.ring();
    await Promise.race([flushed, failed]);
    await Promise.race([ended, failed]);
    port1.close();
    expect(control.state).to.equal(ThreadState.stopped);
    const reported = messages.flatMap((message) => (message.type === 'interval' ? [message.report.sent] : []));
    expect(reported.reduce((sum, sent) => sum + sent, 0)).to.equal(500);
    expect(control.read('orphans')).to.equal(0);
  });
});
