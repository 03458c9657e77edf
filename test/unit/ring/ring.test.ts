import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { createRing, Outcome, RECORD_BYTES, RingConsumer, RingProducer, ringBytes } from '../../../src/ring/ring.js';
import { recordChecksum, type StressTask } from './stressProducer.js';

const HEAD = 0;
const TAIL = 16;

function push(ring: RingProducer, path: number): boolean {
  return ring.push(path, Outcome.received, 5, 184, 63, path * 10, path * 10 + 7, path * 2, path * 3);
}

function readAll(ring: RingConsumer): number[] {
  const paths: number[] = [];
  const count = ring.begin();
  for (let i = 0; i < count; i++) {
    ring.select(i);
    paths.push(ring.path);
  }
  ring.release(count, count);
  return paths;
}

describe('Ring', () => {
  it('returns every field of a record unchanged', () => {
    const memory = createRing(4);
    const producer = new RingProducer(memory);
    const consumer = new RingConsumer(memory);
    producer.push(4_294_967_295, Outcome.late, 3, 255, 254, 1.5e15, 1.5e15 + 0.25, 4_294_967_294, 4_294_967_293);
    producer.publish();
    expect(consumer.begin()).to.equal(1);
    consumer.select(0);
    const { path, outcome, flags, tos, ttl, sentNs, receivedNs, residenceNs, sequence } = consumer;
    expect([path, outcome, flags, tos, ttl]).to.deep.equal([4_294_967_295, Outcome.late, 3, 255, 254]);
    expect([sentNs, receivedNs]).to.deep.equal([1.5e15, 1.5e15 + 0.25]);
    expect([residenceNs, sequence]).to.deep.equal([4_294_967_294, 4_294_967_293]);
  });

  it('refuses a capacity that is not a power of two', () => {
    for (const capacity of [0, 1, 3, 12, 1000]) expect(() => ringBytes(capacity)).to.throw(RangeError, `${capacity}`);
    expect(ringBytes(8) - ringBytes(4)).to.equal(4 * RECORD_BYTES);
  });

  it('shows records only after they are published', () => {
    const memory = createRing(4);
    const producer = new RingProducer(memory);
    const consumer = new RingConsumer(memory);
    push(producer, 1);
    expect(consumer.begin()).to.equal(0);
    expect(consumer.size).to.equal(0);
    producer.publish();
    expect(consumer.begin()).to.equal(1);
    expect(consumer.size).to.equal(1);
  });

  it('refuses a record when it is full, without overwriting', () => {
    const memory = createRing(4);
    const producer = new RingProducer(memory);
    const consumer = new RingConsumer(memory);
    for (let path = 0; path < 4; path++) expect(push(producer, path)).to.equal(true);
    producer.publish();
    for (let path = 90; path < 95; path++) expect(push(producer, path)).to.equal(false);
    producer.publish();
    expect(producer.size).to.equal(4);
    expect(readAll(consumer)).to.deep.equal([0, 1, 2, 3]);
    expect(push(producer, 4)).to.equal(true);
    producer.publish();
    expect(readAll(consumer)).to.deep.equal([4]);
  });

  it('refuses unpublished records beyond its capacity', () => {
    const producer = new RingProducer(createRing(2));
    expect([push(producer, 1), push(producer, 2), push(producer, 3)]).to.deep.equal([true, true, false]);
  });

  it('frees the space of released records, not of records that were only read', () => {
    const memory = createRing(4);
    const producer = new RingProducer(memory);
    const consumer = new RingConsumer(memory);
    for (let path = 0; path < 4; path++) push(producer, path);
    producer.publish();
    consumer.begin();
    consumer.select(3);
    expect(push(producer, 9)).to.equal(false);
    consumer.release(1, 1);
    expect([push(producer, 9), push(producer, 10)]).to.deep.equal([true, false]);
  });

  it('continues when head and tail pass 2^32', () => {
    const memory = createRing(8);
    const header = new Uint32Array(memory, 0, 32);
    header[HEAD] = 2 ** 32 - 5;
    header[TAIL] = 2 ** 32 - 5;
    const producer = new RingProducer(memory);
    const consumer = new RingConsumer(memory);
    const seen: number[] = [];
    let pushed = 0;
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < 3; i++) expect(push(producer, pushed++)).to.equal(true);
      producer.publish();
      expect(producer.size).to.equal(3);
      seen.push(...readAll(consumer));
    }
    expect(seen).to.deep.equal(Array.from({ length: 15 }, (_, path) => path));
    expect(header[HEAD]).to.equal(10);
    for (let i = 0; i < 8; i++) expect(push(producer, i)).to.equal(true);
    expect(push(producer, 8)).to.equal(false);
  });

  it('is full at its capacity also when the head has passed 2^32 and the tail has not', () => {
    const memory = createRing(8);
    const header = new Uint32Array(memory, 0, 32);
    header[HEAD] = 2 ** 32 - 3;
    header[TAIL] = 2 ** 32 - 3;
    const producer = new RingProducer(memory);
    for (let i = 0; i < 8; i++) expect(push(producer, i)).to.equal(true);
    expect(push(producer, 8)).to.equal(false);
    producer.publish();
    expect(readAll(new RingConsumer(memory))).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it('lets a new producer continue after the last published record', () => {
    const memory = createRing(8);
    const first = new RingProducer(memory);
    push(first, 1);
    first.publish();
    push(first, 2);
    const second = new RingProducer(memory);
    push(second, 3);
    second.publish();
    expect(readAll(new RingConsumer(memory))).to.deep.equal([1, 3]);
  });

  it('lets a new consumer continue after the released records, with the totals', () => {
    const memory = createRing(8);
    const producer = new RingProducer(memory);
    for (let path = 0; path < 5; path++) push(producer, path);
    producer.publish();
    const first = new RingConsumer(memory);
    first.begin();
    first.release(2, 1);
    first.lossesReported += 4;
    first.select(0);
    const second = new RingConsumer(memory);
    expect(second.finalsReleased).to.equal(1);
    expect(second.lossesReported).to.equal(4);
    expect(readAll(second)).to.deep.equal([2, 3, 4]);
    expect(second.finalsReleased).to.equal(4);
  });

  it('keeps head and tail on separate cache lines, and its totals away from the records', () => {
    const memory = createRing(2);
    const producer = new RingProducer(memory);
    const consumer = new RingConsumer(memory);
    push(producer, 0xffff_ffff);
    producer.publish();
    consumer.release(consumer.begin(), 1);
    consumer.lossesReported = 3;
    expect(new Uint32Array(memory)[HEAD]).to.equal(1);
    expect(new Uint32Array(memory)[TAIL]).to.equal(1);
    expect([...new Float64Array(memory, 72, 2)]).to.deep.equal([1, 3]);
    expect(new Uint32Array(memory, 128)[0]).to.equal(0xffff_ffff);
  });

  it('passes 300,000 records from another thread complete and in order', async () => {
    const task: StressTask = { memory: createRing(256), records: 300_000, batch: 37 };
    const worker = new Worker(new URL('./stressProducer.js', import.meta.url), { workerData: task });
    const failed = once(worker, 'error').then(([error]) => Promise.reject(error));
    failed.catch(() => undefined);
    const consumer = new RingConsumer(task.memory);
    let read = 0;
    let wrong = 0;
    const deadline = performance.now() + 50_000;
    while (read < task.records) {
      const count = consumer.begin();
      expect(count).to.be.at.most(256);
      for (let i = 0; i < count; i++) {
        consumer.select(i);
        const { path, outcome, flags, tos, ttl, sentNs, receivedNs, residenceNs } = consumer;
        if (consumer.sequence !== read + i) wrong++;
        if (residenceNs !== recordChecksum(path, outcome, flags, tos, ttl, sentNs, receivedNs)) wrong++;
      }
      consumer.release(count, count);
      read += count;
      if (count === 0) {
        await Promise.race([new Promise((resolve) => setImmediate(resolve)), failed]);
        if (performance.now() > deadline) break;
      }
    }
    await worker.terminate();
    expect(read).to.equal(task.records);
    expect(wrong).to.equal(0);
    expect(consumer.finalsReleased).to.equal(task.records);
  }).timeout(60_000);
});
